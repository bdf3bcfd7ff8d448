//! The timers' promises over a local DynamoDB, and what only a table can show.

mod rig;
#[macro_use]
mod suite;

use std::time::Duration;

use aws::timers::{DynamoTimers, TIMERS};
use aws_sdk_dynamodb::types::AttributeValue;
use events::Subject;
use jiff::Timestamp;
use ports::Timers;

async fn timers() -> DynamoTimers {
    let (client, environment) = suite::tables(&[TIMERS]).await;
    DynamoTimers::new(client, &environment)
}

ports::timers_rules!(suite);

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

fn name(n: usize) -> Subject {
    Subject::Workspace(format!("w{n:03}").parse().expect("a name"))
}

/// Of more than are read again in one call, from every part of the index.
#[tokio::test]
async fn the_earliest_of_many_are_told_in_their_order() {
    const MANY: i64 = 240;
    let timers = timers().await;
    for n in 0..MANY {
        let subject = name(usize::try_from(n).expect("small"));
        timers.set(&subject, Some(second(MANY - n))).await.expect("set");
    }
    let due = timers.due(second(200), 150, Duration::ZERO).await.expect("due");
    let times: Vec<_> = due.iter().map(|(_, at)| *at).collect();
    assert_eq!(times, (1..=150).map(second).collect::<Vec<_>>());
}

/// The provider's keys have a timer as well, and an agent's time may have fractions.
#[tokio::test]
async fn every_subject_and_every_fraction_of_a_second_is_read_as_it_was_written() {
    let timers = timers().await;
    let pool = Subject::Pool("anthropic".parse().expect("an id"));
    let at = Timestamp::from_nanosecond(1_790_000_000_000_000_007).expect("in range");
    timers.set(&pool, Some(at)).await.expect("set");
    let before = Timestamp::from_nanosecond(1_790_000_000_000_000_006).expect("in range");
    assert!(timers.due(before, 9, Duration::ZERO).await.expect("due").is_empty());
    assert_eq!(timers.due(at, 9, Duration::ZERO).await.expect("due"), [(pool, at)]);
}

/// What another version or a person wrote by hand.
#[tokio::test]
async fn a_row_that_nobody_can_read_keeps_no_other_timer_from_being_told() {
    let (client, environment) = suite::tables(&[TIMERS]).await;
    let put = client.put_item().table_name(environment.named(TIMERS.name));
    let attributes = [("subject", "Nobody!"), ("part", "0"), ("fires", "1970")];
    let put = attributes
        .into_iter()
        .fold(put, |put, (name, value)| put.item(name, AttributeValue::S(value.to_owned())));
    put.send().await.expect("put");
    let timers = DynamoTimers::new(client, &environment);
    timers.set(&name(1), Some(second(1))).await.expect("set");
    let due = timers.due(second(100), 9, Duration::ZERO).await.expect("due");
    assert_eq!(due, [(name(1), second(1))]);
}
