//! What DynamoDB may answer that no emulator answers, as its API pages have it, one answer after the
//! other.

use aws::journal::DynamoJournal;
use aws_sdk_dynamodb::Client;
use events::{Envelope, Version};
use ports::{Fault, Journal};
use replay::Replay;
use serde_json::{Value, json};

use crate::facts::{person, projection, started};

/// The name of a table in the environment `t`.
pub(crate) const TABLE: &str = "tc-t-journal";

/// A journal that meets these answers, each a status and a body.
pub(crate) fn journal(answers: &[(u16, Value)]) -> (DynamoJournal, Replay) {
    let replay = Replay::new(answers.iter().map(|(status, body)| (*status, body.to_string())));
    let client = Client::new(&replay.config());
    (DynamoJournal::new(client, &"t".parse().expect("a name")), replay)
}

/// A transaction that was cancelled for these reasons.
pub(crate) fn cancelled(codes: [&str; 3]) -> (u16, Value) {
    let reasons = codes.map(|code| json!({"Code": code, "Message": "words"}));
    let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    (400, json!({"__type": kind, "Message": "cancelled", "CancellationReasons": reasons}))
}

fn refused(code: &str, status: u16) -> (u16, Value) {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
    (status, json!({"__type": kind, "message": "words"}))
}

/// The mark of a fact in a list.
fn mark(fact: &Envelope, list: &str) -> Value {
    let pk = format!("E#{}", fact.id);
    json!({"pk": {"S": pk}, "sk": {"S": "E"}, "list": {"S": list}, "version": {"N": "1"}})
}

fn marks(items: &[Value], left: Value) -> (u16, Value) {
    (200, json!({"Responses": {TABLE: items}, "UnprocessedKeys": left}))
}

/// Appends one fact and gives the answer, and how many requests that took.
async fn append(fact: &Envelope, answers: &[(u16, Value)]) -> (Result<Version, Fault>, usize) {
    let (journal, replay) = journal(answers);
    let facts = std::slice::from_ref(fact);
    let answer = journal.append(&person("ann"), Version(0), facts, &projection(facts)).await;
    (answer, replay.requests().count())
}

const FAILED: &str = "ConditionalCheckFailed";

#[tokio::test]
async fn a_list_that_has_moved_on_is_looked_at_once_and_is_a_conflict() {
    let fact = started(&person("ann"), 0);
    for codes in [[FAILED, "None", "None"], ["TransactionConflict", "None", "None"]] {
        let (answer, requests) = append(&fact, &[cancelled(codes), marks(&[], json!({}))]).await;
        assert!(matches!(answer, Err(Fault::Conflict)), "{answer:?}");
        assert_eq!(requests, 2);
    }
}

#[tokio::test]
async fn an_append_whose_answer_was_lost_is_found_by_its_marks() {
    let fact = started(&person("ann"), 0);
    for codes in [[FAILED, FAILED, FAILED], ["TransactionConflict", "None", "None"]] {
        let answers = [cancelled(codes), marks(&[mark(&fact, "W#ann")], json!({}))];
        assert_eq!(append(&fact, &answers).await.0.expect("recorded"), Version(1));
    }
}

#[tokio::test]
async fn an_event_of_another_list_is_no_repeat_and_no_conflict() {
    let fact = started(&person("ann"), 0);
    let theirs = marks(&[mark(&fact, "L#anthropic")], json!({}));
    let (answer, _) = append(&fact, &[cancelled(["None", "None", FAILED]), theirs]).await;
    assert!(matches!(answer, Err(Fault::Nonsense { .. })), "{answer:?}");
}

#[tokio::test]
async fn what_is_too_much_waits_and_what_is_a_bug_parks() {
    let fact = started(&person("ann"), 0);
    let throttled = [
        cancelled(["None", "ThrottlingError", "None"]),
        cancelled(["ProvisionedThroughputExceeded", "None", "None"]),
        refused("ProvisionedThroughputExceededException", 400),
        refused("RequestLimitExceeded", 400),
    ];
    for answer in throttled {
        let (answer, requests) = append(&fact, &[answer]).await;
        assert!(matches!(answer, Err(Fault::Throttled { .. })), "{answer:?}");
        assert_eq!(requests, 1);
    }
    for code in ["TransactionInProgressException", "InternalServerError"] {
        let (answer, _) = append(&fact, &[refused(code, 400)]).await;
        assert!(matches!(answer, Err(Fault::Unavailable { .. })), "{answer:?}");
    }
    let bugs = [
        cancelled([FAILED, "ValidationError", "None"]),
        refused("IdempotentParameterMismatchException", 400),
        refused("ValidationException", 400),
        refused("ResourceNotFoundException", 400),
    ];
    for answer in bugs {
        let (answer, _) = append(&fact, &[answer]).await;
        assert!(matches!(answer, Err(Fault::Nonsense { .. })), "{answer:?}");
    }
}

#[tokio::test]
async fn keys_that_an_answer_left_out_are_asked_for_again_and_no_others() {
    let ann = person("ann");
    let facts = [started(&ann, 0), started(&ann, 1)];
    let key = json!({"pk": {"S": format!("E#{}", facts[1].id)}, "sk": {"S": "E"}});
    let left = json!({TABLE: {"Keys": [key], "ConsistentRead": true}});
    let answers = [
        cancelled([FAILED, FAILED, FAILED]),
        marks(&[mark(&facts[0], "W#ann")], left.clone()),
        marks(&[mark(&facts[1], "W#ann")], json!({})),
    ];
    let (journal, replay) = journal(&answers);
    let answer = journal.append(&ann, Version(0), &facts, &projection(&facts)).await;
    assert_eq!(answer.expect("recorded"), Version(1));
    let asked = replay.requests().last().expect("a request").body().bytes();
    let asked: Value = serde_json::from_slice(asked.expect("a body")).expect("JSON");
    assert_eq!(asked["RequestItems"], left);
}

#[tokio::test]
async fn a_table_that_leaves_out_everything_is_throttled() {
    let fact = started(&person("ann"), 0);
    let key = json!({"pk": {"S": format!("E#{}", fact.id)}, "sk": {"S": "E"}});
    let nothing = marks(&[], json!({TABLE: {"Keys": [key], "ConsistentRead": true}}));
    let answers = [vec![cancelled([FAILED, FAILED, FAILED])], vec![nothing; 9]].concat();
    let (answer, _) = append(&fact, &answers).await;
    assert!(matches!(answer, Err(Fault::Throttled { .. })), "{answer:?}");
}

#[tokio::test]
async fn an_event_of_no_list_that_a_transaction_has_in_hand_is_recorded_later() {
    let fact = started(&person("ann"), 0);
    let (journal, _) = journal(&[refused("TransactionConflictException", 400)]);
    let answer = journal.record(&[fact]).await;
    assert!(matches!(answer, Err(Fault::Unavailable { .. })), "{answer:?}");
}
