//! The promises of [`Suspects`]. A comparison is about everything that is suspected, so these rules
//! need a list that nobody else uses.

use events::{Attempt, Gen};
use jiff::Timestamp;

use super::given::{person, second};
use crate::{Kind, Suspect, Suspects};

rules!($ suspects_rules, suspects:
    nothing_is_suspected_at_first,
    what_is_named_for_the_first_time_is_suspected_since_now,
    what_is_named_again_keeps_its_time,
    what_is_not_named_is_forgotten_and_begins_anew,
    every_part_of_a_name_counts,
    a_name_that_comes_twice_counts_once,
    every_generation_and_try_can_be_suspected,
    a_clock_that_was_set_back_does_not_make_a_suspicion_last,
    a_clock_that_jumps_ahead_makes_nothing_older_than_its_first_comparison,
    of_two_comparisons_at_once_one_comes_first,
);

fn task(prefix: &str, name: &str, generation: u64) -> Suspect {
    let (workspace, generation) = (person(prefix, name), Gen(generation));
    Suspect { kind: Kind::Task, missing: false, workspace, generation, attempt: Attempt(1) }
}

async fn compared(
    suspects: &dyn Suspects,
    now: i64,
    found: &[Suspect],
) -> Vec<(Suspect, Timestamp)> {
    suspects.compare(second(now), found).await.expect("compared")
}

/// An empty comparison as well.
pub async fn nothing_is_suspected_at_first(suspects: &dyn Suspects, _: &str) {
    assert_eq!(suspects.list().await.expect("listed"), []);
    assert_eq!(compared(suspects, 0, &[]).await, []);
    assert_eq!(suspects.list().await.expect("listed"), []);
}

/// And listed so.
pub async fn what_is_named_for_the_first_time_is_suspected_since_now(
    suspects: &dyn Suspects,
    prefix: &str,
) {
    let (ann, bob) = (task(prefix, "ann", 1), task(prefix, "bob", 1));
    let both = compared(suspects, 5, &[bob.clone(), ann.clone()]).await;
    assert_eq!(both, [(ann, second(5)), (bob, second(5))]);
    assert_eq!(suspects.list().await.expect("listed"), both);
}

/// However often, while others come and go.
pub async fn what_is_named_again_keeps_its_time(suspects: &dyn Suspects, prefix: &str) {
    let (ann, bob) = (task(prefix, "ann", 1), task(prefix, "bob", 1));
    compared(suspects, 0, std::slice::from_ref(&ann)).await;
    for now in [60, 120] {
        let found = compared(suspects, now, &[ann.clone(), bob.clone()]).await;
        assert_eq!(found, [(ann.clone(), second(0)), (bob.clone(), second(60))]);
        assert_eq!(suspects.list().await.expect("listed"), found);
    }
}

/// A gap is a gap.
pub async fn what_is_not_named_is_forgotten_and_begins_anew(suspects: &dyn Suspects, prefix: &str) {
    let (ann, bob) = (task(prefix, "ann", 1), task(prefix, "bob", 1));
    compared(suspects, 0, &[ann.clone(), bob.clone()]).await;
    assert_eq!(
        compared(suspects, 60, std::slice::from_ref(&bob)).await,
        [(bob.clone(), second(0))]
    );
    assert_eq!(suspects.list().await.expect("listed"), [(bob, second(0))]);
    assert_eq!(
        compared(suspects, 120, std::slice::from_ref(&ann)).await,
        [(ann.clone(), second(120))]
    );
    assert_eq!(suspects.list().await.expect("listed"), [(ann, second(120))]);
}

/// The next try is another thing.
pub async fn every_part_of_a_name_counts(suspects: &dyn Suspects, prefix: &str) {
    let ann = task(prefix, "ann", 1);
    let others = [
        Suspect { kind: Kind::Route, ..ann.clone() },
        Suspect { kind: Kind::Lease, ..ann.clone() },
        Suspect { missing: true, ..ann.clone() },
        Suspect { workspace: person(prefix, "bob"), ..ann.clone() },
        Suspect { generation: Gen(2), ..ann.clone() },
        Suspect { attempt: Attempt(2), ..ann.clone() },
    ];
    compared(suspects, 0, std::slice::from_ref(&ann)).await;
    for (found, since) in compared(suspects, 60, &others).await {
        assert_eq!(since, second(60), "{found:?} is not {ann:?}");
    }
    let mut listed: Vec<_> = others.map(|other| (other, second(60))).to_vec();
    listed.sort();
    assert_eq!(suspects.list().await.expect("listed"), listed);
}

/// An inventory may show a thing twice.
pub async fn a_name_that_comes_twice_counts_once(suspects: &dyn Suspects, prefix: &str) {
    let ann = task(prefix, "ann", 1);
    for now in [0, 60] {
        let found = compared(suspects, now, &[ann.clone(), ann.clone()]).await;
        assert_eq!(found, [(ann.clone(), second(0))]);
    }
    assert_eq!(suspects.list().await.expect("listed"), [(ann, second(0))]);
}

/// What nobody made has whatever number it likes, and must not spoil a comparison.
pub async fn every_generation_and_try_can_be_suspected(suspects: &dyn Suspects, prefix: &str) {
    let largest = Suspect { attempt: Attempt(u32::MAX), ..task(prefix, "ann", u64::MAX) };
    let least = Suspect { attempt: Attempt(0), ..task(prefix, "ann", 0) };
    let both = [least.clone(), largest.clone()];
    compared(suspects, 0, &both).await;
    assert_eq!(compared(suspects, 60, &both).await.len(), 2);
    let listed = [(least, second(0)), (largest, second(0))];
    assert_eq!(suspects.list().await.expect("listed"), listed);
}

/// Its time was the future's; from now on it counts from the present.
pub async fn a_clock_that_was_set_back_does_not_make_a_suspicion_last(
    suspects: &dyn Suspects,
    prefix: &str,
) {
    let ann = [task(prefix, "ann", 1)];
    compared(suspects, 3_600, &ann).await;
    assert_eq!(compared(suspects, 0, &ann).await, [(ann[0].clone(), second(0))]);
    assert_eq!(compared(suspects, 60, &ann).await, [(ann[0].clone(), second(0))]);
}

/// Whatever is found after the jump counts from there.
pub async fn a_clock_that_jumps_ahead_makes_nothing_older_than_its_first_comparison(
    suspects: &dyn Suspects,
    prefix: &str,
) {
    let (ann, bob) = (task(prefix, "ann", 1), task(prefix, "bob", 1));
    compared(suspects, 0, std::slice::from_ref(&ann)).await;
    let found = compared(suspects, 3_600, &[ann.clone(), bob.clone()]).await;
    assert_eq!(found, [(ann, second(0)), (bob, second(3_600))]);
}

/// What is left is what one of them named, whole, and its times are that one's.
pub async fn of_two_comparisons_at_once_one_comes_first(suspects: &dyn Suspects, prefix: &str) {
    let ours = |name: &str| [task(prefix, name, 1), task(prefix, name, 2), task(prefix, "both", 1)];
    let (ann, bob) = (ours("ann"), ours("bob"));
    for round in 0..20 {
        let now = i64::from(round) * 100;
        suspects.compare(second(now), &[]).await.expect("compared");
        let (one, two) = tokio::join!(
            suspects.compare(second(now + 1), &ann),
            suspects.compare(second(now + 2), &bob)
        );
        let (one, two) = (one.expect("compared"), two.expect("compared"));
        let listed = suspects.list().await.expect("listed");
        assert!(listed == one || listed == two, "{listed:?} of {one:?} and {two:?}");
    }
}
