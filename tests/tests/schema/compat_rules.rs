//! The comparison of schemas is put to the test: each kind of break is found, at its place and
//! alone; each kind of growth is let through.

use serde_json::{Value, json};

use crate::compat::breaks;

/// A change of the real schema: a name, how to make it, and the one complaint (`None`: allowed).
type Case = (&'static str, fn(&mut Value), Option<&'static str>);

const BREAKS: [Case; 16] = [
    (
        "an event type is gone",
        |s| drop_variant(s, "ready"),
        Some("type=teamclaw.workspace.ready.v1 is gone"),
    ),
    (
        "an event type is renamed",
        |s| {
            set(
                variant(s, "ready"),
                "/properties/type/const",
                json!("teamclaw.workspace.ready.v2"),
            );
        },
        Some("type=teamclaw.workspace.ready.v1 is gone"),
    ),
    (
        "a field of an event is gone",
        |s| remove(variant(s, "busy"), "/properties/data/properties", "looks"),
        Some("/data[object]/looks: is gone"),
    ),
    (
        "a new field is required",
        |s| {
            let busy = variant(s, "busy");
            set(busy, "/properties/data/properties/whom", json!({"type": "string"}));
            push(busy, "/properties/data/required", json!("whom"));
        },
        Some("/data[object]/whom: is required now"),
    ),
    (
        "an optional field is required",
        |s| {
            push(variant(s, "settings_changed"), "/properties/data/required", json!("idleTimeout"));
        },
        Some("/idleTimeout: is required now"),
    ),
    (
        "a nested optional field is required",
        |s| push(s, "/$defs/Reason/required", json!("hint")),
        Some("/reason[object]/hint: is required now"),
    ),
    (
        "an envelope field is required",
        |s| push(s, "/required", json!("subject")),
        Some("/subject: is required now"),
    ),
    (
        "an enum's value is gone",
        |s| drop_first(s, "/$defs/Step/oneOf"),
        Some("/step: \"prepare_home\" is gone"),
    ),
    (
        "a tagged alternative is gone",
        |s| drop_first(s, "/$defs/StopReason/oneOf"),
        Some("/reason: kind=idle is gone"),
    ),
    (
        "a field may no longer be null",
        |s| {
            set(s, "/$defs/Reason/properties/hint/type", json!("string"));
        },
        Some("/hint: null is gone"),
    ),
    (
        "a field has another type",
        |s| set(s, "/$defs/Gen/type", json!("string")),
        Some("/generation: integer is gone"),
    ),
    (
        "a text may be less long",
        |s| set(s, "/$defs/Reason/properties/words/maxLength", json!(599)),
        Some("/words[string]: maxLength is narrower now"),
    ),
    (
        "a number gets a lower bound",
        |s| set(s, "/$defs/Gen/minimum", json!(1)),
        Some("/generation[integer]: minimum is narrower now"),
    ),
    (
        "a text gets a pattern",
        |s| set(s, "/$defs/TaskId/pattern", json!("^[a-z]+$")),
        Some("/task[string]: has another pattern now"),
    ),
    (
        "an open object is closed",
        |s| {
            set(s, "/$defs/UsageRecord/properties/raw/additionalProperties", json!(false));
        },
        Some("]: is closed now"),
    ),
    (
        "a keyword that nobody thought of",
        |s| set(s, "/$defs/TaskId/not", json!({"const": "x"})),
        Some("/task[string]: not has changed; decide by hand"),
    ),
];

const GROWTH: [Case; 8] = [
    ("nothing", |_| {}, None),
    (
        "a new event type",
        |s| {
            let mut more = variant(s, "ready").clone();
            set(&mut more, "/properties/type/const", json!("teamclaw.workspace.ready.v2"));
            push(s, "/oneOf", more);
        },
        None,
    ),
    (
        "a new optional field",
        |s| {
            set(variant(s, "busy"), "/properties/data/properties/whom", json!({"type": "string"}));
        },
        None,
    ),
    ("a new value of an enum", |s| push(s, "/$defs/Step/oneOf", json!({"const": "rest"})), None),
    ("a required field is optional", |s| drop_first(s, "/$defs/Reason/required"), None),
    (
        "a text may be longer",
        |s| set(s, "/$defs/Reason/properties/words/maxLength", json!(9000)),
        None,
    ),
    ("a limit is lifted", |s| remove(s, "/$defs/TaskId", "maxLength"), None),
    (
        "other words in the description",
        |s| set(s, "/$defs/TaskId/description", json!("a task")),
        None,
    ),
];

#[test]
fn each_kind_of_break_is_found_and_each_kind_of_growth_is_let_through() {
    let released = events::schema::document();
    for (name, change, complaint) in BREAKS.into_iter().chain(GROWTH) {
        let mut current = released.clone();
        change(&mut current);
        let found = breaks(&released, &current);
        match complaint {
            Some(words) => {
                assert!(!found.is_empty(), "{name}: nothing was found");
                for found in found {
                    assert!(found.ends_with(words), "{name}: {found}");
                }
            }
            None => assert_eq!(found, Vec::<String>::new(), "{name}"),
        }
    }
}

fn variant<'a>(schema: &'a mut Value, name: &str) -> &'a mut Value {
    let name = format!(".{name}.v1");
    let named = |v: &&mut Value| {
        v.pointer("/properties/type/const")
            .and_then(Value::as_str)
            .is_some_and(|t| t.ends_with(&name))
    };
    list(schema, "/oneOf").iter_mut().find(named).expect("a variant of this name")
}

fn drop_variant(schema: &mut Value, name: &str) {
    let gone = variant(schema, name).clone();
    list(schema, "/oneOf").retain(|variant| *variant != gone);
}

fn drop_first(schema: &mut Value, pointer: &str) {
    list(schema, pointer).remove(0);
}

fn push(schema: &mut Value, pointer: &str, value: Value) {
    list(schema, pointer).push(value);
}

fn list<'a>(schema: &'a mut Value, pointer: &str) -> &'a mut Vec<Value> {
    schema.pointer_mut(pointer).and_then(Value::as_array_mut).expect("a list")
}

fn set(schema: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let parent = schema.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
    parent.insert(key.to_owned(), value);
}

fn remove(schema: &mut Value, pointer: &str, key: &str) {
    let object = schema.pointer_mut(pointer).and_then(Value::as_object_mut).expect("an object");
    object.remove(key).expect("it was there");
}
