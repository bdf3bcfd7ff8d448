//! Bad events, each with what is wrong with it and what our own reader makes of it.
//!
//! Most are one change of a good event: by rule for every kind of event, and by hand below.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::corpus::{Found, corpus_dir, keep, pretty, read};
use crate::good;

/// What our own reader, which must read what newer versions write, does with a bad event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// It is an error there too.
    Refuses,
    /// It knows more fields than we do, and the reader passes over them.
    IgnoresUnknownField,
    /// A text or a value is of another form than we write, and means the same or harms nobody:
    /// over-long words, a length as `30m`, an id of another UUID version.
    TakesLooserValue,
}

impl Reader {
    /// As it stands in the files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Refuses => "refuses",
            Self::IgnoresUnknownField => "ignores_unknown_field",
            Self::TakesLooserValue => "takes_looser_value",
        }
    }
}

/// A bad event.
pub(crate) struct Bad {
    name: String,
    why: String,
    reader: Reader,
    event: Value,
}

#[test]
fn the_committed_bad_events_are_those_that_are_made_here() {
    let made = all();
    let mut should: Vec<&str> = made.iter().map(|bad| bad.name.as_str()).collect();
    for bad in &made {
        let file = corpus_dir().join(format!("events/bad/{}.json", bad.name));
        let text = json!({"why": bad.why, "reader": bad.reader.name(), "event": bad.event});
        assert_eq!(keep(&file, &pretty(&text)), Found::Same);
    }
    should.sort_unstable();
    let is: Vec<String> = read("events/bad").into_iter().map(|(name, _)| name).collect();
    assert_eq!(is, should, "two of one name, or a file that nothing makes");
}

fn all() -> Vec<Bad> {
    let mut all = Vec::new();
    for (kind, event) in kinds() {
        by_rule(&kind, &event, &mut all);
    }
    all.extend(by_hand());
    all
}

/// The first good event of every kind.
fn kinds() -> BTreeMap<String, Value> {
    let mut kinds = BTreeMap::new();
    for (name, envelope) in good::all() {
        let kind = name.rsplit_once('.').expect("a number").0.to_owned();
        let value = serde_json::to_value(&envelope).expect("to JSON");
        kinds.entry(kind).or_insert(value);
    }
    kinds
}

/// What a writer may leave out of the data.
const OPTIONAL: [&str; 3] = ["idleTimeout", "at", "raw"];

fn by_rule(kind: &str, good: &Value, all: &mut Vec<Bad>) {
    let mut bad = |what: &str, why: String, reader, change: &dyn Fn(&mut Value)| {
        let mut event = good.clone();
        change(&mut event);
        all.push(Bad { name: format!("{kind}.{what}"), why, reader, event });
    };
    let fields = good["data"].as_object().expect("an object");
    for field in fields.keys().filter(|field| !OPTIONAL.contains(&field.as_str())) {
        let why = format!("data has no {field}");
        bad(&format!("without-{field}"), why, Reader::Refuses, &|event| {
            event["data"].as_object_mut().expect("an object").remove(field);
        });
    }
    bad(
        "unknown-field",
        "data has a field that the schema does not name".to_owned(),
        Reader::IgnoresUnknownField,
        &|event| event["data"]["colour"] = json!("red"),
    );
    bad(
        "unknown-version",
        "no such version of this event exists".to_owned(),
        Reader::Refuses,
        &|event| event["type"] = json!(format!("teamclaw.{kind}.v99")),
    );
    let other =
        if kind.starts_with("person.") { json!({"attempt": 1}) } else { json!({"team": "a"}) };
    bad(
        "data-of-another-event",
        "the data does not belong to this type".to_owned(),
        Reader::Refuses,
        &|event| event["data"] = other.clone(),
    );
}

/// Puts a value where the pointer says; `Null` there means that the field goes away.
fn put(event: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let parent = event.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
    if value.is_null() {
        parent.remove(key);
    } else {
        parent.insert(key.to_owned(), value);
    }
}

/// What is written in `bad_by_hand.txt`.
fn by_hand() -> Vec<Bad> {
    let lines = include_str!("bad_by_hand.txt").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| one_by_hand(line).unwrap_or_else(|| panic!("cannot be read: {line}")))
        .collect()
}

fn one_by_hand(line: &str) -> Option<Bad> {
    let cells: Vec<&str> = line.splitn(6, " | ").map(str::trim).collect();
    let [name, kind, pointer, value, reader, why] = cells.try_into().ok()?;
    let value = match (value, value.split_once(" x ")) {
        ("absent", _) => Value::Null,
        (_, Some((letter, count))) => json!(letter.repeat(count.parse().ok()?)),
        (json, None) => serde_json::from_str(json).ok()?,
    };
    let readers = [Reader::Refuses, Reader::IgnoresUnknownField, Reader::TakesLooserValue];
    let reader = readers.into_iter().find(|known| known.name() == reader)?;
    let mut event = kinds().remove(kind)?;
    put(&mut event, pointer, value);
    Some(Bad { name: format!("hand.{name}"), why: why.to_owned(), reader, event })
}
