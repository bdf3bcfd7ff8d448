//! The ledger's promises over a local DynamoDB, and what only its tables can show.

mod rig;
#[macro_use]
mod suite;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws::journal::{DynamoJournal, JOURNAL};
use aws::usage::{DynamoUsage, USAGE, cost};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::operation::transact_write_items::{
    TransactWriteItemsInput, TransactWriteItemsOutput,
};
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use events::price::Cost;
use events::token::token_hash;
use events::usage::{Completion, Tokens};
use events::{Envelope, Event, Gen, KeyPrint, Stamp, UsageRecord, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use ports::{Cursor, Grouping, Journal, Usage, UsageSink, UsageTotals};

async fn usage() -> DynamoUsage {
    let (client, environment) = suite::tables(&[USAGE, JOURNAL]).await;
    DynamoUsage::new(client, &environment)
}

async fn totals() -> DynamoUsage {
    usage().await
}

ports::usage_rules!(suite);
ports::totals_rules!(suite);

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// A request as a sidecar records it: no two alike, and an id as random as any.
fn request(user: &str, n: u32, started: &str) -> Envelope {
    let digits = token_hash(&n.to_string());
    let json = format!(
        "\"0190{}-{}-7{}-8{}-{}\"",
        &digits[..4],
        &digits[4..8],
        &digits[8..11],
        &digits[11..14],
        &digits[14..26]
    );
    let salt = u64::from_str_radix(&digits[30..33], 16).expect("digits");
    let moment = SignedDuration::from_millis(i64::from(n % 1_000));
    let record = UsageRecord {
        generation: Gen(1),
        team: "red".parse().expect("a name"),
        provider: "anthropic".to_owned(),
        model: "claude-sonnet-4-6".to_owned(),
        key: KeyPrint("0123456789ab".to_owned()),
        started: at(started) + moment,
        duration_ms: 1_234 + salt,
        status: 200,
        completion: Completion::Complete,
        estimated: false,
        tokens: Tokens {
            uncached_input: salt,
            cache_read: 50_000 + 7 * salt,
            output: 300 + salt,
            ..Tokens::default()
        },
        cost: Cost::Known { pico_dollars: 33_000_000 * salt, table: "2026-11-20".to_owned() },
        raw: Some(serde_json::json!({
            "input_tokens": salt, "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 50_000 + 7 * salt, "output_tokens": 300 + salt,
            "service_tier": "standard",
        })),
    };
    let id = serde_json::from_str(&json).expect("an id");
    let stamp = Stamp { id, time: record.started, cause: None };
    let user = user.parse().expect("a name");
    Envelope::new("/sidecar", Some(user), stamp, Event::UsageRecorded(record))
}

async fn requests_of(usage: &DynamoUsage, user: &str, since: &str) -> u64 {
    let user: WorkspaceId = user.parse().expect("a name");
    usage.total(&user, at(since)).await.expect("total").requests
}

async fn reported(usage: &DynamoUsage, since: Option<&str>) -> u64 {
    let lines = usage.report(Grouping::Team, since.map(at)).await.expect("report");
    lines.iter().map(|line| line.requests).sum()
}

/// However the batches were cut.
#[tokio::test]
async fn what_is_counted_is_in_the_feed_once() {
    let (client, environment) = suite::tables(&[USAGE, JOURNAL]).await;
    let usage = DynamoUsage::new(client.clone(), &environment);
    let journal = DynamoJournal::new(client, &environment);
    let mut all: Vec<_> = (0..60)
        .map(|n| request(["ann", "bob"][n as usize % 2], n, "2026-09-21T13:00:00Z"))
        .collect();
    for batch in [&all[..20], &all[10..40], &all[..], &all[..]] {
        usage.count(batch).await.expect("counted");
    }
    all.sort_by_key(|fact| fact.id);
    let feed = journal.feed(Cursor(0), usize::MAX, Duration::ZERO).await.expect("feed");
    let mut found: Vec<_> = feed.into_iter().map(|(_, fact)| fact).collect();
    found.sort_by_key(|fact| fact.id);
    assert_eq!(found, all);
    assert_eq!(reported(&usage, None).await, 60);
}

/// Ledgers of two functions, each with a share of the other's batch.
#[tokio::test]
async fn those_who_count_for_one_workspace_at_once_count_everything_once() {
    let (client, environment) = suite::tables(&[USAGE, JOURNAL]).await;
    let ledger = || DynamoUsage::new(client.clone(), &environment);
    let (one, two) = (ledger(), ledger());
    let all: Vec<_> = (0..70).map(|n| request("ann", n, "2026-09-21T13:00:00Z")).collect();
    let (one, two) = tokio::join!(
        async {
            for batch in all[..50].chunks(10) {
                one.count(batch).await.expect("counted");
            }
        },
        async {
            for batch in all[20..].chunks(10) {
                two.count(batch).await.expect("counted");
            }
        }
    );
    let ((), ()) = (one, two);
    assert_eq!(requests_of(&ledger(), "ann", "2026-09-21T13:00:00Z").await, 70);
    let journal = DynamoJournal::new(client.clone(), &environment);
    let feed = journal.feed(Cursor(0), usize::MAX, Duration::ZERO).await.expect("feed");
    assert_eq!(feed.len(), 70);
}

/// Hours up to midnight, days up to the month's end, and the months after it.
#[tokio::test]
async fn a_total_and_a_report_from_any_hour_on_hold_that_hour_and_all_after_it() {
    let usage = usage().await;
    let hours = [
        "2026-08-31T23",
        "2026-09-01T00",
        "2026-09-21T12",
        "2026-09-21T13",
        "2026-09-21T23",
        "2026-09-22T00",
        "2026-09-30T23",
        "2026-10-01T00",
        "2026-12-31T23",
        "2027-01-01T00",
    ];
    let batch: Vec<_> =
        (0..).zip(hours).map(|(n, hour)| request("ann", n, &format!("{hour}:59:59Z"))).collect();
    usage.count(&batch).await.expect("counted");
    for (before, hour) in hours.into_iter().enumerate() {
        let (since, left) = (format!("{hour}:30:00Z"), (hours.len() - before) as u64);
        assert_eq!(requests_of(&usage, "ann", &since).await, left, "total since {since}");
        assert_eq!(reported(&usage, Some(&since)).await, left, "report since {since}");
    }
    assert_eq!(reported(&usage, None).await, hours.len() as u64);
}

/// DynamoDB may delete a row once this time has passed.
#[tokio::test]
async fn ids_and_hours_may_go_in_time_and_days_and_months_never() {
    let (client, environment) = suite::tables(&[USAGE, JOURNAL]).await;
    let usage = DynamoUsage::new(client.clone(), &environment);
    usage.count(&[request("ann", 1, "2026-09-21T13:00:00Z")]).await.expect("counted");
    let rows = client.scan().table_name(environment.named(USAGE.name)).send().await.expect("rows");
    let days = |days: i64| (at("2026-09-21T13:00:00Z").as_second() + days * 86_400).to_string();
    let mut found: Vec<(String, Option<String>)> = Vec::new();
    for row in rows.items() {
        let expires = row.get("expires").and_then(|value| value.as_n().ok().cloned());
        found.push((row["sk"].as_s().expect("text").chars().take(1).collect(), expires));
    }
    found.sort();
    let expected = [("D", None), ("H", Some(days(400))), ("I", Some(days(35))), ("M", None)];
    assert_eq!(found, expected.map(|(letter, expires)| (letter.to_owned(), expires)));
}

/// Asks each transaction for its write units, and keeps them.
#[derive(Clone, Debug, Default)]
struct Spent(Arc<Mutex<Vec<f64>>>);

impl Intercept for Spent {
    fn name(&self) -> &'static str {
        "Spent"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), aws_sdk_dynamodb::error::BoxError> {
        if let Some(input) = context.input_mut().downcast_mut::<TransactWriteItemsInput>() {
            input.return_consumed_capacity = Some(ReturnConsumedCapacity::Total);
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), aws_sdk_dynamodb::error::BoxError> {
        let output = context.output_or_error().ok();
        if let Some(output) = output.and_then(|it| it.downcast_ref::<TransactWriteItemsOutput>()) {
            let units = output.consumed_capacity().iter().filter_map(|it| it.capacity_units());
            self.0.lock().expect("nobody panics here").push(units.sum());
        }
        Ok(())
    }
}

/// What the table asks for is what an estimate says, or up to a kilobyte's two units less or more.
#[tokio::test]
async fn a_message_costs_what_the_estimate_says() {
    const NEAR: u64 = 2;
    let (client, environment) = suite::tables(&[USAGE, JOURNAL]).await;
    let spent = Spent::default();
    let client = Client::from_conf(client.config().to_builder().interceptor(spent.clone()).build());
    let usage = DynamoUsage::new(client.clone(), &environment);
    let journal = DynamoJournal::new(client, &environment);
    let mut first = 0;
    for records in [80_u32, 1, 10, 40, 80] {
        let some = first..first + records;
        let batch: Vec<_> = some.map(|n| request("ann", n, "2026-09-21T13:00:00Z")).collect();
        usage.count(&batch).await.expect("counted");
        journal.sequence().await.expect("ordered");
        first += records;
        let spent = std::mem::take(&mut *spent.0.lock().expect("nobody panics here"));
        let records = u64::from(records);
        let told = [cost::count_write_units(records), cost::order_write_units(records)];
        assert_eq!(spent.len(), told.len());
        for (spent, told) in spent.into_iter().zip(told) {
            let near = told.saturating_sub(NEAR)..=told + NEAR;
            assert!(near.contains(&(spent as u64)), "{records} records: {spent}, not {told}");
        }
    }
}
