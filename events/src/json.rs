//! Values written as JSON where each byte counts: usage is written down several times a request.
//!
//! The bytes are those that serde_json writes. A text with nothing in it to be escaped, as names and
//! numbers of ours are, is copied in one piece and not looked at byte by byte.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// Writes a text, with its quotes.
pub fn text(to: &mut Vec<u8>, text: &str) {
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let odd = words.iter().fold(0, |odd, word| odd | escaped_in(u64::from_ne_bytes(*word)));
    if odd != 0 || rest.iter().copied().any(is_escaped) {
        return other(to, text);
    }
    plain(to, text);
}

/// Writes a text that has nothing in it that JSON would escape: an identity, a name of ours. It is not
/// looked at.
pub fn plain(to: &mut Vec<u8>, text: &str) {
    debug_assert!(!text.bytes().any(is_escaped), "{text:?}");
    to.reserve(text.len() + 2);
    to.push(b'"');
    to.extend_from_slice(text.as_bytes());
    to.push(b'"');
}

/// Writes a whole number.
pub fn number(to: &mut Vec<u8>, number: impl itoa::Integer) {
    to.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Writes `true` or `false`.
pub fn truth(to: &mut Vec<u8>, truth: bool) {
    to.extend_from_slice(if truth { b"true" } else { b"false" });
}

/// Writes `null`.
pub fn null(to: &mut Vec<u8>) {
    to.extend_from_slice(b"null");
}

/// Writes times of which one is mostly of the same second as the one before: what all of a second have
/// in common is printed once.
#[derive(Clone, Debug, Default)]
pub struct Times {
    second: i64,
    /// The second as a text, without the `Z`; empty before the first.
    text: String,
}

impl Times {
    /// Writes a time as jiff does: in UTC, with as many digits below the second as it has.
    pub fn write(&mut self, to: &mut Vec<u8>, time: Timestamp) {
        let (second, nanos) = (time.as_second(), time.subsec_nanosecond());
        let Ok(mut below) = u32::try_from(nanos) else {
            // Before 1970 both count down.
            return other(to, &time);
        };
        if self.text.is_empty() || self.second != second {
            let Ok(whole) = Timestamp::from_second(second) else { return other(to, &time) };
            self.text = whole.to_string();
            self.text.pop();
            self.second = second;
        }
        to.push(b'"');
        to.extend_from_slice(self.text.as_bytes());
        if below > 0 {
            let mut digits = *b".000000000";
            for digit in digits[1..].iter_mut().rev() {
                // A single decimal digit.
                *digit = b'0' + (below % 10) as u8;
                below /= 10;
            }
            let end = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
            to.extend_from_slice(&digits[..end]);
        }
        to.extend_from_slice(b"Z\"");
    }
}

/// Writes any value.
pub fn value(to: &mut Vec<u8>, what: &Value) {
    match what {
        Value::String(word) => text(to, word),
        Value::Array(values) => {
            to.push(b'[');
            for (n, value) in values.iter().enumerate() {
                comma(to, n);
                self::value(to, value);
            }
            to.push(b']');
        }
        Value::Object(fields) => {
            to.push(b'{');
            for (n, (name, value)) in fields.iter().enumerate() {
                comma(to, n);
                text(to, name);
                to.push(b':');
                self::value(to, value);
            }
            to.push(b'}');
        }
        Value::Number(some) => match some.as_u64() {
            Some(whole) => number(to, whole),
            None => other(to, some),
        },
        Value::Bool(so) => truth(to, *so),
        Value::Null => null(to),
    }
}

/// Writes whatever serde can.
pub fn other(to: &mut Vec<u8>, what: &(impl Serialize + ?Sized)) {
    let written = serde_json::to_writer(to, what);
    // Only a map with keys that are no text could fail, and nobody writes one here.
    debug_assert!(written.is_ok(), "{written:?}");
}

fn comma(to: &mut Vec<u8>, n: usize) {
    if n > 0 {
        to.push(b',');
    }
}

/// Not zero if one of eight bytes is escaped.
fn escaped_in(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    // A byte below the limit borrows its highest bit, unless that was there.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word;
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, 0x20) | is(b'"') | is(b'\\')) & (ONES << 7)
}

/// What RFC 8259 (section 7) wants escaped, as serde_json does: nothing else.
fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[a-z\"\\\\\n\u{7f}\u{80}/]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let fields = prop::collection::vec((any::<String>(), inner.clone()), 0..4);
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Value::from),
                fields.prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_bytes_are_those_of_serde_json(what in any_value()) {
            let mut written = Vec::new();
            value(&mut written, &what);
            prop_assert_eq!(written, serde_json::to_vec(&what).expect("JSON"));
        }

        #[test]
        fn times_are_written_as_jiff_does(
            all in prop::collection::vec((-2_i64..3, -999_999_999_i32..1_000_000_000), 1..12),
            about in prop_oneof![Just(0), Just(1_800_000_000), -300_000_000_000_i64..200_000_000_000],
            precision in prop_oneof![Just(1), Just(1_000_000), Just(1_000_000_000)],
        ) {
            let mut times = Times::default();
            for (second, nanos) in all {
                let Ok(time) = Timestamp::new(about + second, nanos / precision * precision) else {
                    continue;
                };
                let mut written = Vec::new();
                times.write(&mut written, time);
                prop_assert_eq!(written, serde_json::to_vec(&time).expect("JSON"));
            }
        }
    }

    #[test]
    fn each_character_is_written_as_serde_json_does() {
        for code in (0..0x300_u32).filter_map(char::from_u32) {
            let mut written = Vec::new();
            text(&mut written, &code.to_string());
            assert_eq!(written, serde_json::to_vec(&code.to_string()).expect("JSON"), "{code:?}");
        }
    }
}
