//! The walk finds in any document, cut anywhere, what a parser of the whole document finds.

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::{Found, Scan};

const OURS: [&str; 6] = ["usage", "model", "type", "service_tier", "message", "response"];

fn key() -> impl Strategy<Value = String> {
    prop_oneof![4 => prop::sample::select(&OURS[..]).prop_map(str::to_owned), 1 => ".{0,20}"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::String),
        prop::sample::select(&["usage\":{", "\\", "\"", "}", "{\"usage\":{\"a\":1}}"][..])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            4 => prop::collection::btree_map(key(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// What a parser finds; later places override earlier ones, as in the walk.
fn parsed(map: &Map<String, Value>) -> Found {
    let mut found = Found { closed: true, ..Found::default() };
    for (name, value) in map {
        take(&mut found, name, value);
        if name == "type" {
            found.kind = value.as_str().map(str::to_owned);
        }
        if name == "message" || name == "response" {
            for (name, value) in value.as_object().into_iter().flatten() {
                take(&mut found, name, value);
            }
        }
    }
    found
}

fn take(found: &mut Found, name: &str, value: &Value) {
    match name {
        "usage" => found.usage = value.as_object().cloned().or(found.usage.take()),
        "model" => found.model = value.as_str().map(str::to_owned).or(found.model.take()),
        "service_tier" => {
            let named = value.as_str().or(value.get("type").and_then(Value::as_str));
            found.tier = named.map(str::to_owned).or(found.tier.take());
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn the_walk_agrees_with_a_parser(
        map in prop::collection::btree_map(key(), value(), 0..6),
        pretty in any::<bool>(),
        step in 1_usize..40,
    ) {
        let map: Map<String, Value> = map.into_iter().collect();
        let text = if pretty {
            serde_json::to_string_pretty(&map).expect("JSON")
        } else {
            serde_json::to_string(&map).expect("JSON")
        };
        let mut scan = Scan::default();
        for part in text.as_bytes().chunks(step) {
            scan.feed(part);
        }
        prop_assert_eq!(scan.finish(), parsed(&map), "{}", text);
    }

    #[test]
    fn no_bytes_make_it_panic(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20)) {
        let mut scan = Scan::default();
        for part in parts {
            scan.feed(&part);
        }
        let _whatever = scan.finish();
    }
}
