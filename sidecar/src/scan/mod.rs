//! Walks over JSON as it streams by, takes out a few named values, and measures the model's own
//! text, in constant memory: no answer is too long to be metered. It never changes or delays a
//! byte.
//!
//! Only real keys at fixed depths count. A tool call of the model's with an argument named
//! `usage`, or the word in a text, is none.
//!
//! It is on the way of every answer, so what lies whole in one input is looked at where it lies, and
//! only what an input cuts is copied. The bytes have a meaning outside of strings (`meaning`), a
//! string has an end (`string`), a key means something at its place (`place`), and a value says
//! something (`value`).

mod meaning;
mod place;
mod string;
mod value;

use serde_json::{Map, Value};

use meaning::{Meaning, meaning, meaningless};
use place::{Field, Place};
use string::End;

/// The most bytes kept of one value. Usage objects are under 2 KiB; Anthropic's may hold a list.
const VALUE_LENGTH_MAX: usize = 16 * 1024;
/// The most bytes kept of one key; the longest that is looked for is
/// `amazon-bedrock-invocationMetrics`.
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

/// The walk over one document. Places count from the first byte of the input at hand.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// The names under which the model's own text is.
    texts: &'static [&'static [u8]],
    /// A bit for the length of each of them: most keys are of another.
    lengths: u64,
    place: Place,
    /// The string that goes on in the next input.
    cut: Option<Cut>,
    /// The beginning of the last string of the inputs before.
    key: Vec<u8>,
    /// Whether the value that comes now has the last string as its key.
    value_next: bool,
    capture: Option<Capture>,
    /// The beginning of the captured value, as far as it was in earlier inputs.
    captured: Vec<u8>,
    found: Found,
}

/// A string that goes on.
#[derive(Clone, Copy, Debug)]
struct Cut {
    in_text: bool,
    /// Whether a backslash is before the next byte.
    escaped: bool,
}

/// A value that is looked at when it is whole.
#[derive(Clone, Copy, Debug)]
struct Capture {
    field: Field,
    depth: u32,
    /// Where it begins, or goes on, in the input at hand.
    at: usize,
}

impl Scan {
    /// A walk that measures the strings with one of these names.
    pub(crate) fn new(texts: &'static [&'static [u8]]) -> Self {
        let lengths = texts.iter().fold(0, |lengths, name| lengths | length_bit(name));
        Self { texts, lengths, ..Self::default() }
    }

    /// Takes the next bytes; gives how many of them belong to the document.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> usize {
        if self.found.closed {
            return 0;
        }
        let (mut at, mut key) = (0, None);
        if let Some(cut) = self.cut.take() {
            let (name, length) = self.string(bytes, cut);
            extend(&mut self.key, name, KEY_LENGTH_MAX);
            at = length;
        }
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            match meaning(byte) {
                Meaning::None => at += meaningless(&bytes[at..]),
                Meaning::Quote => {
                    let rest = &bytes[at..];
                    let in_text = std::mem::take(&mut self.value_next) && self.is_text(key);
                    if !in_text && let Some(inside) = string::plain(rest) {
                        key = Some(inside);
                        at += inside.len() + 1;
                    } else {
                        let (name, length) = self.string(rest, Cut { in_text, escaped: false });
                        key = Some(name);
                        at += length;
                    }
                }
                Meaning::Colon => self.colon(key, at),
                Meaning::Comma => self.comma(bytes, at - 1),
                Meaning::Object => self.open(true),
                Meaning::List => self.open(false),
                Meaning::End => {
                    self.close(bytes, at - 1);
                    if self.found.closed {
                        return at;
                    }
                }
            }
        }
        self.keep(bytes, key);
        bytes.len()
    }

    /// Whether the document came to its end.
    pub(crate) fn is_closed(&self) -> bool {
        self.found.closed
    }

    /// Ends the document and starts the next, in the same memory.
    pub(crate) fn finish(&mut self) -> Found {
        let Self { texts: _, lengths: _, place, cut, key, value_next, capture, captured, found } =
            self;
        *place = Place::default();
        (*cut, *capture) = (None, None);
        key.clear();
        captured.clear();
        *value_next = false;
        std::mem::take(found)
    }

    /// A string of any kind, as far as it is in these bytes. Gives what may be a key, and how many of
    /// the bytes are the string's.
    fn string<'a>(&mut self, bytes: &'a [u8], cut: Cut) -> (&'a [u8], usize) {
        let Cut { in_text, escaped } = cut;
        let (inside, end) = string::part(bytes, escaped);
        let quote = end == End::Quote;
        if !quote {
            self.cut = Some(Cut { in_text, escaped: end == End::Escaped });
        }
        let length = inside.len() + usize::from(quote);
        if !in_text {
            return (inside, length);
        }
        let measured = string::length(inside, escaped) as u64;
        self.found.text_bytes = self.found.text_bytes.saturating_add(measured);
        // A text is no key, whatever follows it.
        (&[], length)
    }

    /// Whether the last string, which is in the input at hand if it is given, is the name of a text.
    fn is_text(&self, key: Option<&[u8]>) -> bool {
        let key = key.unwrap_or(&self.key);
        // Byte by byte, for names are short and mostly differ in the first.
        let same =
            |name: &&[u8]| name.len() == key.len() && name.iter().zip(key).all(|(a, b)| a == b);
        self.lengths & length_bit(key) != 0 && self.texts.iter().any(same)
    }

    fn colon(&mut self, key: Option<&[u8]>, at: usize) {
        self.value_next = true;
        // The colon is not part of the value.
        if let Some(field) = self.place.value(key.unwrap_or(&self.key))
            && self.capture.is_none()
        {
            self.capture = Some(Capture { field, depth: self.place.depth(), at });
        }
    }

    fn comma(&mut self, bytes: &[u8], at: usize) {
        self.value_next = false;
        if let Some(capture) = self.capture_that_ends() {
            self.tell(capture, bytes, at);
        }
        self.place.next();
    }

    fn open(&mut self, object: bool) {
        self.value_next = false;
        self.place.open(object);
        self.found.list |= self.place.depth() == 1 && !object;
    }

    fn close(&mut self, bytes: &[u8], at: usize) {
        self.value_next = false;
        if let Some(capture) = self.capture_that_ends() {
            self.tell(capture, bytes, at);
        }
        self.place.close();
        self.found.closed = self.place.depth() == 0;
    }

    /// The capture of a value at this depth.
    fn capture_that_ends(&mut self) -> Option<Capture> {
        let depth = self.place.depth();
        self.capture.take_if(|capture| capture.depth == depth)
    }

    /// Looks at a value that ends before this place. Of one that is too long the beginning is looked
    /// at, which is JSON only if nothing but space is cut off.
    fn tell(&mut self, capture: Capture, bytes: &[u8], end: usize) {
        let last = &bytes[capture.at..end];
        let value = if self.captured.is_empty() {
            &last[..last.len().min(VALUE_LENGTH_MAX + 1)]
        } else {
            extend(&mut self.captured, last, VALUE_LENGTH_MAX);
            &self.captured
        };
        value::tell(capture.field, value, &mut self.found);
        self.captured.clear();
    }

    /// Keeps what is needed of an input that is over.
    fn keep(&mut self, bytes: &[u8], key: Option<&[u8]>) {
        if let Some(key) = key {
            self.key.clear();
            extend(&mut self.key, key, KEY_LENGTH_MAX);
        }
        if let Some(capture) = &mut self.capture {
            extend(&mut self.captured, &bytes[capture.at..], VALUE_LENGTH_MAX);
            capture.at = 0;
        }
    }
}

/// The bit of a name's length.
fn length_bit(name: &[u8]) -> u64 {
    1 << name.len().min(63)
}

/// Keeps more bytes: at most one more than the most, so that what is longer never looks like what is
/// not.
fn extend(kept: &mut Vec<u8>, bytes: &[u8], most: usize) {
    let room = (most + 1).saturating_sub(kept.len());
    kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests;
