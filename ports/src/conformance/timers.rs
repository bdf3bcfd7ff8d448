//! The promises of [`Timers`].

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::given::{person, second};
use crate::Timers;

rules!($ timers_rules, timers:
    a_timer_is_due_at_its_time_and_not_before,
    a_timer_stays_due_until_it_is_said_to_have_fired,
    setting_a_timer_again_moves_it,
    a_removed_timer_is_never_due,
    a_timer_that_was_moved_meanwhile_outlives_the_firing_of_the_old_one,
    the_earliest_timers_come_first_and_no_more_than_asked_for,
    a_wait_ends_when_a_timer_is_set_that_is_due,
    a_wait_ends_when_a_timer_becomes_due,
    a_wait_ends_empty_when_nothing_is_due,
);

const NO_WAIT: Duration = Duration::ZERO;
/// Far longer than any store takes, and short enough to wait for in a test.
const LONG: Duration = Duration::from_secs(10);

async fn due(timers: &dyn Timers, prefix: &str, now: Timestamp) -> Vec<(String, Timestamp)> {
    let due = timers.due(now, usize::MAX, NO_WAIT).await.expect("due");
    let ours = due.into_iter().filter_map(|(id, at)| {
        Some((id.to_string().strip_prefix(prefix)?.strip_prefix('-')?.to_owned(), at))
    });
    ours.collect()
}

async fn set(timers: &dyn Timers, prefix: &str, name: &str, at: Timestamp) {
    timers.set(&person(prefix, name).into(), Some(at)).await.expect("set");
}

/// To the nanosecond on the early side.
pub async fn a_timer_is_due_at_its_time_and_not_before(timers: &dyn Timers, prefix: &str) {
    set(timers, prefix, "ann", second(3_600)).await;
    assert!(due(timers, prefix, second(0)).await.is_empty());
    assert_eq!(due(timers, prefix, second(3_600)).await, [("ann".to_owned(), second(3_600))]);
}

/// At least once: who was told may have crashed.
pub async fn a_timer_stays_due_until_it_is_said_to_have_fired(timers: &dyn Timers, prefix: &str) {
    set(timers, prefix, "ann", second(0)).await;
    for _ in 0..2 {
        assert_eq!(due(timers, prefix, second(1)).await.len(), 1);
    }
    timers.fired(&person(prefix, "ann").into(), second(0)).await.expect("fired");
    assert!(due(timers, prefix, second(1)).await.is_empty());
    timers.fired(&person(prefix, "ann").into(), second(0)).await.expect("again is a success");
}

/// One for each workspace.
pub async fn setting_a_timer_again_moves_it(timers: &dyn Timers, prefix: &str) {
    set(timers, prefix, "ann", second(0)).await;
    set(timers, prefix, "ann", second(3_600)).await;
    assert!(due(timers, prefix, second(1)).await.is_empty());
    assert_eq!(due(timers, prefix, second(3_600)).await.len(), 1);
}

/// One that never was is removed as well.
pub async fn a_removed_timer_is_never_due(timers: &dyn Timers, prefix: &str) {
    set(timers, prefix, "ann", second(0)).await;
    for name in ["ann", "nobody"] {
        timers.set(&person(prefix, name).into(), None).await.expect("removed");
    }
    assert!(due(timers, prefix, second(1_000_000)).await.is_empty());
}

/// The answer to a due timer may come late.
pub async fn a_timer_that_was_moved_meanwhile_outlives_the_firing_of_the_old_one(
    timers: &dyn Timers,
    prefix: &str,
) {
    set(timers, prefix, "ann", second(0)).await;
    set(timers, prefix, "ann", second(5)).await;
    timers.fired(&person(prefix, "ann").into(), second(0)).await.expect("fired");
    assert_eq!(due(timers, prefix, second(5)).await, [("ann".to_owned(), second(5))]);
}

/// The limit holds for the earliest.
pub async fn the_earliest_timers_come_first_and_no_more_than_asked_for(
    timers: &dyn Timers,
    prefix: &str,
) {
    for (name, at) in [("ann", 30), ("bob", 10), ("cat", 20)] {
        set(timers, prefix, name, second(at)).await;
    }
    let all = due(timers, prefix, second(100)).await;
    assert_eq!(all.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), ["bob", "cat", "ann"]);
    assert_eq!(timers.due(second(100), 2, NO_WAIT).await.expect("due").len(), 2);
}

/// It is told at once and not at the end of the wait.
pub async fn a_wait_ends_when_a_timer_is_set_that_is_due(timers: &dyn Timers, prefix: &str) {
    let began = Instant::now();
    let (found, ()) = tokio::join!(timers.due(second(0), 10, LONG), async {
        sleep(Duration::from_millis(200)).await;
        set(timers, prefix, "ann", second(0)).await;
    });
    assert_eq!(found.expect("due").len(), 1);
    assert!(began.elapsed() < LONG, "it slept through the timer");
}

/// Time goes on while it waits.
pub async fn a_wait_ends_when_a_timer_becomes_due(timers: &dyn Timers, prefix: &str) {
    set(timers, prefix, "ann", second(1)).await;
    let began = Instant::now();
    let found = timers.due(second(0), 10, LONG).await.expect("due");
    assert_eq!(found, [(person(prefix, "ann").into(), second(1))]);
    assert!(began.elapsed() >= Duration::from_secs(1), "too early");
    assert!(began.elapsed() < LONG, "it slept through the timer");
}

/// Not earlier than the wait.
pub async fn a_wait_ends_empty_when_nothing_is_due(timers: &dyn Timers, prefix: &str) {
    set(timers, prefix, "ann", second(3_600)).await;
    let (began, wait) = (Instant::now(), Duration::from_millis(300));
    assert!(timers.due(second(0), 10, wait).await.expect("due").is_empty());
    assert!(began.elapsed() >= wait);
}
