//! What a captured value tells. Takes the value's own bytes; where they stood is known by its field.

use serde_json::{Map, Value};

use super::Found;
use super::place::Field;
use super::string::stands_for_itself;

/// Puts what the value says in its place; what is no JSON, or of another type, says nothing.
pub(super) fn tell(field: Field, text: &[u8], found: &mut Found) {
    let Some(begin) = text.iter().position(|byte| !space(*byte)) else { return };
    let text = &text[begin..];
    if let Some(plain) = plain(text) {
        return string(field, plain.to_owned(), found);
    }
    // Only strings and objects are looked for.
    if !matches!(text[0], b'"' | b'{') {
        return;
    }
    // An object may be read as a string: `serde_json` has a key that stands for a raw value.
    match serde_json::from_slice(text) {
        Ok(Value::String(text)) => string(field, text, found),
        Ok(Value::Object(members)) => object(field, members, found),
        _ => {}
    }
}

fn string(field: Field, text: String, found: &mut Found) {
    match field {
        Field::Usage => {}
        Field::Model => found.model = Some(text),
        Field::Tier => found.tier = Some(text),
        Field::Response => found.response = Some(text),
        Field::Kind => found.kind = Some(text),
        Field::Finish => found.finished = true,
    }
}

fn object(field: Field, members: Map<String, Value>, found: &mut Found) {
    match field {
        Field::Usage => found.usage = Some(members),
        // Bedrock's is an object.
        Field::Tier => {
            let named = members.get("type").and_then(Value::as_str).map(str::to_owned);
            found.tier = named.or(found.tier.take());
        }
        Field::Model | Field::Response | Field::Kind | Field::Finish => {}
    }
}

/// A string without escapes, which says the same to every reader.
fn plain(text: &[u8]) -> Option<&str> {
    let [b'"', inside @ .., b'"'] = text else { return None };
    if stands_for_itself(inside) { std::str::from_utf8(inside).ok() } else { None }
}

fn space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
