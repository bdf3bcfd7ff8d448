//! Walks over JSON as it streams by, takes out a few named values, and measures the model's own
//! text, in constant memory: no answer is too long to be metered. It never changes or delays a
//! byte.
//!
//! Only real keys at fixed depths count. A tool call of the model's with an argument named
//! `usage`, or the word in a text, is none.

use serde_json::{Map, Value};

/// The most bytes kept of one value. Usage objects are under 2 KiB; Anthropic's may hold a list.
const VALUE_LENGTH_MAX: usize = 16 * 1024;
/// The longest key that is looked at: `amazon-bedrock-invocationMetrics`.
const KEY_LENGTH_MAX: usize = 32;

/// What was found in one JSON document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// `usage` by any provider's name, at the top or in `message`, `response` or `x_groq`; `null` is
    /// not kept.
    pub(crate) usage: Option<Map<String, Value>>,
    /// `model`, likewise.
    pub(crate) model: Option<String>,
    /// `service_tier`, likewise.
    pub(crate) tier: Option<String>,
    /// Whether one of `choices` or `candidates` says why the model stopped, or the prompt was
    /// blocked.
    pub(crate) finished: bool,
    /// How many bytes the strings with one of the wanted names have, an escape counted as one byte
    /// and one by its number as four.
    pub(crate) text_bytes: u64,
    /// Which response it is about: `id` in `response`, or `response_id` at the top.
    pub(crate) response: Option<String>,
    /// `type`, at the top.
    pub(crate) kind: Option<String>,
    /// Whether the document came to its end.
    pub(crate) closed: bool,
    /// Whether it is a list.
    pub(crate) list: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Usage,
    Model,
    Tier,
    Response,
    Kind,
    Finish,
}

/// What the value at depth 1 is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Within {
    #[default]
    Other,
    /// An object around what we look for.
    Wrapper,
    /// A list of answers.
    Answers,
    /// What Gemini says about the prompt.
    Feedback,
}

/// The walk over one document.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// The names under which the model's own text is.
    texts: &'static [&'static [u8]],
    depth: u32,
    /// Whether the containers at depth 1 and 2 are objects.
    object: [bool; 3],
    within: Within,
    in_string: bool,
    escaped: bool,
    /// Whether the next string at this depth is a key.
    key_next: bool,
    /// Whether the string at hand may still be a short key.
    reading_key: bool,
    /// The beginning of the last string.
    key: Vec<u8>,
    /// Whether the value that comes now has the name of a text.
    text_next: bool,
    in_text: bool,
    capture: Option<(Field, u32)>,
    text: Vec<u8>,
    found: Found,
}

impl Scan {
    /// A walk that measures the strings with one of these names.
    pub(crate) fn new(texts: &'static [&'static [u8]]) -> Self {
        Self { texts, ..Self::default() }
    }

    /// Takes the next bytes; gives how many of them belong to the document.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if self.found.closed {
                break;
            }
            // Long texts are most of an answer: jump over them.
            if self.in_string && !self.escaped && !self.reading_key && self.capture.is_none() {
                let n = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
                if n > 0 {
                    self.measure(n);
                    rest = &rest[n..];
                    continue;
                }
            }
            self.byte(byte);
            rest = after;
        }
        bytes.len() - rest.len()
    }

    fn measure(&mut self, length: usize) {
        if self.in_text {
            self.found.text_bytes = self.found.text_bytes.saturating_add(length as u64);
        }
    }

    /// Whether the document came to its end.
    pub(crate) fn is_closed(&self) -> bool {
        self.found.closed
    }

    /// Ends the document and starts the next.
    pub(crate) fn finish(&mut self) -> Found {
        let next = Self::new(self.texts);
        std::mem::replace(self, next).found
    }

    fn byte(&mut self, byte: u8) {
        if self.in_string {
            self.keep(byte);
            self.string_byte(byte);
            return;
        }
        match byte {
            b'"' => {
                self.in_string = true;
                self.in_text = std::mem::take(&mut self.text_next);
                self.reading_key = !self.in_text;
                self.key.clear();
                self.keep(byte);
            }
            b'{' | b'[' => {
                self.text_next = false;
                self.keep(byte);
                self.open(byte == b'{');
            }
            b'}' | b']' => {
                self.end_capture(self.depth);
                self.depth = self.depth.saturating_sub(1);
                self.key_next = false;
                self.text_next = false;
                self.keep(byte);
                self.found.closed = self.depth == 0;
            }
            b',' => {
                self.text_next = false;
                self.end_capture(self.depth);
                self.keep(byte);
                if self.depth <= 2 {
                    let looked_at = self.depth == 1 || self.within != Within::Other;
                    self.key_next = looked_at && self.object[self.depth as usize];
                    if self.depth == 1 {
                        self.within = Within::Other;
                    }
                }
            }
            b':' => {
                self.keep(byte);
                self.text_next = self.texts.contains(&self.key.as_slice());
                let finish = self.depth == 3 && self.within == Within::Answers;
                if std::mem::take(&mut self.key_next) || finish {
                    self.begin_value();
                }
            }
            _ => self.keep(byte),
        }
    }

    fn string_byte(&mut self, byte: u8) {
        if self.escaped {
            self.escaped = false;
            self.measure(usize::from(byte != b'u'));
        } else if byte == b'\\' {
            self.escaped = true;
        } else if byte == b'"' {
            self.in_string = false;
            self.reading_key = false;
            return;
        } else {
            self.measure(1);
        }
        if self.reading_key {
            self.key.push(byte);
            // One byte more than the longest, so that a longer key never looks like one of ours.
            self.reading_key = self.key.len() <= KEY_LENGTH_MAX;
        }
    }

    fn open(&mut self, object: bool) {
        self.depth = self.depth.saturating_add(1);
        if self.depth <= 2 {
            self.object[self.depth as usize] = object;
        }
        self.found.list |= self.depth == 1 && !object;
        let looked_at = self.depth == 1 || self.depth == 2 && self.within != Within::Other;
        self.key_next = object && looked_at;
    }

    fn begin_value(&mut self) {
        if self.depth == 1 {
            self.within = match self.key.as_slice() {
                b"message" | b"response" | b"x_groq" => Within::Wrapper,
                b"choices" | b"candidates" => Within::Answers,
                b"promptFeedback" => Within::Feedback,
                _ => Within::Other,
            };
        }
        let ours = self.depth == 1 || self.depth == 2 && self.within == Within::Wrapper;
        let feedback = self.depth == 2 && self.within == Within::Feedback;
        let field = match self.key.as_slice() {
            b"usage" | b"usageMetadata" | b"amazon-bedrock-invocationMetrics" if ours => {
                Field::Usage
            }
            b"model" | b"modelVersion" if ours => Field::Model,
            b"service_tier" | b"serviceTier" if ours => Field::Tier,
            b"type" if self.depth == 1 => Field::Kind,
            b"response_id" if self.depth == 1 => Field::Response,
            b"id" if self.depth == 2 && self.within == Within::Wrapper => Field::Response,
            b"finish_reason" | b"finishReason" if self.depth == 3 => Field::Finish,
            b"blockReason" if feedback => Field::Finish,
            _ => return,
        };
        if self.capture.is_none() {
            self.capture = Some((field, self.depth));
            self.text.clear();
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.capture.is_some() && self.text.len() <= VALUE_LENGTH_MAX {
            self.text.push(byte);
        }
    }

    fn end_capture(&mut self, depth: u32) {
        let Some((field, at)) = self.capture else { return };
        if at != depth {
            return;
        }
        self.capture = None;
        // The colon that began the value is not part of it; a value cut at the limit is no JSON.
        let value = serde_json::from_slice(&self.text);
        match (field, value) {
            (Field::Usage, Ok(Value::Object(usage))) => self.found.usage = Some(usage),
            (Field::Model, Ok(Value::String(model))) => self.found.model = Some(model),
            (Field::Tier, Ok(Value::String(tier))) => self.found.tier = Some(tier),
            // Bedrock's is an object.
            (Field::Tier, Ok(Value::Object(tier))) => {
                let named = tier.get("type").and_then(Value::as_str).map(str::to_owned);
                self.found.tier = named.or(self.found.tier.take());
            }
            (Field::Response, Ok(Value::String(id))) => self.found.response = Some(id),
            (Field::Finish, Ok(Value::String(_))) => self.found.finished = true,
            (Field::Kind, Ok(Value::String(kind))) => self.found.kind = Some(kind),
            _ => {}
        }
    }
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str, step: usize) -> Found {
        let mut scan = Scan::default();
        for part in text.as_bytes().chunks(step) {
            scan.feed(part);
        }
        scan.finish()
    }

    #[test]
    fn the_same_is_found_however_the_bytes_are_cut() {
        let text = r#" {"type": "message_start" , "message":{"model":"m\"1","content":[{"usage":9}],
            "usage" : {"input_tokens":1,"x":{"usage":{"input_tokens":7}}}},"n":[1,{"model":"no"}]}"#;
        let whole = scan(text, text.len());
        assert_eq!(whole.kind.as_deref(), Some("message_start"));
        assert_eq!(whole.model.as_deref(), Some("m\"1"));
        assert_eq!(whole.usage.as_ref().expect("usage")["input_tokens"], 1);
        assert!(whole.closed);
        for step in 1..text.len() {
            assert_eq!(scan(text, step), whole, "cut every {step} bytes");
        }
    }

    #[test]
    fn only_a_real_key_at_its_place_counts() {
        for text in [
            r#"{"content":[{"input":{"usage":{"input_tokens":9}}}]}"#,
            r#"{"text":"\"usage\":{\"input_tokens\":9}"}"#,
            r#"{"text":"\\","more":"usage","x":{"input_tokens":9}}"#,
            r#"{"metadata":{"usage":{"input_tokens":9}}}"#,
            r#"{"usage_of_something":{"input_tokens":9}}"#,
            r#"{"messages":{"usage":{"input_tokens":9}}}"#,
            r#"{"usage":null}"#,
            r#"["usage",{"usage":{"input_tokens":9}}]"#,
            r#"{"message":"x","other":{"usage":{"input_tokens":9}}}"#,
            r#"{"other":{"a":1,"usage":{"input_tokens":9}}}"#,
        ] {
            assert_eq!(scan(text, 3).usage, None, "{text}");
        }
    }

    #[test]
    fn usage_has_other_names_elsewhere() {
        for (text, name) in [
            (r#"{"candidates":[],"usageMetadata":{"promptTokenCount":1}}"#, "promptTokenCount"),
            (r#"{"id":"c","x_groq":{"id":"r","usage":{"prompt_tokens":1}}}"#, "prompt_tokens"),
            (
                r#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":1}}"#,
                "inputTokenCount",
            ),
        ] {
            let found = scan(text, 5);
            assert_eq!(found.usage.expect(text)[name], 1, "{text}");
        }
        let tier = scan(r#"{"usage":{},"serviceTier":{"type":"flex"}}"#, 4).tier;
        assert_eq!(tier.as_deref(), Some("flex"));
    }

    #[test]
    fn which_response_a_message_is_about_is_told_at_its_place() {
        for (text, id) in [
            (
                r#"{"type":"response.done","response":{"object":"r","id":"r1","usage":{}}}"#,
                Some("r1"),
            ),
            (r#"{"type":"x","response_id":"r2","item":{"id":"i"},"delta":"d"}"#, Some("r2")),
            (r#"{"id":"evt","item_id":"i","item":{"response_id":"no","id":"i"}}"#, None),
        ] {
            assert_eq!(scan(text, 3).response.as_deref(), id, "{text}");
        }
    }

    #[test]
    fn why_the_model_stopped_is_told_only_at_its_place() {
        for (text, finished) in [
            (r#"{"choices":[{"index":0,"finish_reason":"stop"}]}"#, true),
            (r#"{"choices":[{"index":0,"delta":{"a":[1]},"finish_reason":"stop"}]}"#, true),
            (r#"{"candidates":[{"content":{"parts":[]},"finishReason":"STOP"}]}"#, true),
            (r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#, true),
            (r#"{"choices":[{"finish_reason":null}]}"#, false),
            (r#"{"candidates":[{"content":{"finishReason":"STOP"}}]}"#, false),
            (r#"{"other":[{"finish_reason":"stop"}]}"#, false),
            (r#"{"finish_reason":"stop","blockReason":"x"}"#, false),
        ] {
            assert_eq!(scan(text, 3).finished, finished, "{text}");
        }
    }

    #[test]
    fn the_models_text_is_measured_however_the_bytes_are_cut() {
        let long = "y".repeat(500);
        let text = format!(
            r#"{{"text":"four","x":"text","a":[{{"delta":{{"text":"a\n\"\u00e9"}}}}],"text_":"no",
            "text" : "{long}","n":{{"text":5,"b":"no"}},"l":{{"text":["no"],"c":"no"}}}}"#
        );
        for step in 1..text.len() {
            let mut scan = Scan::new(&[b"text"]);
            for part in text.as_bytes().chunks(step) {
                scan.feed(part);
            }
            assert_eq!(scan.finish().text_bytes, 4 + 7 + 500, "cut every {step} bytes");
        }
    }

    #[test]
    fn a_cut_document_is_not_closed_and_a_giant_value_is_not_kept() {
        assert!(!scan(r#"{"usage":{"input_tokens":1}"#, 5).closed);
        let text = format!(r#"{{"usage":{{"x":"{}"}},"model":"m"}}"#, "a".repeat(20_000));
        let found = scan(&text, 999);
        assert_eq!(found.usage, None);
        assert_eq!(found.model.as_deref(), Some("m"));
    }
}
