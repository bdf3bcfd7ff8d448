//! The two transactions on which everything rests, to the letter.

use std::collections::BTreeMap;

use events::Version;
use expect_test::expect;
use ports::{Fault, Journal};
use serde_json::{Value, json};

use crate::answers::{TABLE, cancelled, journal};
use crate::facts::{person, projection, second, started};

/// The conditions, keys and expressions of a transaction, and which of the items that it puts are
/// announced: those that are pending.
fn conditions(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).expect("JSON");
    let line = |action: &Value| {
        let (kind, of) = action.as_object().and_then(|o| o.iter().next()).expect("an action");
        let key = of.get("Key").or(of.get("Item")).expect("a key");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (pk, sk) = (text(&key["pk"]["S"]), text(&key["sk"]["S"]));
        let condition = text(&of["ConditionExpression"]);
        let update = text(&of["UpdateExpression"]);
        let values = of.get("ExpressionAttributeValues").cloned().unwrap_or_default();
        // They come in no order.
        let values: Option<BTreeMap<String, Value>> =
            serde_json::from_value(values).expect("values");
        let values = values.map(|values| json!(values).to_string()).unwrap_or_default();
        let announced = of.pointer("/Item/pending").map_or("", |_| ", announced");
        let line = format!("{kind} {pk} {sk}{announced} | {update} | {condition} | {values}");
        line.trim_end_matches([' ', '|']).to_owned()
    };
    let actions = body["TransactItems"].as_array().expect("actions");
    let lines: Vec<String> = actions.iter().map(line).collect();
    let mut lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    let token = body["ClientRequestToken"].as_str().is_some_and(|token| !token.is_empty());
    lines.extend(token.then_some("with a token"));
    lines.join("\n") + "\n"
}

#[tokio::test]
async fn an_append_is_conditional_on_the_version_and_on_each_event() {
    let ann = person("ann");
    let fact = serde_json::to_value(started(&ann, 0)).expect("JSON");
    let mut facts = Vec::new();
    for id in ["01997d3e-0000-7000-8000-000000000001", "01997d3e-0000-7000-8000-000000000002"] {
        let mut fact = fact.clone();
        fact["id"] = json!(id);
        facts.push(serde_json::from_value(fact).expect("a fact"));
    }
    let (journal, replay) = journal(&vec![(200, json!({})); 2]);
    for after in [0, 7] {
        let answer = journal.append(&ann, Version(after), &facts, &projection(&facts)).await;
        assert_eq!(answer.expect("appended"), Version(after + 2));
    }
    let bodies = replay.requests().map(|request| request.body().bytes().expect("a body"));
    let all: Vec<String> = bodies.map(conditions).collect();
    expect![[r#"
        Put W#ann P |  | attribute_not_exists(pk)
        Put W#ann V#00000000000000000002, announced |  | attribute_not_exists(pk)
        Put E#01997d3e-0000-7000-8000-000000000001 E |  | attribute_not_exists(pk)
        Put E#01997d3e-0000-7000-8000-000000000002 E |  | attribute_not_exists(pk)
        with a token

        Put W#ann P |  | #version = :expected | {":expected":{"N":"7"}}
        Put W#ann V#00000000000000000009, announced |  | attribute_not_exists(pk)
        Put E#01997d3e-0000-7000-8000-000000000001 E |  | attribute_not_exists(pk)
        Put E#01997d3e-0000-7000-8000-000000000002 E |  | attribute_not_exists(pk)
        with a token
    "#]]
    .assert_eq(&all.join("\n"));
}

/// Ann's append to a version as DynamoDB has it.
fn append(version: u64, pending: bool) -> Value {
    let fact = serde_json::to_string(&[started(&person("ann"), 0)]).expect("JSON");
    let mut item = json!({
        "pk": {"S": "W#ann"}, "sk": {"S": format!("V#{version:020}")},
        "after": {"N": (version - 1).to_string()}, "envelopes": {"S": fact},
    });
    if pending {
        item["pending"] = json!({"S": "pending#1"});
        item["since"] = json!({"S": second(0).to_string()});
    }
    item
}

/// The answers to a look at what is pending, of which the index shows one append.
fn look(version: u64, read: &[Value]) -> Vec<(u16, Value)> {
    let key = json!({"pk": {"S": "W#ann"}, "sk": {"S": format!("V#{version:020}")}});
    let mut answers = vec![(200, json!({"Items": [key], "Count": 1}))];
    answers.extend(vec![(200, json!({"Items": [], "Count": 0})); 7]);
    let batch = |item: &Value| json!({"Responses": {TABLE: [item]}, "UnprocessedKeys": {}});
    answers.extend(read.iter().map(|item| (200, batch(item))));
    answers
}

/// The feed has five rows.
fn five() -> (u16, Value) {
    (200, json!({"Item": {"rows": {"N": "5"}}}))
}

#[tokio::test]
async fn a_row_is_conditional_on_how_many_there_are_and_on_each_item_being_pending() {
    let mut answers = look(2, &[append(2, true), append(1, false)]);
    answers.extend([five(), (200, json!({}))]);
    let (journal, replay) = journal(&answers);
    assert_eq!(journal.sequence().await.expect("ordered"), 1);
    let last = replay.requests().last().expect("a request");
    let body = last.body().bytes().expect("a body");
    expect![[r#"
        Update C C | SET #rows = :after | #rows = :before | {":after":{"N":"6"},":before":{"N":"5"}}
        Put F#5 00000000000000000005
        Update W#ann V#00000000000000000002 | REMOVE #pending, #since | attribute_exists(#pending)
        with a token
    "#]]
    .assert_eq(&conditions(body));
}

#[tokio::test]
async fn what_the_index_still_shows_is_not_ordered_twice() {
    let (journal, replay) = journal(&look(1, &[append(1, false)]));
    assert_eq!(journal.sequence().await.expect("nothing"), 0);
    assert_eq!(replay.requests().count(), 9);
}

#[tokio::test]
async fn who_was_slower_looks_again_and_leaves_it_to_the_others_in_the_end() {
    for code in ["ConditionalCheckFailed", "TransactionConflict"] {
        let mut lost = look(1, &[append(1, true)]);
        lost.extend([five(), cancelled([code, "None", "None"])]);
        let once = [lost.clone(), look(1, &[append(1, false)])].concat();
        let (found_done, replay) = journal(&once);
        assert_eq!(found_done.sequence().await.expect("by others"), 0);
        assert_eq!(replay.requests().count(), once.len());
        let (always_slower, _) = journal(&vec![lost; 9].concat());
        assert!(matches!(always_slower.sequence().await, Err(Fault::Conflict)));
    }
    let throttled = cancelled(["None", "ThrottlingError", "None"]);
    let answers = [look(1, &[append(1, true)]), vec![five(), throttled]].concat();
    let (journal, _) = journal(&answers);
    assert!(matches!(journal.sequence().await, Err(Fault::Throttled { .. })));
}
