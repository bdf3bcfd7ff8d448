//! One fact in its envelope: what is read can be written and read again, and our reader takes
//! everything that the committed schema admits, and writes nothing else then.

use std::sync::LazyLock;

use events::Envelope;
use jsonschema::Validator;
use serde_json::Value;

/// The schema of what we write.
static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let options = jsonschema::options().should_validate_formats(true);
    options.build(&events::schema::document()).expect("the schema is a schema")
});

/// Checks one input.
pub fn check(data: &[u8]) {
    let read = serde_json::from_slice::<Envelope>(data);
    if let Ok(envelope) = &read {
        let text = serde_json::to_string(envelope).expect("to JSON");
        let again: Envelope = serde_json::from_str(&text).expect("from our own JSON");
        assert_eq!(*envelope, again);
        assert_eq!(text, serde_json::to_string(&again).expect("to JSON"));
        let cause = envelope.as_cause();
        assert_eq!((cause.id, cause.correlation), (envelope.id, envelope.correlationid));
    }
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    // A whole number written as a fraction is the one thing that the schema cannot tell from one.
    if has_fraction(&value) || !SCHEMA.is_valid(&value) {
        return;
    }
    let envelope: Envelope = serde_json::from_value(value.clone()).expect("the schema admits it");
    let written = serde_json::to_value(envelope).expect("to JSON");
    let complaint = SCHEMA.validate(&written).err().map(|error| error.to_string());
    assert_eq!(complaint, None, "{written}");
}

fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_fraction),
        Value::Object(map) => map.values().any(has_fraction),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}
