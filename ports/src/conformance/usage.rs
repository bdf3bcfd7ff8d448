//! The promises of [`Usage`].

use events::price::{Cost, PICO_PER_DOLLAR};
use events::usage::{Completion, Tokens};
use events::{Envelope, Event, Gen, KeyPrint, UsageRecord};

use super::given::{fact, person, second, started, team};
use crate::{Fault, Grouping, Spending, Usage};

rules!($ usage_rules, usage:
    what_was_counted_is_reported_to_the_token,
    an_event_is_counted_once_however_often_it_comes,
    an_event_that_comes_twice_in_one_batch_is_counted_once,
    the_same_requests_add_up_by_every_grouping,
    a_request_that_nobody_can_price_is_said_to_be_so,
    an_aborted_request_is_counted_with_what_was_seen,
    a_report_begins_at_the_hour_that_was_asked_for,
    the_most_expensive_comes_first,
    sums_beyond_64_bits_stay_exact,
    a_batch_with_anything_else_in_it_is_turned_away_whole,
);

pub(super) const HOUR: i64 = 3_600;

pub(super) fn record(prefix: &str, model: &str, at: i64) -> UsageRecord {
    UsageRecord {
        generation: Gen(1),
        team: team(prefix, "red"),
        provider: prefix.to_owned(),
        model: model.to_owned(),
        key: KeyPrint("0123456789ab".to_owned()),
        started: second(at),
        duration_ms: 1,
        status: 200,
        completion: Completion::Complete,
        estimated: false,
        tokens: Tokens {
            uncached_input: 1,
            cache_read: 20,
            cache_write5m: 300,
            cache_write1h: 4_000,
            output: 50_000,
            reasoning: 7,
        },
        cost: Cost::Known { pico_dollars: 11, table: "t".to_owned() },
        raw: None,
    }
}

pub(super) fn request(prefix: &str, name: &str, n: i64, record: UsageRecord) -> Envelope {
    fact(&person(prefix, name), n, Event::UsageRecorded(record))
}

/// The lines that are ours, in the report's order.
async fn report(usage: &dyn Usage, prefix: &str, by: Grouping) -> Vec<Spending> {
    let lines = usage.report(by, None).await.expect("report");
    lines.into_iter().filter(|line| line.name.starts_with(prefix)).collect()
}

async fn of_ann(usage: &dyn Usage, prefix: &str) -> Spending {
    let lines = report(usage, prefix, Grouping::User).await;
    let ann = person(prefix, "ann").to_string();
    lines.into_iter().find(|line| line.name == ann).unwrap_or_default()
}

/// Each bucket in its place.
pub async fn what_was_counted_is_reported_to_the_token(usage: &dyn Usage, prefix: &str) {
    let batch: Vec<_> = (0..3).map(|n| request(prefix, "ann", n, record(prefix, "m", 0))).collect();
    usage.count(&batch).await.expect("count");
    let expected = Spending {
        name: person(prefix, "ann").to_string(),
        requests: 3,
        aborted: 0,
        input: 3 * 4_321,
        cache_read: 60,
        cache_write: 12_900,
        output: 150_000,
        pico_dollars: 33,
        unpriced: 0,
    };
    assert_eq!(of_ann(usage, prefix).await, expected);
}

/// In this batch or another.
pub async fn an_event_is_counted_once_however_often_it_comes(usage: &dyn Usage, prefix: &str) {
    let first = request(prefix, "ann", 0, record(prefix, "m", 0));
    let second = request(prefix, "ann", 1, record(prefix, "m", 0));
    usage.count(std::slice::from_ref(&first)).await.expect("count");
    usage.count(std::slice::from_ref(&first)).await.expect("count");
    usage.count(&[first, second]).await.expect("count");
    assert_eq!(of_ann(usage, prefix).await.requests, 2);
}

/// A sender's own doubling.
pub async fn an_event_that_comes_twice_in_one_batch_is_counted_once(
    usage: &dyn Usage,
    prefix: &str,
) {
    let one = request(prefix, "ann", 0, record(prefix, "m", 0));
    usage.count(&[one.clone(), one]).await.expect("count");
    assert_eq!(of_ann(usage, prefix).await.requests, 1);
}

/// Two people, two models.
pub async fn the_same_requests_add_up_by_every_grouping(usage: &dyn Usage, prefix: &str) {
    let batch = [
        request(prefix, "ann", 0, record(prefix, "m", 0)),
        request(prefix, "ann", 1, record(prefix, "n", 0)),
        request(prefix, "bob", 2, record(prefix, "n", HOUR)),
    ];
    usage.count(&batch).await.expect("count");
    let lines = async |by| {
        let mut lines = report(usage, prefix, by).await;
        lines.sort_by(|a, b| a.name.cmp(&b.name));
        lines.into_iter().map(|line| (line.name, line.requests)).collect::<Vec<_>>()
    };
    let named = |name: &str, requests| (format!("{prefix}{name}"), requests);
    assert_eq!(lines(Grouping::User).await, [named("-ann", 2), named("-bob", 1)]);
    assert_eq!(lines(Grouping::Team).await, [named("-red", 3)]);
    assert_eq!(lines(Grouping::Model).await, [named("/m", 1), named("/n", 2)]);
    assert_eq!(lines(Grouping::Provider).await, [named("", 3)]);
    assert_eq!(lines(Grouping::Key).await, [named("/0123456789ab", 3)]);
}

/// It is not free.
pub async fn a_request_that_nobody_can_price_is_said_to_be_so(usage: &dyn Usage, prefix: &str) {
    let cost = Cost::Unknown { why: "no price".to_owned() };
    let unknown = UsageRecord { cost, ..record(prefix, "m", 0) };
    let batch =
        [request(prefix, "ann", 0, unknown), request(prefix, "ann", 1, record(prefix, "m", 0))];
    usage.count(&batch).await.expect("count");
    let ann = of_ann(usage, prefix).await;
    assert_eq!((ann.requests, ann.unpriced, ann.pico_dollars), (2, 1, 11));
}

/// Its tokens count like any others.
pub async fn an_aborted_request_is_counted_with_what_was_seen(usage: &dyn Usage, prefix: &str) {
    let cut = UsageRecord { completion: Completion::Aborted, ..record(prefix, "m", 0) };
    usage.count(&[request(prefix, "ann", 0, cut)]).await.expect("count");
    let ann = of_ann(usage, prefix).await;
    assert_eq!((ann.requests, ann.aborted, ann.output), (1, 1, 50_000));
}

/// The whole hour in which the time asked for lies.
pub async fn a_report_begins_at_the_hour_that_was_asked_for(usage: &dyn Usage, prefix: &str) {
    for (n, at) in [(0, 0), (1, HOUR), (2, 2 * HOUR)] {
        usage.count(&[request(prefix, "ann", n, record(prefix, "m", at))]).await.expect("count");
    }
    let ann = person(prefix, "ann").to_string();
    for (since, requests) in [(0, 3), (HOUR, 2), (2 * HOUR, 1)] {
        let lines = usage.report(Grouping::User, Some(second(since))).await.expect("report");
        let line = lines.iter().find(|line| line.name == ann).expect("ann's line");
        assert_eq!(line.requests, requests, "since {since}");
    }
}

/// Whatever their names.
pub async fn the_most_expensive_comes_first(usage: &dyn Usage, prefix: &str) {
    for (n, (name, pico_dollars)) in [("ann", 5), ("bob", 50), ("cat", 20)].into_iter().enumerate()
    {
        let cost = Cost::Known { pico_dollars, table: "t".to_owned() };
        let priced = UsageRecord { cost, ..record(prefix, "m", 0) };
        let n = i64::try_from(n).expect("small");
        usage.count(&[request(prefix, name, n, priced)]).await.expect("count");
    }
    let lines = report(usage, prefix, Grouping::User).await;
    let names: Vec<_> = lines.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(names, ["bob", "cat", "ann"].map(|name| format!("{prefix}-{name}")));
}

/// Money is never rounded.
pub async fn sums_beyond_64_bits_stay_exact(usage: &dyn Usage, prefix: &str) {
    let cost = Cost::Known { pico_dollars: u64::MAX, table: "t".to_owned() };
    let dear = UsageRecord { cost, ..record(prefix, "m", 0) };
    let batch: Vec<_> = (0..3).map(|n| request(prefix, "ann", n, dear.clone())).collect();
    usage.count(&batch).await.expect("count");
    let ann = of_ann(usage, prefix).await;
    assert_eq!(ann.pico_dollars, 3 * i128::from(u64::MAX));
    assert!(ann.pico_dollars > i128::from(PICO_PER_DOLLAR));
}

/// Nothing of it is counted.
pub async fn a_batch_with_anything_else_in_it_is_turned_away_whole(
    usage: &dyn Usage,
    prefix: &str,
) {
    let good = request(prefix, "ann", 0, record(prefix, "m", 0));
    let nobodys = Envelope { subject: None, ..request(prefix, "ann", 1, record(prefix, "m", 0)) };
    for bad in [started(&person(prefix, "ann"), 2, 1), nobodys] {
        let answer = usage.count(&[good.clone(), bad]).await;
        assert!(matches!(answer, Err(Fault::Nonsense { .. })), "{answer:?}");
    }
    assert_eq!(of_ann(usage, prefix).await, Spending::default());
}
