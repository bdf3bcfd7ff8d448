//! Three judges of one corpus: the Rust crate `jsonschema`, the Python package of that name, and
//! our own reader.
//!
//! The rule: the two validators agree on every file. The reader takes whatever the schema admits.
//! It takes more in two ways only, each stated in the file: a field that it does not know (a newer
//! version wrote it), and a text looser than we write (over-long words, another zone). Whatever it
//! takes in spite of an unknown field is a good event when it is written again.

use std::collections::BTreeMap;
use std::process::Command;

use events::Envelope;
use jsonschema::Validator;
use serde_json::Value;

use crate::bad::Reader;
use crate::corpus::{corpus_dir, read, root};

/// The measure of the issue: at least so many good and bad events together.
const CORPUS_MIN: usize = 200;

fn validator() -> Validator {
    let schema = events::schema::document();
    let options = jsonschema::options().should_validate_formats(true);
    options.build(&schema).expect("the schema is a schema")
}

#[test]
fn the_corpus_is_large_and_each_bad_event_says_why() {
    let (good, bad) = (read("events/v1"), read("events/bad"));
    assert!(good.len() + bad.len() >= CORPUS_MIN, "{} + {}", good.len(), bad.len());
    for (name, file) in bad {
        assert!(file["why"].as_str().is_some_and(|why| why.len() > 5), "{name}");
    }
}

#[test]
fn our_schema_and_our_reader_judge_every_event_as_the_rule_says() {
    let schema = validator();
    for (name, event) in read("events/v1") {
        let error = schema.validate(&event).err().map(|error| error.to_string());
        assert_eq!(error, None, "{name}");
        assert!(serde_json::from_value::<Envelope>(event).is_ok(), "{name}");
    }
    let mut wrong = Vec::new();
    for (name, file) in read("events/bad") {
        if schema.is_valid(&file["event"]) {
            wrong.push(format!("{name}: the schema admits it"));
        }
        match (serde_json::from_value::<Envelope>(file["event"].clone()), &file["reader"]) {
            (Err(_), reader) if reader == Reader::Refuses.name() => {}
            (Ok(_), reader) if reader == Reader::TakesLooserValue.name() => {}
            (Ok(taken), reader) if reader == Reader::IgnoresUnknownField.name() => {
                let again = serde_json::to_value(taken).expect("to JSON");
                if !schema.is_valid(&again) {
                    wrong.push(format!("{name}: more is wrong than an unknown field"));
                }
            }
            (read, stated) => wrong.push(format!("{name}: stated {stated}, but {read:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_independent_validator_comes_to_the_same_verdicts() {
    let python = root().join(".venv/bin/python");
    assert!(
        python.exists(),
        "{} is missing; this installs it: python3 -m venv .venv && \
         .venv/bin/pip install --require-hashes -r tests/python/requirements.txt",
        python.display()
    );
    let output = Command::new(python)
        .arg(root().join("tests/python/validate_schema.py"))
        .arg(root().join("events.schema.json"))
        .args(["v1", "bad"].map(|folder| corpus_dir().join("events").join(folder)))
        .output()
        .expect("python runs");
    let (said, complaint) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{complaint}");
    let verdicts: BTreeMap<&str, &str> =
        said.lines().filter_map(|line| line.split_once(' ')).map(|(v, file)| (file, v)).collect();
    let schema = validator();
    let mut judged = 0;
    for folder in ["v1", "bad"] {
        for (name, file) in read(&format!("events/{folder}")) {
            let event = if folder == "v1" { &file } else { &file["event"] };
            let file = format!("{folder}/{name}.json");
            assert_eq!(verdicts.get(file.as_str()), Some(&verdict(&schema, event)), "{file}");
            judged += 1;
        }
    }
    assert_eq!(verdicts.len(), judged, "python judged other files too: {said}");
}

fn verdict(schema: &Validator, event: &Value) -> &'static str {
    if schema.is_valid(event) { "good" } else { "bad" }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
