//! The promises of [`UsageTotals`].

use events::price::Cost;
use events::usage::Completion;
use events::{UsageRecord, WorkspaceId};

use super::given::{person, second};
use super::usage::{HOUR, record, request};
use crate::{Spending, UsageTotals};

rules!($ totals_rules, totals:
    what_one_workspace_used_is_added_up_and_nothing_of_the_others,
    who_used_nothing_has_a_total_of_nothing,
    a_total_begins_at_the_hour_that_was_asked_for,
    what_was_counted_is_in_the_total_at_once,
);

async fn total(totals: &dyn UsageTotals, id: &WorkspaceId, since: i64) -> Spending {
    totals.total(id, second(since)).await.expect("total")
}

/// Whatever the model, the key and how it ended.
pub async fn what_one_workspace_used_is_added_up_and_nothing_of_the_others(
    totals: &dyn UsageTotals,
    prefix: &str,
) {
    let cut = UsageRecord { completion: Completion::Aborted, ..record(prefix, "n", 0) };
    let cost = Cost::Unknown { why: "no price".to_owned() };
    let unpriced = UsageRecord { cost, ..record(prefix, "o", HOUR) };
    let batch = [
        request(prefix, "ann", 0, record(prefix, "m", 0)),
        request(prefix, "ann", 1, cut),
        request(prefix, "ann", 2, unpriced),
        request(prefix, "ann-two", 3, record(prefix, "m", 0)),
        request(prefix, "bob", 4, record(prefix, "m", 0)),
    ];
    totals.count(&batch).await.expect("count");
    let ann = total(totals, &person(prefix, "ann"), 0).await;
    assert_eq!(ann.name, person(prefix, "ann").to_string());
    assert_eq!((ann.input, ann.output, ann.pico_dollars), (3 * 4_321, 150_000, 22));
    assert_eq!(total(totals, &person(prefix, "bob"), 0).await.output, 50_000);
}

/// It is no fault.
pub async fn who_used_nothing_has_a_total_of_nothing(totals: &dyn UsageTotals, prefix: &str) {
    let ann = person(prefix, "ann");
    let nothing = Spending { name: ann.to_string(), ..Spending::default() };
    assert_eq!(total(totals, &ann, 0).await, nothing);
}

/// Days and months begin at whole hours.
pub async fn a_total_begins_at_the_hour_that_was_asked_for(totals: &dyn UsageTotals, prefix: &str) {
    // The start is 800 seconds into an hour.
    let whole = HOUR - 800;
    for (n, at) in [(0, whole - 1), (1, whole), (2, whole + HOUR)] {
        totals.count(&[request(prefix, "ann", n, record(prefix, "m", at))]).await.expect("count");
    }
    let ann = person(prefix, "ann");
    for (since, requests) in [(whole - HOUR, 3), (whole, 2), (whole + HOUR, 1)] {
        assert_eq!(total(totals, &ann, since).await.output, requests * 50_000, "since {since}");
    }
}

/// Who asks after its own counting sees it.
pub async fn what_was_counted_is_in_the_total_at_once(totals: &dyn UsageTotals, prefix: &str) {
    let ann = person(prefix, "ann");
    for n in 0..20 {
        totals.count(&[request(prefix, "ann", n, record(prefix, "m", 0))]).await.expect("count");
        let output = u64::try_from(n + 1).expect("small") * 50_000;
        assert_eq!(total(totals, &ann, 0).await.output, output);
    }
}
