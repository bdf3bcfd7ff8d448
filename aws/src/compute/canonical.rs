//! JSON in one order, for snapshots: the SDK writes maps in any, and so does a `Value` in a build
//! where somebody asks for the order of insertion.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The same value with the keys of every object in order.
pub(super) fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<&String, &Value> = fields.iter().collect();
            let ordered = fields.into_iter().map(|(name, value)| (name.clone(), canonical(value)));
            Value::Object(ordered.collect::<Map<String, Value>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(canonical).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}
