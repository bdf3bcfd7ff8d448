//! Walks over JSON as it streams by and takes out a few named values, in constant memory: no
//! answer is too long to be metered. It never changes or delays a byte.
//!
//! Only real keys at fixed depths count. A tool call of the model's with an argument named
//! `usage`, or the word in a text, is none.

use serde_json::{Map, Value};

/// The most bytes kept of one value. Usage objects are under 2 KiB; Anthropic's may hold a list.
const VALUE_LENGTH_MAX: usize = 16 * 1024;
/// The longest key that is looked at; ours are under 16 bytes.
const KEY_LENGTH_MAX: usize = 16;

/// What was found in one JSON document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// `usage`, at the top or in `message` or `response`; `null` is not kept.
    pub(crate) usage: Option<Map<String, Value>>,
    /// `model`, likewise.
    pub(crate) model: Option<String>,
    /// `service_tier`, likewise.
    pub(crate) tier: Option<String>,
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
    Kind,
}

/// The walk over one document.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    depth: u32,
    /// Whether the containers at depth 1 and 2 are objects.
    object: [bool; 3],
    /// Whether the value at depth 1 is `message` or `response`.
    inside: bool,
    in_string: bool,
    escaped: bool,
    /// Whether the next string at this depth is a key.
    key_next: bool,
    reading_key: bool,
    key: Vec<u8>,
    capture: Option<(Field, u32)>,
    text: Vec<u8>,
    found: Found,
}

impl Scan {
    /// Takes the next bytes of the document.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if self.found.closed {
                return;
            }
            // Long texts are most of an answer: jump over them.
            if self.in_string && !self.escaped && !self.reading_key && self.capture.is_none() {
                match memchr::memchr2(b'"', b'\\', rest) {
                    None => return,
                    Some(0) => {}
                    Some(n) => {
                        rest = &rest[n..];
                        continue;
                    }
                }
            }
            self.byte(byte);
            rest = after;
        }
    }

    /// Whether the document came to its end.
    pub(crate) fn is_closed(&self) -> bool {
        self.found.closed
    }

    /// Ends the document and starts the next.
    pub(crate) fn finish(&mut self) -> Found {
        let done = std::mem::take(self);
        done.found
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
                self.reading_key = self.key_next && self.depth <= 2;
                self.key.clear();
                self.keep(byte);
            }
            b'{' | b'[' => {
                self.keep(byte);
                self.open(byte == b'{');
            }
            b'}' | b']' => {
                self.end_capture(self.depth);
                self.depth = self.depth.saturating_sub(1);
                self.key_next = false;
                self.keep(byte);
                self.found.closed = self.depth == 0;
            }
            b',' => {
                self.end_capture(self.depth);
                self.keep(byte);
                if self.depth <= 2 {
                    let looked_at = self.depth == 1 || self.inside;
                    self.key_next = looked_at && self.object[self.depth as usize];
                    self.inside &= self.depth != 1;
                }
            }
            b':' => {
                self.keep(byte);
                if self.key_next {
                    self.key_next = false;
                    self.begin_value();
                }
            }
            _ => self.keep(byte),
        }
    }

    fn string_byte(&mut self, byte: u8) {
        if self.escaped {
            self.escaped = false;
        } else if byte == b'\\' {
            self.escaped = true;
        } else if byte == b'"' {
            self.in_string = false;
            self.reading_key = false;
            return;
        }
        // One byte more than the longest, so that a longer key never looks like one of ours.
        if self.reading_key && self.key.len() <= KEY_LENGTH_MAX {
            self.key.push(byte);
        }
    }

    fn open(&mut self, object: bool) {
        self.depth = self.depth.saturating_add(1);
        if self.depth <= 2 {
            self.object[self.depth as usize] = object;
        }
        self.found.list |= self.depth == 1 && !object;
        self.key_next = object && (self.depth == 1 || (self.depth == 2 && self.inside));
    }

    fn begin_value(&mut self) {
        if self.depth == 1 {
            self.inside = matches!(self.key.as_slice(), b"message" | b"response");
        }
        let field = match self.key.as_slice() {
            b"usage" => Field::Usage,
            b"model" => Field::Model,
            b"service_tier" => Field::Tier,
            b"type" if self.depth == 1 => Field::Kind,
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
    fn a_cut_document_is_not_closed_and_a_giant_value_is_not_kept() {
        assert!(!scan(r#"{"usage":{"input_tokens":1}"#, 5).closed);
        let text = format!(r#"{{"usage":{{"x":"{}"}},"model":"m"}}"#, "a".repeat(20_000));
        let found = scan(&text, 999);
        assert_eq!(found.usage, None);
        assert_eq!(found.model.as_deref(), Some("m"));
    }
}
