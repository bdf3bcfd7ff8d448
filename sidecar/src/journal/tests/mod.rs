//! What the journal promises, on a disk that fails in every way.

mod bounds;
mod damage;
mod full;
mod groups;
mod ledger;
#[allow(dead_code, missing_docs, unreachable_pub, reason = "the integration tests use all of it")]
#[path = "../../../tests/support/outside.rs"]
mod outside;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use events::usage::{Completion, Tokens, UsageRecord};
use events::{Envelope, Event, EventId, Gen, KeyPrint, Stamp};
use jiff::Timestamp;

use super::book::{Book, Bounds, NotKept};
use super::entry::Entry;
use super::fake::{Fake, Files};
use super::group::Desk;
use super::keeper::run_errands;
use super::state::Coming;
use super::{Journal, opened};

/// Three or four records a segment, so that tests see many.
const SMALL: Bounds = Bounds { segment_length: 900, length: 5_400, segments: 50 };
/// As small, with room for what is never settled.
const ROOMY: Bounds = Bounds { segment_length: 2700, length: 150_000, segments: 500 };

fn id(n: u64) -> EventId {
    EventId(uuid::Builder::from_unix_timestamp_millis(n, &[7; 10]).into_uuid())
}

/// The record of request `n`; a begin has no tokens yet.
fn record(n: u64, output: u64) -> Envelope {
    let at = Timestamp::from_second(1_800_000_000).expect("a time");
    let usage = UsageRecord {
        generation: Gen(1),
        team: "red".parse().expect("a name"),
        provider: "anthropic".to_owned(),
        model: "m".to_owned(),
        key: KeyPrint("0123456789ab".to_owned()),
        started: at,
        duration_ms: 0,
        status: 200,
        completion: if output > 0 { Completion::Complete } else { Completion::Aborted },
        tokens: Tokens { output, ..Tokens::default() },
        estimated: false,
        cost: events::price::Cost::Unknown { why: "a test".to_owned() },
        raw: None,
    };
    let stamp = Stamp { id: id(n), time: at, cause: None };
    let subject = Some("ann".parse().expect("a name"));
    Envelope::new("/sidecar", subject, stamp, Event::UsageRecorded(usage))
}

/// It is written by hand, for each request writes two; and read by serde.
#[test]
fn an_entry_is_written_as_it_is_read() {
    use std::borrow::Cow;

    let known =
        events::price::Cost::Known { pico_dollars: u64::MAX, table: "2026 \"a\"".to_owned() };
    let raw = serde_json::json!({"input_tokens": 7, "of": [null, {"x": -1.5}], "\u{1}": "\n"});
    for (model, cost, raw) in [("m", None, None), ("a \"model\" \u{fffd}", Some(known), Some(raw))]
    {
        let mut record = record(1, 5);
        let Event::UsageRecorded(usage) = &mut record.event else { panic!("usage") };
        usage.model = model.to_owned();
        usage.cost = cost.unwrap_or_else(|| usage.cost.clone());
        usage.raw = raw;
        if model == "m" {
            record.subject = None;
        }
        for entry in [
            Entry::UnderWay(Cow::Borrowed(&record)),
            Entry::Ended(Cow::Borrowed(&record)),
            Entry::Settled(Cow::Owned(vec![id(1), id(2)])),
        ] {
            let frame = entry.frame().expect("short");
            let expected = serde_json::to_vec(&entry.written().expect("of this age"));
            assert!(frame.ends_with(&expected.expect("JSON")), "{}", frame.escape_ascii());
            let (entries, odd) = super::entry::read(&frame);
            assert_eq!((entries.as_slice(), odd), (&[entry][..], 0));
        }
    }
}

fn output(envelope: &Envelope) -> u64 {
    let Event::UsageRecorded(usage) = &envelope.event else { panic!("not usage: {envelope:?}") };
    usage.tokens.output
}

/// A journal whose errands are run by the test and by no thread.
fn journal(fake: &Fake, bounds: Bounds) -> (Journal, Arc<Book>) {
    let book = Arc::new(opened(Box::new(fake.clone()), bounds).expect("opens"));
    let desk = Arc::new(Desk::new(Arc::clone(&book)));
    (Journal { book: Some((Arc::clone(&book), desk)), ..Journal::none() }, book)
}

/// Writes a begin alone; gives whether it is kept.
fn begun(journal: &Journal, record: &Envelope) -> bool {
    journal.begin(record).expect("a journal").write()
}

/// Writes an end alone; gives whether it is kept.
fn ended(journal: &Journal, record: &Envelope) -> bool {
    journal.end(record).expect("a journal").write()
}

/// What a start on these files hands over: output by request. Each once.
fn handed_over(files: Files) -> BTreeMap<EventId, u64> {
    let fake = Fake::of(files);
    let (journal, book) = journal(&fake, ROOMY);
    let mut all = BTreeMap::new();
    while journal.has_left() {
        let records = journal.left();
        for record in &records {
            assert!(all.insert(record.id, output(record)).is_none(), "handed over twice");
        }
        journal.settle(&records);
    }
    run_errands(&book);
    assert!(fake.platter().files.len() <= 1, "what is settled is removed");
    all
}

/// What the tests' requests did, and how long the disk's history was when the call returned.
#[derive(Clone, Copy, Debug)]
enum Did {
    Began(u64),
    Ended(u64),
    Settled(u64),
}

/// Many requests: some long, some that never end, some that the ledger has late.
fn story(journal: &Journal, book: &Book, mut did: impl FnMut(Did)) {
    for n in 0..30 {
        assert!(begun(journal, &record(n, 0)), "kept");
        did(Did::Began(n));
        if n % 7 == 3 {
            // Another key.
            assert!(begun(journal, &record(n, 0)), "kept");
        }
        let ends = [Some(n).filter(|n| n % 5 != 0), n.checked_sub(10).filter(|n| n % 10 == 5)];
        for end in ends.into_iter().flatten() {
            assert!(ended(journal, &record(end, end + 1)), "kept");
            did(Did::Ended(end));
            if end % 13 != 6 {
                journal.settle(&[record(end, end + 1)]);
                did(Did::Settled(end));
            }
        }
        if let Some(late) = n.checked_sub(7).filter(|late| late % 13 == 6) {
            journal.settle(&[record(late, late + 1)]);
            did(Did::Settled(late));
        }
        if n % 3 == 0 {
            run_errands(book);
        }
    }
}

/// What must be handed over after these calls.
fn expected(calls: &[Did]) -> BTreeMap<EventId, u64> {
    let mut all = BTreeMap::new();
    for call in calls {
        match *call {
            Did::Began(n) => drop(all.insert(id(n), 0)),
            Did::Ended(n) => drop(all.insert(id(n), n + 1)),
            Did::Settled(n) => drop(all.remove(&id(n))),
        }
    }
    all
}

#[test]
fn a_kill_between_any_two_writes_or_within_one_loses_nothing() {
    let fake = Fake::default();
    fake.platter().history = Some(Vec::new());
    let (journal, book) = journal(&fake, ROOMY);
    let mut calls = Vec::new();
    let moments = || fake.platter().history.as_ref().map_or(0, Vec::len);
    story(&journal, &book, |did| calls.push((did, moments())));
    let history = fake.platter().history.take().expect("was wanted");
    assert!(history.iter().map(BTreeMap::len).max() > Some(2), "segments came and went");
    assert!(!history.last().is_some_and(|files| files.contains_key(&1)), "segments went");
    for (moment, files) in history.into_iter().enumerate() {
        let returned = calls.partition_point(|(_, length)| *length <= moment + 1);
        let done: Vec<Did> = calls.iter().map(|(did, _)| *did).collect();
        // The call that is going on has happened, or it has not.
        let before = expected(&done[..returned]);
        let after = expected(&done[..done.len().min(returned + 1)]);
        let seen = handed_over(files);
        assert!(seen == before || seen == after, "moment {moment}: {seen:?}, not {before:?}");
    }
}

#[test]
fn a_power_failure_loses_nothing_that_was_brought_in_sync() {
    let fake = Fake::default();
    let (journal, book) = journal(&fake, ROOMY);
    let mut calls = Vec::new();
    for n in 0..12 {
        assert!(begun(&journal, &record(n, 0)), "kept");
        calls.push(Did::Began(n));
        if n % 3 != 0 {
            assert!(ended(&journal, &record(n, n + 1)), "kept");
            calls.push(Did::Ended(n));
        }
        if n % 3 == 1 {
            journal.settle(&[record(n, n + 1)]);
            calls.push(Did::Settled(n));
        }
        let synced = fake.platter().synced.clone();
        let not_yet = handed_over(synced);
        assert!(!not_yet.contains_key(&id(n)), "what is not in sync may be gone");
        run_errands(&book);
        let synced = fake.platter().synced.clone();
        assert_eq!(handed_over(synced), expected(&calls), "after {n}");
    }
}

#[test]
fn nothing_is_removed_while_its_copy_is_not_in_sync() {
    let fake = Fake::default();
    let (journal, book) = journal(&fake, SMALL);
    assert!(begun(&journal, &record(0, 0)), "kept");
    for n in 1..20 {
        assert!(begun(&journal, &record(n, 0)), "kept");
        assert!(ended(&journal, &record(n, n + 1)), "kept");
        journal.settle(&[record(n, n + 1)]);
        if fake.platter().files.len() > 3 {
            break;
        }
    }
    fake.platter().sync_fails = true;
    let before = fake.platter().files.len();
    run_errands(&book);
    assert_eq!(fake.platter().files.len(), before);
    fake.platter().sync_fails = false;
    assert!(begun(&journal, &record(30, 0)), "kept");
    run_errands(&book);
    assert_eq!(fake.platter().files.len(), 1);
    let synced = fake.platter().synced.clone();
    assert_eq!(handed_over(synced), [(id(0), 0), (id(30), 0)].into());
}

#[test]
fn what_settles_an_entry_never_goes_before_the_entry() {
    let fake = Fake::default();
    let (journal, book) = journal(&fake, SMALL);
    for n in 0..2 {
        assert!(begun(&journal, &record(n, 0)), "kept");
        assert!(ended(&journal, &record(n, n + 1)), "kept");
    }
    let pass_on = |n: u64| {
        assert!(begun(&journal, &record(n, 0)), "kept");
        assert!(ended(&journal, &record(n, n + 1)), "kept");
        journal.settle(&[record(n, n + 1)]);
        u64::try_from(fake.platter().files.len()).expect("few")
    };
    let mut rest = 2..40;
    rest.find(|n| pass_on(*n) == 2).expect("a second segment");
    journal.settle(&[record(1, 2)]);
    rest.find(|n| pass_on(*n) == 4).expect("a fourth segment");
    run_errands(&book);
    // The first is still needed for request 0; so the second stays, which says that 1 is settled.
    assert_eq!(handed_over(fake.platter().files.clone()), [(id(0), 1)].into());
}

#[test]
fn a_flipped_bit_costs_at_most_one_word_and_invents_none() {
    let fake = Fake::default();
    let (journal, _book) = journal(&fake, ROOMY);
    for n in 0..3 {
        assert!(begun(&journal, &record(n, 0)), "kept");
    }
    assert!(ended(&journal, &record(1, 2)), "kept");
    journal.settle(&[record(2, 3)]);
    let files = fake.platter().files.clone();
    let whole = handed_over(files.clone());
    assert_eq!(whole, [(id(0), 0), (id(1), 2)].into());
    let bytes = files[&1].clone();
    // One bit of each byte; frames themselves are tried with every bit.
    for (place, bit) in (0..bytes.len()).zip((0..8).cycle()) {
        let mut hurt = bytes.clone();
        hurt[place] ^= 1 << bit;
        let seen = handed_over([(1, hurt)].into());
        let allowed: [&BTreeMap<EventId, u64>; 5] = [
            &whole,
            &[(id(1), 2)].into(),
            &[(id(0), 0)].into(),
            &[(id(0), 0), (id(1), 0)].into(),
            &[(id(0), 0), (id(1), 2), (id(2), 0)].into(),
        ];
        assert!(allowed.contains(&&seen), "byte {place}, bit {bit}: {seen:?}");
        assert_ne!(seen, [(id(0), 0)].into(), "one flip takes either word of 1, not both");
    }
}

#[test]
fn what_nobody_has_room_for_comes_back_from_the_segment() {
    let fake = Fake::default();
    let (journal, _book) = journal(&fake, SMALL);
    for n in 0..10 {
        assert!(begun(&journal, &record(n, 0)), "kept");
        assert!(ended(&journal, &record(n, n + 1)), "kept");
    }
    assert!(!journal.has_left());
    for n in [1, 4, 9] {
        assert!(journal.leave(id(n)));
    }
    assert!(!journal.leave(id(77)), "of this one the journal has no word");
    let mut back = BTreeSet::new();
    while journal.has_left() {
        back.extend(journal.left().iter().map(output));
    }
    assert_eq!(back, [2, 5, 10].into());
}

#[test]
fn a_segment_that_cannot_be_read_is_left_alone_and_stops_nobody() {
    let fake = Fake::default();
    let (journal, book) = journal(&fake, SMALL);
    for n in 0..10 {
        assert!(begun(&journal, &record(n, 0)), "kept");
        assert!(ended(&journal, &record(n, 1)), "kept");
        journal.leave(id(n));
    }
    let first = fake.platter().files.remove(&1).expect("there");
    let mut seen = 0;
    while journal.has_left() {
        let records = journal.left();
        seen += records.len();
        journal.settle(&records);
    }
    assert!((1..10).contains(&seen), "{seen}");
    fake.platter().files.insert(1, first);
    run_errands(&book);
    assert_eq!(handed_over(fake.platter().files.clone()).len(), 10 - seen);
}

#[test]
fn a_group_is_brought_in_sync_once_and_by_the_thread_itself() {
    let fake = Fake::default();
    let journal = Journal::on(Box::new(fake.clone()), super::BOUNDS).expect("opens");
    for n in 0..200 {
        assert!(begun(&journal, &record(n, 0)), "kept");
    }
    drop(journal);
    let platter = fake.platter();
    assert_eq!(platter.synced, platter.files, "all is in sync at the end");
    assert!(platter.syncs * 10 < platter.appends, "{} for {}", platter.syncs, platter.appends);
}

#[test]
fn a_record_too_long_for_an_entry_is_kept_without_the_providers_own_words() {
    let fake = Fake::default();
    let (journal, _book) = journal(&fake, SMALL);
    let mut long = record(0, 5);
    if let Event::UsageRecorded(usage) = &mut long.event {
        usage.raw = Some(serde_json::json!({"x": "a".repeat(70_000)}));
    }
    assert!(begun(&journal, &record(0, 0)), "kept");
    assert!(ended(&journal, &long), "kept");
    assert_eq!(handed_over(fake.platter().files.clone()), [(id(0), 5)].into());
}

#[test]
fn a_process_that_dies_in_a_loop_does_not_fill_the_journal() {
    let fake = Fake::default();
    for n in 0..300 {
        let (journal, _book) = journal(&fake, super::BOUNDS);
        assert!(begun(&journal, &record(n, 0)), "there is much room");
    }
    assert_eq!(handed_over(fake.platter().files.clone()).len(), 300);
}
