//! The promises of [`Starts`]. A slot follows from all that were taken before it, so these rules need
//! a line that nobody else stands in, with this suite's [`RATE`].

use events::admission::Rate;
use events::{Attempt, Gen};
use jiff::{SignedDuration, Timestamp};

use super::given::{person, second};
use crate::{Admission, Starts};

rules!($ starts_rules, starts:
    a_burst_starts_at_once_and_the_rest_one_after_the_other,
    a_repeat_keeps_its_slot_and_takes_no_other,
    every_try_has_a_slot_of_its_own,
    the_place_falls_as_time_passes,
    after_a_pause_a_burst_starts_at_once_again,
    a_clock_that_was_ahead_makes_nobody_wait_for_its_time,
    of_many_at_once_each_has_a_slot_of_its_own,
);

/// Two at once, and then one every ten seconds.
pub const RATE: Rate = Rate { burst: 2, interval: SignedDuration::from_secs(10) };

async fn admit(starts: &dyn Starts, prefix: &str, name: &str, now: i64) -> (i64, u32) {
    let id = person(prefix, name);
    let admitted = starts.admit(&id, Gen(1), Attempt(1), second(now)).await;
    let Admission { slot, place } = admitted.expect("admitted");
    (seconds(slot), place)
}

/// So many seconds after the start.
fn seconds(slot: Timestamp) -> i64 {
    slot.as_second() - second(0).as_second()
}

/// In the order in which they asked.
pub async fn a_burst_starts_at_once_and_the_rest_one_after_the_other(
    starts: &dyn Starts,
    prefix: &str,
) {
    for (name, want) in [("a", (0, 0)), ("b", (0, 0)), ("c", (10, 1)), ("d", (20, 2))] {
        assert_eq!(admit(starts, prefix, name, 0).await, want, "{name}");
    }
    assert_eq!(admit(starts, prefix, "e", 15).await, (30, 2));
}

/// However often it is asked for, before its time and after.
pub async fn a_repeat_keeps_its_slot_and_takes_no_other(starts: &dyn Starts, prefix: &str) {
    for name in ["a", "b", "c"] {
        admit(starts, prefix, name, 0).await;
    }
    for now in [0, 3, 10, 400] {
        assert_eq!(admit(starts, prefix, "c", now).await.0, 10, "asked at {now}");
    }
    assert_eq!(admit(starts, prefix, "d", 3).await.0, 20);
}

/// The next try is another start, and so is the next generation.
pub async fn every_try_has_a_slot_of_its_own(starts: &dyn Starts, prefix: &str) {
    let id = person(prefix, "a");
    let mut slots = Vec::new();
    for (generation, attempt) in [(1, 1), (1, 2), (2, 1), (11, 1), (1, 11), (u64::MAX, u32::MAX)] {
        let admitted = starts.admit(&id, Gen(generation), Attempt(attempt), second(0)).await;
        slots.push(seconds(admitted.expect("admitted").slot));
    }
    assert_eq!(slots, [0, 0, 10, 20, 30, 40]);
}

/// A person who looks again sees that.
pub async fn the_place_falls_as_time_passes(starts: &dyn Starts, prefix: &str) {
    for name in ["a", "b", "c", "d"] {
        admit(starts, prefix, name, 0).await;
    }
    for (now, place) in [(0, 2), (1, 2), (10, 1), (19, 1), (20, 0), (21, 0)] {
        assert_eq!(admit(starts, prefix, "d", now).await, (20, place), "at {now}");
    }
}

/// And no more than one.
pub async fn after_a_pause_a_burst_starts_at_once_again(starts: &dyn Starts, prefix: &str) {
    for (name, now, slot) in
        [("a", 0, 0), ("b", 0, 0), ("c", 0, 10), ("d", 600, 600), ("e", 600, 600), ("f", 600, 610)]
    {
        assert_eq!(admit(starts, prefix, name, now).await.0, slot, "{name}");
    }
}

/// Some may start too early then, and that is what the compute's own throttle is for.
pub async fn a_clock_that_was_ahead_makes_nobody_wait_for_its_time(
    starts: &dyn Starts,
    prefix: &str,
) {
    admit(starts, prefix, "a", 0).await;
    assert_eq!(admit(starts, prefix, "b", 7_200).await.0, 7_200);
    let waits = admit(starts, prefix, "c", 1).await.0 - 1;
    assert!(waits <= 20, "it waits {waits} s");
}

/// Nobody is told the slot of somebody else.
pub async fn of_many_at_once_each_has_a_slot_of_its_own(starts: &dyn Starts, prefix: &str) {
    let (a, b, c, d, e, again) = tokio::join!(
        admit(starts, prefix, "a", 0),
        admit(starts, prefix, "b", 0),
        admit(starts, prefix, "c", 0),
        admit(starts, prefix, "d", 0),
        admit(starts, prefix, "e", 0),
        admit(starts, prefix, "a", 0),
    );
    assert_eq!(a, again, "two consumers may hold the same message for a moment");
    let mut slots = [a, b, c, d, e].map(|(slot, _)| slot);
    slots.sort_unstable();
    // One more may have been taken for the doubled message, and goes by unused.
    let all = [0, 0, 10, 20, 30, 40];
    let without = |left: usize| all.iter().enumerate().filter(move |(at, _)| *at != left);
    let mut but_one = (0..all.len()).map(|left| without(left).map(|(_, slot)| *slot));
    assert!(but_one.any(|some| some.eq(slots)), "{slots:?}");
}
