//! [`Clock`] of this machine: as even as the clock that nobody can set, and slowly after the wall
//! clock.
//!
//! The wall clock is set by people and programs, and who sets it says nothing about what happened:
//! an hour more makes nobody idle for an hour, and no link an hour older. So what passes is measured
//! from the start of the machine, its sleep included, and the wall clock only pulls. Within a run
//! time never goes back; across runs it begins no earlier than the newest fact.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use ports::Clock;
use rustix::time::{ClockId, clock_gettime};

/// How fast it follows the wall clock: by one part in so many of the time that passes. A wrong hour
/// is made good in 16 hours, and no time-out is noticeably longer or shorter.
const SLEW: i32 = 16;
/// From this distance on an operator is told: more than a machine that keeps its clock right ever is
/// away from it.
const FAR: SignedDuration = SignedDuration::from_mins(1);

/// The clock. A start of the engine begins at the wall clock again, so that is the way to follow a
/// clock that was set forward at once.
#[derive(Debug)]
pub struct SystemClock(Mutex<Told>);

#[derive(Clone, Copy, Debug)]
struct Told {
    time: Timestamp,
    /// When that was, since the start of the machine.
    at: SignedDuration,
    /// Whether an operator was told how far away the wall clock is.
    warned: bool,
}

impl SystemClock {
    /// A clock that begins at the wall clock's time.
    pub fn new() -> Self {
        Self(Mutex::new(Told { time: wall(), at: since_start(), warned: false }))
    }

    /// Goes on from `newest` if that is later: facts of an earlier run are not from the future.
    pub fn not_before(&self, newest: Timestamp) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.time = told.time.max(newest);
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (wall, at) = (wall(), since_start());
        let time = following(*told, wall, at);
        let away = wall.duration_since(time);
        *told = Told { time, at, warned: tell(told.warned, away) };
        time
    }
}

/// The time at `at`: what has passed since it was told, drawn towards the wall clock.
fn following(told: Told, wall: Timestamp, at: SignedDuration) -> Timestamp {
    let passed = at.saturating_sub(told.at).max(SignedDuration::ZERO);
    let even = told.time.saturating_add(passed).unwrap_or(told.time);
    let most = passed / SLEW;
    let pull = wall.duration_since(even).clamp(-most, most);
    even.saturating_add(pull).unwrap_or(even)
}

/// Tells an operator once that the clock was set, and how. Gives whether they know.
fn tell(known: bool, away: SignedDuration) -> bool {
    let far = away.abs() > FAR;
    if far && !known {
        let (way, away) = if away.is_positive() { ("ahead of", away) } else { ("behind", -away) };
        let away = SignedDuration::from_secs(away.as_secs());
        tracing::warn!(
            "the machine's clock is {away:#} {way} the engine's, so it was set; the engine follows \
             slowly, so that nobody is stopped early. A restart of the engine follows a clock that \
             was set forward at once"
        );
    }
    far
}

#[expect(clippy::disallowed_methods, reason = "this is the root from which everybody has the time")]
pub(crate) fn wall() -> Timestamp {
    Timestamp::now()
}

/// How long ago the machine started, with the time for which it slept: a laptop that is opened in
/// the morning has really been left alone all night.
fn since_start() -> SignedDuration {
    let since = clock_gettime(ClockId::Boottime);
    // Nanoseconds below a second fit.
    SignedDuration::new(since.tv_sec, i32::try_from(since.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    /// What the clock says at 10 000 s and so many seconds later, with the wall clock there.
    fn after(seconds: i64, wall: i64) -> Timestamp {
        let told = Told { time: second(10_000), at: SignedDuration::ZERO, warned: false };
        following(told, second(wall), SignedDuration::from_secs(seconds))
    }

    #[test]
    fn a_wall_clock_that_is_set_back_neither_turns_time_back_nor_stops_it() {
        assert_eq!(after(16, 6_400), second(10_015));
    }

    #[test]
    fn a_wall_clock_that_is_set_forward_makes_no_time_pass() {
        assert_eq!(after(0, 13_600), second(10_000));
        assert_eq!(after(16, 13_600), second(10_017));
    }

    #[test]
    fn a_wall_clock_that_is_nearly_right_is_followed_at_once() {
        for wall in [10_015, 10_016, 10_017] {
            assert_eq!(after(16, wall), second(wall));
        }
    }

    #[test]
    fn a_machine_that_slept_is_as_much_later_as_its_clock_says() {
        assert_eq!(after(8 * 3_600, 10_000 + 8 * 3_600), second(10_000 + 8 * 3_600));
    }

    #[test]
    fn time_goes_on_from_the_newest_fact_when_the_clock_was_set_back_between_two_runs() {
        let clock = SystemClock::new();
        let newest = clock.now().saturating_add(SignedDuration::from_hours(1)).expect("in range");
        clock.not_before(newest);
        assert!(clock.now() >= newest);
        clock.not_before(second(10_000));
        assert!(clock.now() >= newest, "an old fact changes nothing");
    }
}
