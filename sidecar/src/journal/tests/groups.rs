//! Entries that go to the disk together: in fewer writes, and each as safe as alone.

use super::*;

/// The records that lie on the disk after these entries were made together.
fn together(fake: &Fake, bounds: Bounds, ends: &[bool]) -> Vec<bool> {
    let (journal, _book) = journal(fake, bounds);
    let enter = |(n, ends): (usize, &bool)| {
        let n = n as u64;
        let ticket =
            if *ends { journal.end(&record(n, n + 1)) } else { journal.begin(&record(n, 0)) };
        ticket.expect("a journal")
    };
    let tickets: Vec<_> = ends.iter().enumerate().map(enter).collect();
    assert_eq!(fake.platter().appends, 0, "nobody has asked yet");
    tickets.iter().map(|ticket| ticket.write()).collect()
}

#[test]
fn those_that_came_up_together_are_written_at_once() {
    let fake = Fake::default();
    let kept = together(&fake, ROOMY, &[false, true, false, true]);
    assert_eq!(kept, [true; 4]);
    // One for the new segment's copies, which are none, and one for all.
    assert_eq!(fake.platter().appends, 2);
    let all = [(id(0), 0), (id(1), 2), (id(2), 0), (id(3), 4)].into();
    assert_eq!(handed_over(fake.platter().files.clone()), all);
}

#[test]
fn a_group_goes_over_the_end_of_a_segment_and_into_the_next() {
    let fake = Fake::default();
    let kept = together(&fake, SMALL, &[true; 12]);
    assert_eq!(kept, [true; 12]);
    assert!(fake.platter().files.len() > 2, "{}", fake.platter().files.len());
    let all: BTreeMap<EventId, u64> = (0..12).map(|n| (id(n), n + 1)).collect();
    assert_eq!(handed_over(fake.platter().files.clone()), all);
}

#[test]
fn what_nobody_waits_for_is_written_all_the_same() {
    let fake = Fake::default();
    let (journal, _book) = journal(&fake, ROOMY);
    drop(journal.begin(&record(1, 0)));
    assert_eq!(handed_over(fake.platter().files.clone()), [(id(1), 0)].into());
}

#[test]
fn a_disk_that_refuses_a_group_refuses_each_of_it() {
    let fake = Fake::default();
    fake.platter().room = Some(1500);
    let kept = together(&fake, ROOMY, &[false; 4]);
    assert_eq!(kept, [false; 4]);
    fake.platter().room = None;
    let (journal, _book) = journal(&Fake::of(fake.platter().files.clone()), ROOMY);
    assert!(begun(&journal, &record(9, 0)), "it goes on when there is room");
}

#[test]
fn of_a_group_that_a_crash_cuts_all_that_came_whole_is_there() {
    let fake = Fake::default();
    fake.platter().history = Some(Vec::new());
    together(&fake, ROOMY, &[false; 6]);
    let history = fake.platter().history.take().expect("wanted");
    for files in history {
        let there = handed_over(files);
        let all: Vec<EventId> = there.into_keys().collect();
        assert_eq!(all, (0..all.len() as u64).map(id).collect::<Vec<_>>(), "the first ones");
    }
}

#[tokio::test]
async fn who_waits_lets_the_others_enter_first() {
    let fake = Fake::default();
    let (journal, _book) = journal(&fake, ROOMY);
    let mut waiting = tokio::task::JoinSet::new();
    let journal = Arc::new(journal);
    for n in 0..10 {
        let journal = Arc::clone(&journal);
        waiting.spawn(async move {
            {
                let ticket = journal.begin(&record(n, 0)).expect("a journal");
                ticket.others().await;
                ticket.write()
            }
        });
    }
    assert_eq!(waiting.join_all().await, [true; 10]);
    assert_eq!(fake.platter().appends, 2, "one for all ten");
}
