//! What the journal may grow to, and what a disk without room refuses.

use super::*;

#[test]
fn a_long_request_holds_no_segment_back() {
    let fake = Fake::default();
    let (journal, book) = journal(&fake, SMALL);
    assert!(begun(&journal, &record(0, 0)), "kept");
    for n in 1..500 {
        assert!(begun(&journal, &record(n, 0)), "kept");
        assert!(ended(&journal, &record(n, n + 1)), "kept");
        journal.settle(&[record(n, n + 1)]);
        run_errands(&book);
        assert!(fake.platter().files.len() <= 2, "after {n}");
    }
    assert_eq!(handed_over(fake.platter().files.clone()), [(id(0), 0)].into());
}

#[test]
fn the_bound_refuses_a_begin_keeps_every_end_and_lifts_when_the_ledger_is_back() {
    let fake = Fake::default();
    let (journal, book) = journal(&fake, SMALL);
    let mut count = 0;
    while begun(&journal, &record(count, 0)) {
        count += 1;
        if count % 2 == 0 {
            assert!(ended(&journal, &record(count - 1, 1)), "kept");
        }
    }
    let (kept, error) = book.write_all(vec![Coming::begin(&record(count, 0))]);
    assert!(matches!((&kept[..], error), ([false], Some(NotKept::Full))));
    let length = || fake.platter().files.values().map(|file| file.len() as u64).sum::<u64>();
    assert!((4_400..=SMALL.length).contains(&length()), "{}", length());
    let waits: Vec<u64> = (0..count).filter(|n| n % 2 == 0).collect();
    for n in &waits {
        assert!(ended(&journal, &record(*n, 1)), "room for the end was promised");
    }
    assert!(length() < 2 * SMALL.length, "no more than was promised");
    let all: BTreeMap<EventId, u64> = (0..count).map(|n| (id(n), 1)).collect();
    assert_eq!(handed_over(fake.platter().files.clone()), all);
    let records: Vec<Envelope> = (0..count).map(|n| record(n, 1)).collect();
    journal.settle(&records);
    run_errands(&book);
    assert!(begun(&journal, &record(count, 0)), "there is room again");
}

#[test]
fn a_full_disk_refuses_and_what_was_kept_before_and_after_is_there() {
    for room in (0..6000).step_by(11) {
        let fake = Fake::default();
        fake.platter().room = Some(room);
        let (journal, _book) = journal(&fake, SMALL);
        let mut kept = BTreeMap::new();
        for n in 0..8 {
            if begun(&journal, &record(n, 0)) {
                kept.insert(id(n), 0);
            }
            if ended(&journal, &record(n, n + 1)) {
                kept.insert(id(n), n + 1);
            }
        }
        fake.platter().room = None;
        assert!(begun(&journal, &record(8, 0)), "there is room again");
        kept.insert(id(8), 0);
        let files = fake.platter().files.clone();
        assert_eq!(handed_over(files), kept, "{room} bytes of room");
    }
}
