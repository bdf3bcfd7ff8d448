//! The rules of merging as a table, and what holds for any layers.

use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn layers() {
    let table = [
        ("nothing over something", json!({"a": 1}), json!({}), json!({"a": 1})),
        ("a scalar replaces", json!({"a": 1}), json!({"a": 2}), json!({"a": 2})),
        ("an array replaces", json!({"a": [1, 2]}), json!({"a": [3]}), json!({"a": [3]})),
        (
            "objects merge",
            json!({"a": {"b": 1}}),
            json!({"a": {"c": 2}}),
            json!({"a": {"b": 1, "c": 2}}),
        ),
        ("null removes", json!({"a": {"b": 1}, "c": 1}), json!({"a": null}), json!({"c": 1})),
        (
            "null deep in the new",
            json!({}),
            json!({"a": {"b": null, "c": 1}}),
            json!({"a": {"c": 1}}),
        ),
        ("null inside an array stays", json!({}), json!({"a": [null]}), json!({"a": [null]})),
        (
            "an object over a text",
            json!({"a": "x"}),
            json!({"a": {"b": 1}}),
            json!({"a": {"b": 1}}),
        ),
        ("a text over an object", json!({"a": {"b": 1}}), json!({"a": "x"}), json!({"a": "x"})),
        ("an empty object over a text", json!({"a": "x"}), json!({"a": {}}), json!({"a": {}})),
    ];
    for (name, lower, upper, want) in table {
        assert_eq!(merge(&lower, &upper), Ok(want), "{name}");
    }
}

#[test]
fn refusals() {
    let deep = (0..40).fold(json!(1), |inner, _| json!({"a": inner}));
    let wide = json!({"a": vec![0; KEYS_MAX + 1]});
    let long = json!({"a": "x".repeat(BYTES_MAX + 1)});
    let table = [
        (json!([]), MergeError::NotAnObject),
        (deep, MergeError::TooDeep),
        (wide, MergeError::TooManyKeys),
        (long, MergeError::TooLarge),
        (json!({"__proto__": {"admin": true}}), MergeError::ForbiddenKey("__proto__")),
        (json!({"a": [{"constructor": 1}]}), MergeError::ForbiddenKey("constructor")),
        (json!({"a": {"prototype": 1}}), MergeError::ForbiddenKey("prototype")),
    ];
    for (layer, want) in table {
        assert_eq!(merge(&json!({}), &layer), Err(want.clone()));
        assert_eq!(check(&layer), Err(want));
    }
}

#[test]
fn a_layer_at_a_limit_is_taken_and_one_above_it_is_not() {
    let objects = |levels| (0..levels).fold(json!(1), |inner, _| json!({"a": inner}));
    let lists = |levels| json!({"a": (1..levels).fold(json!(1), |inner, _| json!([inner]))});
    let wide = |keys| json!({"a": vec![0; keys - 1]});
    let long = |bytes| json!({"a": "x".repeat(bytes - 1)});
    let table = [
        (objects(DEPTH_MAX), objects(DEPTH_MAX + 1), MergeError::TooDeep),
        (lists(DEPTH_MAX), lists(DEPTH_MAX + 1), MergeError::TooDeep),
        (wide(KEYS_MAX), wide(KEYS_MAX + 1), MergeError::TooManyKeys),
        (long(BYTES_MAX), long(BYTES_MAX + 1), MergeError::TooLarge),
    ];
    for (at, above, want) in table {
        assert_eq!(check(&at), Ok(()));
        assert_eq!(check(&above), Err(want));
    }
    assert_eq!(check(&long(200_000)), Ok(()), "a large configuration is no attack");
}

#[test]
fn locks() {
    let table = [
        ("there", json!({"a": {"b": 1, "c": 2}}), Some(json!(9)), json!({"a": {"b": 9, "c": 2}})),
        ("absent", json!({}), Some(json!(9)), json!({"a": {"b": 9}})),
        ("a text above", json!({"a": "x"}), Some(json!(9)), json!({"a": {"b": 9}})),
        ("taken away", json!({"a": {"b": 1, "c": 2}}), None, json!({"a": {"c": 2}})),
        ("nothing to take", json!({"a": "x"}), None, json!({"a": "x"})),
    ];
    for (name, mut config, value, want) in table {
        lock(&mut config, &["a", "b"], value);
        assert_eq!(config, want, "{name}");
    }
}

#[test]
fn a_difference_names_only_what_was_changed() {
    let from = json!({"same": 1, "kept": {"a": {"b": 1}}, "changed": {"a": 1, "b": 2}, "gone": 1});
    let to =
        json!({"same": 1, "kept": {"a": {"b": 1}}, "changed": {"a": 1, "b": 3}, "new": {"c": 4}});
    let changes = json!({"changed": {"b": 3}, "gone": null, "new": {"c": 4}});
    assert_eq!(difference(&from, &to), changes);
    assert_eq!(difference(&to, &to), json!({}));
}

fn layer(nulls: bool) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i8>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        "[a-c]{0,3}".prop_map(Value::from),
        Just(if nulls { Value::Null } else { json!([1]) }),
    ];
    let tree = leaf.prop_recursive(4, 32, 4, |inner| {
        prop::collection::btree_map("[a-d]", inner, 0..4)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
    });
    prop::collection::btree_map("[a-d]", tree, 0..4)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn laying_twice_is_laying_once(a in layer(false), b in layer(true)) {
        let once = merge(&a, &b).unwrap();
        prop_assert_eq!(&merge(&once, &b).unwrap(), &once);
    }

    #[test]
    fn a_difference_leads_from_one_to_the_other(a in layer(false), b in layer(false)) {
        prop_assert_eq!(merge(&a, &difference(&a, &b)).unwrap(), b);
    }

    #[test]
    fn a_lock_holds_over_any_layers(a in layer(true), b in layer(true)) {
        let mut config = merge(&a, &b).unwrap();
        lock(&mut config, &["a", "b"], Some(json!("locked")));
        prop_assert_eq!(find(&config, &["a", "b"]), Some(&json!("locked")));
    }
}
