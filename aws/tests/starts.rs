//! The line in front of Fargate keeps its promises on DynamoDB.

mod rig;
#[macro_use]
mod suite;

use aws::starts::{Capacity, DynamoStarts, STARTS};
use aws_sdk_dynamodb::Client;
use events::admission::{Bucket, Rate};
use events::{Attempt, Gen, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use ports::{Admission, Fault, Starts as _};

async fn starts() -> DynamoStarts {
    let (client, environment) = suite::tables(&[STARTS]).await;
    let rate = ports::conformance::starts::RATE;
    DynamoStarts::new(client, &environment, Capacity::OnDemand, rate)
}

ports::starts_rules!(suite);

fn person(number: usize) -> WorkspaceId {
    format!("p{number}").parse().expect("a name")
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_790_000_000_000 + ms).expect("in range")
}

async fn slot(line: &DynamoStarts, number: usize, now: Timestamp) -> Timestamp {
    let admitted = line.admit(&person(number), Gen(1), Attempt(1), now).await;
    let Admission { slot, .. } = admitted.expect("admitted");
    slot
}

/// The expressions in the table and the rule in the core are two texts of one thing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_table_gives_the_slots_that_the_rule_gives_whatever_the_clocks_say() {
    let (client, environment) = suite::tables(&[STARTS]).await;
    let rate = Rate::per_second(3, 7);
    let line = DynamoStarts::new(client, &environment, Capacity::OnDemand, rate);
    let clocks =
        [0, 0, 0, 0, 5, 3, 400, -9_000, 20, 60_000, 60_000, 3_600_000, 7, -3_600_000, 8, 9];
    let mut bucket = None;
    for (number, ms) in clocks.into_iter().enumerate() {
        let (next, want) = Bucket::reserve(bucket, at(ms), rate);
        bucket = Some(next);
        assert_eq!(slot(&line, number, at(ms)).await, want, "{number}, at {ms} ms");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_at_one_bucket_gets_its_burst_and_then_one_slot_each() {
    let (client, environment) = suite::tables(&[STARTS]).await;
    let rate = Rate::per_second(10, 20);
    let line = DynamoStarts::new(client, &environment, Capacity::OnDemand, rate);
    let mut crowd = tokio::task::JoinSet::new();
    for number in 0..60 {
        let line = line.clone();
        crowd.spawn(async move { slot(&line, number, at(0)).await.duration_since(at(0)) });
    }
    let mut slots = crowd.join_all().await;
    slots.sort_unstable();
    let of = |number: i64| SignedDuration::from_millis(50 * (number - 9).max(0));
    assert_eq!(slots, (0..60).map(of).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_demand_and_spot_are_two_lines() {
    let (client, environment) = suite::tables(&[STARTS]).await;
    let rate = Rate::per_second(1, 1);
    for capacity in [Capacity::OnDemand, Capacity::Spot] {
        let line = DynamoStarts::new(client.clone(), &environment, capacity, rate);
        let number = usize::from(capacity == Capacity::Spot);
        assert_eq!(slot(&line, number, at(0)).await, at(0), "{capacity:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_without_its_table_is_a_fault_that_says_so() {
    let client = Client::new(&rig::ministack().config().await);
    let rate = Rate::FARGATE;
    let line = DynamoStarts::new(client, &rig::environment(), Capacity::OnDemand, rate);
    let fault = line.admit(&person(0), Gen(1), Attempt(1), at(0)).await.expect_err("no table");
    assert!(matches!(fault, Fault::Nonsense { service: "DynamoDB", .. }), "{fault:?}");
}
