//! The committed schema, the types, and the schema of the last release.

use serde_json::Value;

use crate::compat;
use crate::corpus::{Found, corpus_dir, keep, pretty, root};

#[test]
fn the_committed_schema_is_what_the_types_give() {
    let current = pretty(&events::schema::document());
    assert_eq!(keep(&root().join("events.schema.json"), &current), Found::Same);
}

#[test]
fn the_committed_schema_is_itself_valid_json_schema() {
    let schema = events::schema::document();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(jsonschema::meta::is_valid(&schema));
}

/// A release copies `events.schema.json` to `tests/corpus/released/`. Nothing else does.
#[test]
fn whatever_the_last_release_wrote_can_still_be_read() {
    let file = corpus_dir().join("released/events.schema.json");
    let text = std::fs::read_to_string(&file).expect("the released schema");
    let released: Value = serde_json::from_str(&text).expect("JSON");
    let breaks = compat::breaks(&released, &events::schema::document());
    assert!(
        breaks.is_empty(),
        "this breaks readers of the last release; make a new event version instead:\n{}",
        breaks.join("\n")
    );
}

#[test]
fn every_object_that_we_write_is_closed() {
    let mut open = Vec::new();
    walk("", &events::schema::document(), &mut open);
    // The provider's own words are kept as they came; the variants are closed by their root.
    open.retain(|path| path != "/$defs/UsageRecord/properties/raw" && !is_variant(path));
    assert!(open.is_empty(), "not closed: {open:?}");
    assert_eq!(events::schema::document()["unevaluatedProperties"], false);
}

fn walk(path: &str, schema: &Value, open: &mut Vec<String>) {
    if let Value::Object(object) = schema {
        let is_object = match object.get("type") {
            Some(Value::String(name)) => name == "object",
            Some(Value::Array(names)) => names.iter().any(|name| name == "object"),
            _ => false,
        };
        let closed = object.get("additionalProperties") == Some(&Value::Bool(false));
        if is_object && !closed && !path.is_empty() {
            open.push(path.to_owned());
        }
        for (key, value) in object {
            walk(&format!("{path}/{key}"), value, open);
        }
    }
    for (n, item) in schema.as_array().into_iter().flatten().enumerate() {
        walk(&format!("{path}/{n}"), item, open);
    }
}

fn is_variant(path: &str) -> bool {
    path.strip_prefix("/oneOf/").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()))
}
