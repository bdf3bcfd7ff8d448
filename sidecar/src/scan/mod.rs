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
            // Strings are most of an answer: each is taken in one step, as far as it is plain.
            if self.in_string && !self.escaped {
                let n = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
                if n > 0 {
                    let (plain, after) = rest.split_at(n);
                    self.plain(plain);
                    rest = after;
                    continue;
                }
            }
            self.byte(byte);
            rest = after;
        }
        bytes.len() - rest.len()
    }

    /// The next bytes of a string, none of which ends it or escapes another.
    fn plain(&mut self, bytes: &[u8]) {
        if self.capture.is_some() {
            let room = (VALUE_LENGTH_MAX + 1).saturating_sub(self.text.len());
            self.text.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        self.measure(bytes.len());
        if self.reading_key {
            let room = (KEY_LENGTH_MAX + 1).saturating_sub(self.key.len());
            self.key.extend_from_slice(&bytes[..bytes.len().min(room)]);
            self.reading_key = self.key.len() <= KEY_LENGTH_MAX;
        }
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
mod tests;
