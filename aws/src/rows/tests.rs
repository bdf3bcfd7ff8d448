//! What DynamoDB says, in its own words, and what is made of it.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use replay::Replay;

use super::*;
use crate::rows::cancelled::{Unwritten, unwritten};

/// A service that gives these answers, one after the other, and nothing more.
fn answering(status: u16, bodies: &[&'static str]) -> Client {
    Client::new(&Replay::new(bodies.iter().map(|body| (status, *body))).config())
}

fn refusing(body: &'static str) -> Client {
    answering(400, &[body])
}

async fn transaction(body: &'static str) -> Unwritten {
    let answer = refusing(body).transact_write_items().send().await;
    unwritten(&answer.expect_err("it is turned away"))
}

macro_rules! canceled {
    ($reasons:literal) => {
        concat!(
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","#,
            r#""Message":"Transaction cancelled, please refer cancellation reasons for specific "#,
            r#"reasons","CancellationReasons":["#,
            $reasons,
            "]}"
        )
    };
}

#[tokio::test]
async fn conditions_that_did_not_hold_are_told_by_their_place() {
    let body = canceled!(
        r#"{"Code":"None"},{"Code":"ConditionalCheckFailed","Message":"The conditional request failed"},
           {"Code":"TransactionConflict","Message":"Transaction is ongoing for the item"}"#
    );
    let turned = transaction(body).await;
    assert!(matches!(&turned, Unwritten::Conditions(places) if *places == [1]), "{turned:?}");
}

#[tokio::test]
async fn a_transaction_that_met_another_write_is_contended() {
    let body = canceled!(
        r#"{"Code":"None"},{"Code":"TransactionConflict","Message":"Transaction is ongoing for the item"}"#
    );
    let turned = transaction(body).await;
    assert!(matches!(turned, Unwritten::Busy), "{turned:?}");
}

#[tokio::test]
async fn a_transaction_that_was_too_much_is_throttled() {
    for body in [
        canceled!(r#"{"Code":"ThrottlingError","Message":"slow down"},{"Code":"None"}"#),
        canceled!(r#"{"Code":"ProvisionedThroughputExceeded","Message":"slow down"}"#),
    ] {
        let turned = transaction(body).await;
        assert!(matches!(turned, Unwritten::Fault(Fault::Throttled { .. })), "{turned:?}");
    }
}

#[tokio::test]
async fn a_transaction_that_can_never_be_made_is_nonsense_whatever_else_it_met() {
    let body = canceled!(
        r#"{"Code":"TransactionConflict"},
           {"Code":"ValidationError","Message":"Item size has exceeded the maximum allowed size"}"#
    );
    let turned = transaction(body).await;
    let Unwritten::Fault(Fault::Nonsense { words, .. }) = turned else { panic!("{turned:?}") };
    assert!(words.contains("Item size"), "{words}");
}

#[tokio::test]
async fn a_token_that_was_used_for_another_transaction_is_nonsense() {
    let body = r#"{"__type":"com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException","message":"m"}"#;
    let turned = transaction(body).await;
    assert!(matches!(turned, Unwritten::Fault(Fault::Nonsense { .. })), "{turned:?}");
}

async fn deletion(body: &'static str) -> Result<Option<()>, Fault> {
    let delete = refusing(body).delete_item().table_name("t").key("pk", text("a"));
    held(delete.send().await.map(drop))
}

#[tokio::test]
async fn a_condition_that_did_not_hold_is_an_answer_and_another_write_of_the_row_is_asked_again() {
    let condition = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed"}"#;
    assert!(matches!(deletion(condition).await, Ok(None)));
    let conflict = r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionConflictException","message":"Transaction is ongoing for the item"}"#;
    let answer = deletion(conflict).await;
    assert!(matches!(answer, Err(Fault::Unavailable { .. })), "{answer:?}");
    let throttle = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"m"}"#;
    assert!(matches!(deletion(throttle).await, Err(Fault::Throttled { .. })));
}

#[tokio::test]
async fn no_answer_is_no_answer_to_a_condition() {
    let failure = SdkError::<TransactWriteItemsError, HttpResponse>::timeout_error("late");
    assert!(matches!(unwritten(&failure), Unwritten::Fault(Fault::Unavailable { .. })));
}

#[tokio::test]
async fn a_query_goes_on_until_there_is_no_more_even_over_an_empty_page() {
    let client = answering(
        200,
        &[
            r#"{"Items":[{"pk":{"S":"a"}}],"Count":1,"LastEvaluatedKey":{"pk":{"S":"a"}}}"#,
            r#"{"Items":[],"Count":0,"LastEvaluatedKey":{"pk":{"S":"b"}}}"#,
            r#"{"Items":[{"pk":{"S":"c"}}],"Count":1}"#,
        ],
    );
    let rows = pages(client.query().table_name("t"), usize::MAX).await.expect("rows");
    let found: Vec<_> = rows.iter().filter_map(|row| text_in(row, "pk")).collect();
    assert_eq!(found, ["a", "c"]);
}

#[tokio::test]
async fn a_page_that_fails_is_a_fault_and_no_shorter_list() {
    let first = r#"{"Items":[{"pk":{"S":"a"}}],"Count":1,"LastEvaluatedKey":{"pk":{"S":"a"}}}"#;
    let client = answering(200, &[first]);
    assert!(pages(client.query().table_name("t"), usize::MAX).await.is_err());
}

/// Too much was asked for at once, or the table is busy.
#[tokio::test]
async fn rows_that_were_left_out_are_asked_for_again_and_never_taken_for_absent() {
    const LEFT: &str = r#"{"Responses":{"t":[{"pk":{"S":"a"}}]},
        "UnprocessedKeys":{"t":{"Keys":[{"pk":{"S":"b"}}],"ConsistentRead":true}}}"#;
    const NONE: &str = r#"{"Responses":{},
        "UnprocessedKeys":{"t":{"Keys":[{"pk":{"S":"b"}}],"ConsistentRead":true}}}"#;
    let keys = || ["a", "b"].map(|pk| Item::from([("pk".to_owned(), text(pk))])).to_vec();
    let rest = r#"{"Responses":{"t":[{"pk":{"S":"b"}}]},"UnprocessedKeys":{}}"#;
    let rows = rows_of(&answering(200, &[LEFT, NONE, rest]), "t", &keys(), true).await;
    assert_eq!(rows.expect("rows"), keys());
    let answers = [LEFT, NONE, NONE, NONE, NONE, NONE];
    let answer = rows_of(&answering(200, &answers), "t", &keys(), true).await;
    assert!(matches!(answer, Err(Fault::Throttled { .. })), "{answer:?}");
}

#[test]
fn times_are_ordered_as_text_and_read_back_to_the_nanosecond() {
    let nanos = [0, 1, 999_999_999, 1_790_000_000_000_000_000, 1_790_000_000_000_000_001];
    let times = nanos.map(|nanos| Timestamp::from_nanosecond(nanos).expect("in range"));
    let texts = times.map(time);
    assert!(texts.is_sorted() && texts.iter().all(|text| text.len() == texts[0].len()));
    for (text, at) in texts.iter().zip(times) {
        assert_eq!(text.parse::<Timestamp>().expect("a time"), at);
    }
}

#[test]
fn names_are_spread_over_every_part() {
    let all: std::collections::BTreeSet<_> = (0..64).map(|n| part(&n.to_string())).collect();
    assert_eq!(all, parts().collect());
}
