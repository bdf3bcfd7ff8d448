//! A damaged disk: a segment cut anywhere, a byte changed anywhere, a page lost, a file doubled. What
//! the damage did not touch is handed over exactly, once, and that there is damage is said.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event as Told, Level, Metadata, Subscriber};

use super::*;

/// Calls in one segment, each with the place where its word begins and ends.
struct Written {
    calls: Vec<(Did, usize, usize)>,
    bytes: Vec<u8>,
}

/// Requests of every kind: under way, with another key, ended, settled, ended late.
fn written() -> Written {
    let fake = Fake::default();
    let (journal, _book) = journal(&fake, ROOMY);
    let mut calls = Vec::new();
    let length = || fake.platter().files.get(&1).map_or(0, Vec::len);
    let mut from = 0;
    let mut wrote = |did| {
        calls.push((did, from, length()));
        from = length();
    };
    let begin = |n| assert!(begun(&journal, &record(n, 0)), "kept");
    let end = |n| assert!(ended(&journal, &record(n, n + 1)), "kept");
    for did in [
        Did::Began(0),
        Did::Began(1),
        Did::Ended(1),
        Did::Began(2),
        Did::Began(2),
        Did::Ended(2),
        Did::Settled(2),
        Did::Began(3),
        Did::Ended(0),
        Did::Began(4),
    ] {
        match did {
            Did::Began(n) => begin(n),
            Did::Ended(n) => end(n),
            Did::Settled(n) => journal.settle(&[record(n, n + 1)]),
        }
        wrote(did);
    }
    let files = fake.platter().files.clone();
    assert_eq!(files.len(), 1, "all in one segment");
    Written { calls, bytes: files[&1].clone() }
}

impl Written {
    /// What must be handed over when the words that `hurt` says are lost. A begin speaks for nothing
    /// once its request has ended or is settled.
    fn without(&self, hurt: impl Fn(usize, usize) -> bool) -> BTreeMap<EventId, u64> {
        let whole = self.calls.iter().filter(|(_, from, to)| !hurt(*from, *to));
        let (mut open, mut ended, mut settled) =
            (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        for (did, ..) in whole {
            match *did {
                Did::Began(n) => drop(open.insert(id(n), 0)),
                Did::Ended(n) => drop(ended.insert(id(n), n + 1)),
                Did::Settled(n) => drop(settled.insert(id(n))),
            }
        }
        open.append(&mut ended);
        open.retain(|id, _| !settled.contains(id));
        open
    }
}

/// Counts what is said in the tone of an error.
#[derive(Clone, Default)]
struct Errors(Arc<AtomicU64>);

impl Subscriber for Errors {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, told: &Told<'_>) {
        if *told.metadata().level() == Level::ERROR {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// What a start on these bytes hands over, and whether it complained.
fn opened_on(files: Files) -> (BTreeMap<EventId, u64>, bool) {
    let errors = Errors::default();
    let seen = tracing::subscriber::with_default(errors.clone(), || handed_over(files));
    (seen, errors.0.load(Ordering::Relaxed) > 0)
}

#[test]
fn a_segment_that_is_cut_anywhere_keeps_what_lies_before_and_says_so() {
    let written = written();
    let ends: BTreeSet<usize> = written.calls.iter().map(|(.., to)| *to).chain([0]).collect();
    for cut in 0..=written.bytes.len() {
        let (seen, complained) = opened_on([(1, written.bytes[..cut].to_vec())].into());
        assert_eq!(seen, written.without(|_, to| to > cut), "cut at {cut}");
        assert_eq!(complained, !ends.contains(&cut), "cut at {cut}");
    }
}

#[test]
fn a_byte_that_is_changed_anywhere_costs_its_own_word_and_is_said() {
    let written = written();
    for place in 0..written.bytes.len() {
        // One bit, or all of them.
        let change = if place % 2 == 0 { 1 << (place / 2 % 8) } else { 0xff };
        let mut hurt = written.bytes.clone();
        hurt[place] ^= change;
        let (seen, complained) = opened_on([(1, hurt)].into());
        let left = written.without(|from, to| (from..to).contains(&place));
        assert_eq!(seen, left, "byte {place}, change {change:#x}");
        assert!(complained, "byte {place}, change {change:#x}");
    }
}

#[test]
fn a_page_that_is_lost_anywhere_costs_what_was_on_it_and_is_said() {
    let written = written();
    for (length, fill) in [(64, 0), (512, 0), (512, 0xff), (2048, b'{')] {
        for from in (0..written.bytes.len()).step_by(61) {
            let to = written.bytes.len().min(from + length);
            let mut hurt = written.bytes.clone();
            hurt[from..to].fill(fill);
            let left = written.without(|a, b| hurt[a..b] != written.bytes[a..b]);
            let (seen, complained) = opened_on([(1, hurt)].into());
            assert_eq!(seen, left, "{length} bytes of {fill:#x} from {from}");
            assert!(complained, "{length} bytes of {fill:#x} from {from}");
        }
    }
}

#[test]
fn what_lies_there_twice_is_counted_once() {
    let written = written();
    let bytes = &written.bytes;
    let whole = written.without(|_, _| false);
    let (twice, both) = ([&bytes[..], bytes].concat(), [(1, bytes.clone()), (7, bytes.clone())]);
    assert_eq!(opened_on([(1, twice)].into()), (whole.clone(), false));
    assert_eq!(opened_on(both.into()), (whole.clone(), false));
    let last = written.calls.last().map_or(0, |(_, from, _)| *from);
    let torn_first = [(1, bytes[..last + 20].to_vec()), (2, bytes.clone())];
    assert_eq!(opened_on(torn_first.into()), (whole, true));
}

#[test]
fn what_is_no_segment_at_all_is_said_and_hands_over_nothing() {
    let nothing = || BTreeMap::new();
    for bytes in [vec![0; 5000], vec![0xff; 5000], b"{\"ended\":1}".to_vec(), vec![b'['; 100_000]] {
        assert_eq!(opened_on([(1, bytes)].into()), (nothing(), true));
    }
    assert_eq!(opened_on([(1, Vec::new())].into()), (nothing(), false));
}

/// Nobody gets there by counting; a file of this name can be put there.
#[test]
fn a_segment_of_the_last_number_stops_new_ones_and_nothing_else() {
    let written = written();
    let fake = Fake::of([(u64::MAX, written.bytes.clone())].into());
    let (journal, book) = journal(&fake, ROOMY);
    for n in 10..13 {
        let (kept, refused) = book.write_all(vec![Coming::begin(&record(n, 0))]);
        assert!(
            matches!((&kept[..], refused), ([false], Some(NotKept::Disk(_)))),
            "no number left"
        );
    }
    assert_eq!(journal.left().len(), written.without(|_, _| false).len());
}
