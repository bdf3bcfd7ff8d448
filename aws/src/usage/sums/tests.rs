//! Sums are exact, a row is bounded, and every way of adding up comes to the same.

use events::price::Cost;
use events::usage::{Completion, Tokens};
use events::{Gen, KeyPrint};
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

/// The most that an item may be, in bytes.
const ITEM_MAX: usize = 400 * 1024;

fn record(team: &str, provider: &str, model: &str, key: u64) -> UsageRecord {
    UsageRecord {
        generation: Gen(1),
        team: team.parse().expect("a name"),
        provider: provider.to_owned(),
        model: model.to_owned(),
        key: KeyPrint(format!("{key:012x}")),
        started: Timestamp::UNIX_EPOCH,
        duration_ms: 1,
        status: 200,
        completion: Completion::Complete,
        estimated: false,
        tokens: Tokens { uncached_input: 7, output: 3, ..Tokens::default() },
        cost: Cost::Known { pico_dollars: 11, table: "t".to_owned() },
        raw: None,
    }
}

fn together(lines: &[(String, &Spending)]) -> Spending {
    let mut total = Spending::default();
    lines.iter().for_each(|(_, line)| total.add(line));
    total
}

const ALL: [Grouping; 5] =
    [Grouping::User, Grouping::Team, Grouping::Model, Grouping::Provider, Grouping::Key];

proptest! {
    #[test]
    fn every_way_of_adding_up_comes_to_the_same_however_many_names_there_are(
        given in prop::collection::vec((0..90_u64, 0..3_u64, 0..200_u64, 0..90_u64), 0..400),
    ) {
        let mut sums = Sums::default();
        for (team, provider, model, key) in &given {
            let names = [team, provider, model].map(|n| format!("n{n}"));
            sums.count(&record(&names[0], &names[1], &names[2], *key));
        }
        let total = sums.total();
        prop_assert_eq!(total.requests, given.len() as u64);
        prop_assert_eq!(total.pico_dollars, 11 * given.len() as i128);
        for grouping in ALL {
            prop_assert_eq!(&together(&sums.by(grouping, "ann")), &total, "{:?}", grouping);
        }
        let written = sums.written().expect("written");
        prop_assert_eq!(Sums::read(&written).expect("read"), sums);
    }
}

#[test]
fn whoever_asks_for_a_new_model_each_time_fills_no_row() {
    let mut sums = Sums::default();
    let long = |n: usize| format!("{n:0>200}");
    for n in 0..2_000_usize {
        let mut record = record("red", "p", &long(n), n as u64);
        record.team = format!("{n:0>36}").parse().expect("a name");
        record.provider = format!("{:0>64}", n % 10);
        let most = u64::MAX;
        record.tokens =
            Tokens { uncached_input: most, cache_read: most, output: most, ..record.tokens };
        record.cost = Cost::Known { pico_dollars: most, table: "t".to_owned() };
        sums.count(&record);
    }
    let written = sums.written().expect("written");
    assert!(written.len() < ITEM_MAX / 4, "{}", written.len());
    assert_eq!(Sums::read(&written).expect("read"), sums);
    let lines = sums.by(Grouping::Model, "ann");
    let others = format!("{:0>64}/others", 7);
    assert!(lines.iter().any(|(name, line)| *name == others && line.requests > 100));
    assert_eq!(together(&lines).pico_dollars, 2_000 * i128::from(u64::MAX));
}

#[test]
fn a_model_that_is_known_keeps_its_line_when_there_are_many() {
    let mut sums = Sums::default();
    for n in 0..200 {
        sums.count(&record("red", "p", &format!("m{n}"), 1));
        sums.count(&record("red", "p", "m0", 1));
    }
    let lines = sums.by(Grouping::Model, "ann");
    let known = lines.iter().find(|(name, _)| name == "p/m0").expect("its line");
    assert_eq!(known.1.requests, 201);
}

#[test]
fn lines_have_the_names_that_reports_have() {
    let mut sums = Sums::default();
    sums.count(&record("red", "p", "a/b", 15));
    let names = ALL.map(|grouping| sums.by(grouping, "ann")[0].0.clone());
    assert_eq!(names, ["ann", "red", "p/a/b", "p", "p/00000000000f"]);
}

#[test]
fn a_row_that_cannot_be_read_is_a_fault_and_no_zero() {
    assert!(Sums::read("{}").is_err() && Sums::read("").is_err());
}
