//! Old events are read for ever: each file under `tests/corpus/events/v1/` is one that was, or
//! could have been, written by a released version.

use events::{Envelope, Event};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

use crate::corpus::{Found, corpus_dir, keep, pretty, read};
use crate::good;

/// At least so many examples of each kind of event.
const EXAMPLES_MIN: usize = 2;

#[test]
fn every_golden_event_is_read_and_written_again_as_it_was() {
    for (name, value) in read("events/v1") {
        let envelope = parse(&name, &value);
        assert_eq!(serde_json::to_value(&envelope).expect("to JSON"), value, "{name}");
        assert_eq!(value["type"], envelope.event.name(), "{name}");
    }
}

#[test]
fn there_are_several_golden_events_of_every_kind_in_the_schema() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (_, value) in read("events/v1") {
        *counts.entry(value["type"].as_str().expect("a type").to_owned()).or_default() += 1;
    }
    let schema = events::schema::document();
    let variants = schema["oneOf"].as_array().expect("the variants");
    let kinds: BTreeSet<&str> = variants
        .iter()
        .filter_map(|variant| variant.pointer("/properties/type/const")?.as_str())
        .collect();
    assert_eq!(kinds.len(), variants.len(), "each variant has a name of its own");
    for kind in kinds {
        let count = counts.get(kind).copied().unwrap_or(0);
        assert!(count >= EXAMPLES_MIN, "{kind}: {count} examples");
    }
}

/// A golden file is never rewritten: only one that is missing is added.
#[test]
fn what_is_written_today_is_among_the_golden_events() {
    for (name, envelope) in good::all() {
        let file = corpus_dir().join(format!("events/v1/{name}.json"));
        let text = pretty(&serde_json::to_value(&envelope).expect("to JSON"));
        if file.exists() {
            let golden = std::fs::read_to_string(&file).expect("a golden event");
            assert_eq!(
                golden, text,
                "{name}: a released event never changes; make a new version of it. One that was \
                 never released: remove the file, then UPDATE_EXPECT=1"
            );
        } else {
            assert_eq!(keep(&file, &text), Found::Same);
        }
    }
}

/// The CloudEvents project's own schema of its JSON format, as it is in `tests/corpus/cloudevents/`
/// (github.com/cloudevents/spec, cloudevents/formats/cloudevents.json, Apache-2.0), and its rule
/// that the names of attributes are small letters and digits.
#[test]
fn every_golden_event_is_a_cloud_event() {
    let file = corpus_dir().join("cloudevents/cloudevents.json");
    let text = std::fs::read_to_string(file).expect("the CloudEvents schema");
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    let validator = jsonschema::options().should_validate_formats(true).build(&schema);
    let validator = validator.expect("a schema");
    assert!(!validator.is_valid(&json!({"id": "1"})), "it refuses nothing");
    for (name, value) in read("events/v1") {
        let error = validator.validate(&value).err().map(|error| error.to_string());
        assert_eq!(error, None, "{name}");
        let small =
            |name: &String| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        assert!(value.as_object().expect("an object").keys().all(small), "{name}");
    }
}

/// What may be absent, and what a later version adds, hinders nobody.
#[test]
fn an_event_of_an_older_or_newer_writer_is_read() {
    let (_, mut value) = read("events/v1").swap_remove(0);
    let written = parse("as written", &value);
    let object = value.as_object_mut().expect("an object");
    for optional in ["datacontenttype", "dataschema"] {
        object.remove(optional);
    }
    object.insert("traceparent".to_owned(), json!("00-ab-cd-01"));
    object["data"]["later"] = json!({"more": 1});
    assert_eq!(parse("older and newer", &value), written);
}

/// The schema cannot tell 1.0 from 1; our reader can, and our writer never writes it.
#[test]
fn a_whole_number_written_as_a_fraction_is_the_one_thing_the_schema_cannot_refuse() {
    let (_, value) = good::all().swap_remove(9);
    assert!(matches!(value.event, Event::StartRequested { .. }));
    let mut value = serde_json::to_value(&value).expect("to JSON");
    value["data"]["generation"] = json!(1.0);
    let schema = jsonschema::validator_for(&events::schema::document()).expect("a schema");
    assert!(schema.is_valid(&value));
    assert!(serde_json::from_value::<Envelope>(value).is_err());
}

fn parse(name: &str, value: &Value) -> Envelope {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{name}: {error}"))
}
