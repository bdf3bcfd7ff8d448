//! Every part fits one transaction, and every record is in one part.

use events::price::Cost;
use events::usage::{Completion, Tokens};
use events::{Gen, KeyPrint, Stamp};
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::usage::row::{Books, SeenByHour, fresh, writes};
use crate::usage::seen::{IDS_IN_ROW, Seen};

/// The most actions that a transaction takes, one of them for the facts.
const ACTIONS_MAX: usize = 100 - 1;

fn usage(n: usize, user: u8, hour: i64, raw: usize) -> Envelope {
    let id = serde_json::from_str(&format!("\"01900000-0000-7000-8000-{n:012x}\"")).expect("an id");
    let started = Timestamp::from_second(1_790_000_000 + hour * 3_600).expect("in range");
    let record = UsageRecord {
        generation: Gen(1),
        team: "red".parse().expect("a name"),
        provider: "p".to_owned(),
        model: "m".to_owned(),
        key: KeyPrint("0123456789ab".to_owned()),
        started,
        duration_ms: 1,
        status: 200,
        completion: Completion::Complete,
        estimated: false,
        tokens: Tokens::default(),
        cost: Cost::Unknown { why: "none".to_owned() },
        raw: Some("x".repeat(raw).into()),
    };
    let stamp = Stamp { id, time: started, cause: None };
    let user = format!("u{user}").parse().expect("a name");
    Envelope::new("/tests", Some(user), stamp, Event::UsageRecorded(record))
}

proptest! {
    // Each case is megabytes of facts.
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever the hours, and however full the last row of ids of each of them is.
    #[test]
    fn every_part_fits_a_transaction_and_every_record_is_in_one(
        given in prop::collection::vec((0..3_u8, 0..60_i64, prop_oneof![9 => Just(10), 1 => Just(60_000)]), 0..250),
        full in 0..=IDS_IN_ROW,
    ) {
        let given = given.into_iter().enumerate();
        let batch: Vec<_> = given.map(|(n, (user, hour, raw))| usage(n, user, hour, raw)).collect();
        let parts = parts(&batch).expect("parts");
        let mut met: Vec<_> = Vec::new();
        for part in &parts {
            let hours = part.records.iter().map(crate::usage::row::hour);
            let before = || Seen::of(&[vec![0xff; 16 * full]]).expect("ids");
            let seen: SeenByHour = hours.map(|hour| (hour, before())).collect();
            let fresh = fresh(part, &seen);
            prop_assert_eq!(fresh.len(), part.records.len());
            let made = writes("t", part.user, &fresh, &mut Books::new(), &seen).expect("writes");
            prop_assert!(made.len() <= ACTIONS_MAX, "{}", made.len());
            let facts: Vec<_> = fresh.iter().map(|it| it.envelope).collect();
            prop_assert!(serde_json::to_string(&facts).expect("JSON").len() <= FACTS_BYTES_MAX);
            prop_assert!(facts.iter().all(|fact| fact.subject.as_ref() == Some(part.user)));
            met.extend(facts.iter().map(|fact| fact.id));
        }
        met.sort();
        prop_assert_eq!(met, batch.iter().map(|fact| fact.id).collect::<Vec<_>>());
    }
}

#[test]
fn a_full_message_of_one_workspace_is_one_part() {
    let batch: Vec<_> = (0..RECORDS_MAX).map(|n| usage(n, 1, 0, 100)).collect();
    assert_eq!(parts(&batch).expect("parts").len(), 1);
}

#[test]
fn a_record_that_is_too_long_for_any_part_takes_no_other_along() {
    let batch = [usage(1, 1, 0, 10), usage(2, 1, 0, 2 * FACTS_BYTES_MAX), usage(3, 1, 0, 10)];
    let sizes: Vec<_> = parts(&batch).expect("parts").iter().map(|it| it.records.len()).collect();
    assert_eq!(sizes, [1, 1, 1]);
}
