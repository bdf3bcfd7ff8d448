//! Values written as JSON where each byte counts: usage is written down several times a request.
//!
//! The bytes are those that serde_json writes. A text with nothing in it to be escaped, as names and
//! numbers of ours are, is copied in one piece and not looked at byte by byte.

use serde::Serialize;
use serde_json::Value;

/// Writes a text, with its quotes.
pub fn text(to: &mut Vec<u8>, text: &str) {
    if text.bytes().fold(false, |odd, byte| odd | is_escaped(byte)) {
        return other(to, text);
    }
    to.reserve(text.len() + 2);
    to.push(b'"');
    to.extend_from_slice(text.as_bytes());
    to.push(b'"');
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
        Value::Null | Value::Bool(_) | Value::Number(_) => other(to, what),
    }
}

/// Writes what has no texts of any length: numbers, words of an enumeration.
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
