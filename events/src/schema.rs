//! The JSON Schema 2020-12 of [`Envelope`], generated from the types.
//!
//! It is closed: it describes what we write, so a field that it does not name is an error there.
//! Our own reader is tolerant, so that an older program can read what a newer one wrote.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::envelope::{DATA_SCHEMA, Envelope};

/// The schema document as it is committed in `events.schema.json`.
pub fn document() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Envelope>().to_value();
    if let Value::Object(root) = &mut schema {
        root.insert("$id".to_owned(), json!(DATA_SCHEMA));
        close_root(root);
    }
    for definition in definitions(&mut schema) {
        close(definition);
    }
    bound_integers(&mut schema);
    schema
}

fn definitions(schema: &mut Value) -> impl Iterator<Item = &mut Value> {
    schema.get_mut("$defs").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
}

/// The envelope is a flattened struct: its variants stand in `oneOf` beside its own properties,
/// which only `unevaluatedProperties` can close together.
fn close_root(root: &mut Map<String, Value>) {
    root.insert("unevaluatedProperties".to_owned(), json!(false));
    for variant in root.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(data) = variant.pointer_mut("/properties/data") {
            close(data);
        }
    }
}

/// Forbids properties that are not named, in this object and in the objects within.
fn close(schema: &mut Value) {
    let Value::Object(object) = schema else { return };
    if object.contains_key("properties") {
        object.entry("additionalProperties").or_insert(json!(false));
    }
    for keyword in ["oneOf", "anyOf", "allOf"] {
        object.get_mut(keyword).and_then(Value::as_array_mut).into_iter().flatten().for_each(close);
    }
}

/// Says in numbers what the generator says in formats of its own (`uint32`), which a validator
/// may ignore: how large an integer may be.
fn bound_integers(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            let largest = match object.get("format").and_then(Value::as_str) {
                Some("uint16") => Some(u64::from(u16::MAX)),
                Some("uint32") => Some(u64::from(u32::MAX)),
                Some("uint64") => Some(u64::MAX),
                _ => None,
            };
            if let Some(largest) = largest {
                object.remove("format");
                object.insert("maximum".to_owned(), json!(largest));
            }
            object.values_mut().for_each(bound_integers);
        }
        Value::Array(items) => items.iter_mut().for_each(bound_integers),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
