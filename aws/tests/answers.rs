//! What the adapters of rows make of answers that only a real DynamoDB gives: conflicts of
//! transactions, throttles, and answers that were lost.

mod sample;

use std::sync::Arc;
use std::time::Duration;

use aws::Environment;
use aws::leases::DynamoLeases;
use aws::people::DynamoPeople;
use aws::routes::DynamoRoutes;
use aws::suspects::DynamoSuspects;
use aws::timers::DynamoTimers;
use aws::usage::DynamoUsage;
use aws_sdk_dynamodb::Client;
use events::{Attempt, Gen, Limits, Secret};
use jiff::Timestamp;
use ports::UsageSink;
use ports::{Fault, Lease, LeaseLookup, Leases, People, Route, Routes, Suspects, Timers};
use replay::Replay;
use tokio::time::Instant;

type Answer = (u16, &'static str);

const DONE: Answer = (200, "{}");
const CONFLICT: Answer = (
    400,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message":"Transaction cancelled, please refer cancellation reasons for specific reasons",
        "CancellationReasons":[{"Code":"TransactionConflict","Message":"Transaction is ongoing for the item"},{"Code":"None"}]}"#,
);
const SECOND_CONDITION: Answer = (
    400,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message":"Transaction cancelled, please refer cancellation reasons for specific reasons",
        "CancellationReasons":[{"Code":"None"},{"Code":"ConditionalCheckFailed","Message":"The conditional request failed"}]}"#,
);
const CONDITION: Answer = (
    400,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed"}"#,
);
const THROTTLE: Answer = (
    400,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"Throughput exceeds the current capacity of your table or index."}"#,
);
const OUTAGE: Answer =
    (500, r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"m"}"#);

/// A service that gives these answers in their order and then none, and its record of requests.
fn answering(answers: &[Answer]) -> (Client, Environment, Replay) {
    let service = Replay::new(answers.iter().copied());
    (Client::new(&service.config()), "test".parse().expect("a name"), service)
}

/// How often the service was called, and its last request's body.
fn asked(service: &Replay) -> (usize, String) {
    let bodies = service.requests().map(|request| {
        String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned()
    });
    let bodies: Vec<_> = bodies.collect();
    (bodies.len(), bodies.last().cloned().unwrap_or_default())
}

fn lease() -> Lease {
    Lease {
        workspace: "ann".parse().expect("a name"),
        generation: Gen(1),
        attempt: Attempt(1),
        team: "red".parse().expect("a name"),
        limits: Limits::default(),
    }
}

fn leases(answers: &[Answer]) -> (DynamoLeases, Replay) {
    let (client, environment, service) = answering(answers);
    (DynamoLeases::new(client, &environment, Secret::new("secret")), service)
}

/// One that meets another write of its row waits for nobody's decision.
#[tokio::test]
async fn a_grant_that_met_another_write_is_made_again_and_given_back_after_a_few_times() {
    let (granted, service) = leases(&[CONFLICT, CONFLICT, DONE]);
    granted.grant(&lease()).await.expect("granted");
    assert_eq!(asked(&service).0, 3);
    let answer = leases(&[CONFLICT; 9]).0.grant(&lease()).await;
    assert!(matches!(answer, Err(Fault::Unavailable { .. })), "{answer:?}");
}

#[tokio::test]
async fn a_grant_that_was_made_before_is_a_success() {
    leases(&[SECOND_CONDITION]).0.grant(&lease()).await.expect("granted before");
}

/// The step comes again and finds what is left.
#[tokio::test]
async fn a_revoke_that_could_not_delete_everything_is_a_fault_and_keeps_its_list() {
    let held = (
        200,
        r#"{"Attributes":{"pk":{"S":"W#ann"},"held":{"SS":[
            "00000000000000000001.0000000001 aaaa","00000000000000000001.0000000002 bbbb"]}}}"#,
    );
    let (revoked, service) = leases(&[held, DONE, THROTTLE]);
    let lease = lease();
    let answer = revoked.revoke(&lease.workspace, Gen(1), Attempt(2)).await;
    assert!(matches!(answer, Err(Fault::Throttled { .. })), "{answer:?}");
    let (times, last) = asked(&service);
    assert!(times == 3 && last.contains("T#bbbb") && !last.contains("held"), "{last}");
}

/// An outage is no answer, and nobody is let in by it or kept out for good.
#[tokio::test]
async fn a_look_that_failed_is_a_fault_and_never_nothing() {
    let lookup = leases(&[OUTAGE]).0;
    assert!(matches!(lookup.find("aaaa").await, Err(Fault::Unavailable { .. })));
    let (client, environment, _) = answering(&[THROTTLE]);
    let routes = DynamoRoutes::new(client, &environment);
    let ann = "ann".parse().expect("a name");
    assert!(matches!(routes.find(&ann).await, Err(Fault::Throttled { .. })));
}

/// And not taken for a fence.
#[tokio::test]
async fn an_open_or_close_that_met_a_transaction_or_a_throttle_is_a_fault() {
    let conflict = (
        400,
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionConflictException","message":"m"}"#,
    );
    for answer in [conflict, THROTTLE, OUTAGE] {
        let (client, environment, _) = answering(&[answer, answer]);
        let routes = DynamoRoutes::new(client, &environment);
        let ann = "ann".parse().expect("a name");
        let address = ([10, 0, 0, 1], 1).into();
        let route = Route { generation: Gen(1), attempt: Attempt(1), address };
        assert!(routes.open(&ann, &route).await.is_err());
        assert!(routes.close(&ann, Gen(1), Attempt(1)).await.is_err());
    }
}

/// The sweeper must not take a part for the whole.
#[tokio::test]
async fn a_list_of_which_one_page_failed_is_a_fault() {
    let page = (
        200,
        r#"{"Items":[{"workspace":{"S":"ann"},"opened":{"S":"00000000000000000001.0000000001"},
            "address":{"S":"10.0.0.1:1"}}],"Count":1,"LastEvaluatedKey":{"workspace":{"S":"ann"}}}"#,
    );
    let (client, environment, _) = answering(&[page, THROTTLE]);
    let answer = DynamoRoutes::new(client, &environment).list().await;
    assert!(matches!(answer, Err(Fault::Throttled { .. })), "{answer:?}");
}

/// The index lags behind: the timer has moved since.
#[tokio::test]
async fn a_timer_that_only_the_index_still_has_is_not_due() {
    let index = (
        200,
        r#"{"Items":[{"subject":{"S":"ann"},"part":{"S":"0"},"fires":{"S":"1970-01-01T00:00:01Z"}},
            {"subject":{"S":"bob"},"part":{"S":"0"},"fires":{"S":"1970-01-01T00:00:02Z"}},
            {"subject":{"S":"cat"},"part":{"S":"0"},"fires":{"S":"1970-01-01T00:00:03Z"}}],"Count":3}"#,
    );
    let none = (200, r#"{"Items":[],"Count":0}"#);
    let rows = (
        200,
        r#"{"Responses":{"tc-test-timers":[
            {"subject":{"S":"ann"},"part":{"S":"0"},"fires":{"S":"1970-01-01T01:00:00Z"}},
            {"subject":{"S":"cat"},"part":{"S":"0"},"fires":{"S":"1970-01-01T00:00:03Z"}}]}}"#,
    );
    let (client, environment, _) = answering(&[index, none, none, none, rows]);
    let timers = DynamoTimers::new(client, &environment);
    let now = Timestamp::from_second(10).expect("in range");
    let due = timers.due(now, 9, Duration::ZERO).await.expect("due");
    let names: Vec<_> = due.iter().map(|(subject, _)| subject.to_string()).collect();
    assert_eq!(names, ["cat"]);
}

/// A crowd in line has a timer each; those of a second must not come all at once when it is over.
#[tokio::test(start_paused = true)]
async fn a_timer_that_comes_within_a_pause_is_waited_for_and_told_at_its_time() {
    let index = (
        200,
        r#"{"Items":[{"subject":{"S":"ann"},"part":{"S":"0"},"fires":{"S":"1970-01-01T00:00:10.25Z"}},
            {"subject":{"S":"bob"},"part":{"S":"0"},"fires":{"S":"1970-01-01T00:00:10.3Z"}}],"Count":2}"#,
    );
    let none = (200, r#"{"Items":[],"Count":0}"#);
    let rows = (
        200,
        r#"{"Responses":{"tc-test-timers":[
            {"subject":{"S":"ann"},"part":{"S":"0"},"fires":{"S":"1970-01-01T00:00:10.25Z"}}]}}"#,
    );
    let look = [index, none, none, none];
    let answers: Vec<_> = look.into_iter().chain(look).chain([rows]).collect();
    let (client, environment, service) = answering(&answers);
    let timers = DynamoTimers::new(client, &environment);
    let (now, began) = (Timestamp::from_second(10).expect("in range"), Instant::now());
    let due = timers.due(now, 9, Duration::from_secs(20)).await.expect("due");
    assert_eq!(due.len(), 1);
    let (who, after) = (due[0].0.to_string(), due[0].1.duration_since(now).as_millis());
    assert_eq!((who.as_str(), after), ("ann", 250));
    assert_eq!(began.elapsed(), Duration::from_millis(250), "the runtime's clock stands otherwise");
    let (asked, _) = asked(&service);
    assert_eq!(asked, 9, "the one that is to come is not read again");
}

/// Another sweep was quicker, or the answer to our own write was lost.
#[tokio::test]
async fn a_list_of_suspects_that_others_wrote_meanwhile_is_compared_anew() {
    let empty = (200, "{}");
    let written = (
        200,
        r#"{"Item":{"pk":{"S":"list"},"version":{"N":"1"},"suspects":{"S":"[{\"kind\":\"task\",\"missing\":false,\"workspace\":\"ann\",\"generation\":1,\"attempt\":1},5000000000]\n"}}}"#,
    );
    let (client, environment, service) = answering(&[empty, CONDITION, written]);
    let suspects = DynamoSuspects::new(client, &environment);
    let ann = ports::Suspect {
        kind: ports::Kind::Task,
        missing: false,
        workspace: "ann".parse().expect("a name"),
        generation: Gen(1),
        attempt: Attempt(1),
    };
    let second = |second| Timestamp::from_second(second).expect("in range");
    let found = suspects.compare(second(9), std::slice::from_ref(&ann)).await.expect("compared");
    assert_eq!(found, [(ann, second(5))], "the time of the one that was quicker");
    assert_eq!(asked(&service).0, 3, "what is as it was is not written");
}

const LINK: Answer = (
    200,
    r#"{"Item":{"pk":{"S":"L#a"},"person":{"S":"ann"},"team":{"S":"red"},"admin":{"BOOL":true},
        "round":{"N":"0"},"ends":{"S":"1970-01-01T00:01:00.000000000Z"}}}"#,
);

async fn redeemed(answers: &[Answer]) -> Result<bool, Fault> {
    let (client, environment, _) = answering(answers);
    let people = DynamoPeople::new(client, &environment, Arc::new(sample::Counted::default()));
    let second = |second| Timestamp::from_second(second).expect("in range");
    let answer = people.redeem("link", second(9), second(99)).await;
    answer.map(|session| session.is_some())
}

/// Two use a link at once, and DynamoDB turns one of them away before it knows who wins.
#[tokio::test]
async fn a_link_that_somebody_else_is_just_trading_is_looked_at_again() {
    assert!(redeemed(&[LINK, DONE, DONE]).await.expect("an answer"));
    assert!(!redeemed(&[LINK, DONE, CONFLICT, DONE]).await.expect("an answer"), "it is gone");
    assert!(redeemed(&[LINK, DONE, CONFLICT, LINK, DONE, DONE]).await.expect("an answer"));
    let busy = [LINK, DONE, CONFLICT].repeat(9);
    assert!(matches!(redeemed(&busy).await, Err(Fault::Unavailable { .. })));
}

/// The link is of round 0, and its person was forgotten since.
#[tokio::test]
async fn a_link_of_an_earlier_round_is_no_link() {
    let round = (200, r#"{"Item":{"pk":{"S":"P#ann"},"round":{"N":"1"}}}"#);
    assert!(!redeemed(&[LINK, round]).await.expect("an answer"));
}

const NO_SUMS: Answer = (200, r#"{"Responses":{"tc-test-usage":[]},"UnprocessedKeys":{}}"#);
const NO_IDS: Answer = (200, r#"{"Items":[],"Count":0}"#);
/// The id of the sample, in base64.
const ITS_ID: Answer = (
    200,
    r#"{"Items":[{"pk":{"S":"W#ann"},"sk":{"S":"I#1970-01-01T00#00000"},"ids":{"B":"AZcAAAAAcACAAAAAAAAAAQ=="}}],"Count":1}"#,
);

async fn counted(answers: &[Answer]) -> (Result<(), Fault>, usize) {
    let (client, environment, service) = answering(answers);
    let answer = DynamoUsage::new(client, &environment).count(&[sample::usage("ann")]).await;
    (answer, asked(&service).0)
}

#[tokio::test]
async fn a_part_that_met_another_is_read_and_counted_again() {
    for turned in [CONFLICT, SECOND_CONDITION] {
        let (answer, asked) = counted(&[NO_SUMS, NO_IDS, turned, NO_SUMS, NO_IDS, DONE]).await;
        assert!(answer.is_ok() && asked == 6, "{answer:?} after {asked}");
    }
    let (answer, _) = counted(&[NO_SUMS, NO_IDS, CONFLICT].repeat(20)).await;
    assert!(matches!(answer, Err(Fault::Unavailable { .. })), "{answer:?}");
}

/// The answer to the first try was lost, and the message came again.
#[tokio::test]
async fn a_part_whose_ids_are_known_is_not_written_again() {
    let (answer, asked) = counted(&[NO_SUMS, ITS_ID]).await;
    assert!(answer.is_ok() && asked == 2, "{answer:?} after {asked}");
}

/// What could not be read is not nothing: counted from there, sums would begin at zero.
#[tokio::test]
async fn a_part_whose_rows_cannot_be_read_is_not_counted() {
    let unread = (
        200,
        r#"{"Responses":{},"UnprocessedKeys":{"tc-test-usage":{"ConsistentRead":true,
            "Keys":[{"pk":{"S":"W#ann"},"sk":{"S":"M#1970-01"}}]}}}"#,
    );
    let (answer, _) = counted(&[unread; 20]).await;
    assert!(matches!(answer, Err(Fault::Throttled { .. })), "{answer:?}");
    let strange = (
        200,
        r#"{"Responses":{"tc-test-usage":[{"pk":{"S":"W#ann"},"sk":{"S":"M#1970-01"},
            "version":{"N":"1"},"sums":{"S":"of another version"}}]}}"#,
    );
    let (answer, asked) = counted(&[strange, NO_IDS, DONE]).await;
    assert!(matches!(answer, Err(Fault::Nonsense { .. })) && asked == 1, "{answer:?}");
    let (answer, _) = counted(&[NO_SUMS, THROTTLE]).await;
    assert!(matches!(answer, Err(Fault::Throttled { .. })), "{answer:?}");
}
