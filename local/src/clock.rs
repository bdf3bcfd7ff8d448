//! [`Clock`] of this machine: the wall clock, without its steps back.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use ports::Clock;

/// While it is ahead of the wall clock, this clock loses one part in so many of the time that
/// passes: a wrong hour is made good in 16 hours, and no interval is noticeably longer.
const SLEW: i32 = 16;

/// Never goes back within a process. When the wall clock is set back it goes on, a little slower,
/// until the wall clock has caught up; when that is set forward (or the machine slept) it follows
/// at once.
#[derive(Debug)]
pub struct SystemClock(Mutex<Told>);

#[derive(Clone, Copy, Debug)]
struct Told {
    time: Timestamp,
    /// When that was, on the clock that nobody can set.
    at: Instant,
}

impl SystemClock {
    /// A clock that begins at the wall clock's time.
    pub fn new() -> Self {
        Self(Mutex::new(Told { time: wall(), at: instant() }))
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
        let (wall, at) = (wall(), instant());
        *told = Told { time: following(*told, wall, at), at };
        told.time
    }
}

fn following(told: Told, wall: Timestamp, at: Instant) -> Timestamp {
    if wall >= told.time {
        return wall;
    }
    let passed = SignedDuration::try_from(at.saturating_duration_since(told.at));
    let passed = passed.unwrap_or(SignedDuration::ZERO);
    told.time.checked_add(passed - passed / SLEW).unwrap_or(told.time)
}

#[expect(clippy::disallowed_methods, reason = "this is the root from which everybody has the time")]
fn wall() -> Timestamp {
    Timestamp::now()
}

#[expect(clippy::disallowed_methods, reason = "measures how much time passed since the last look")]
fn instant() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn a_wall_clock_that_is_set_back_neither_turns_time_back_nor_stops_it() {
        let start = instant();
        let told = Told { time: second(10_000), at: start };
        let later = start + Duration::from_secs(16);
        assert_eq!(following(told, second(6_400), later), second(10_015));
    }

    #[test]
    fn a_wall_clock_that_is_set_forward_is_followed_at_once() {
        let told = Told { time: second(10_000), at: instant() };
        assert_eq!(following(told, second(13_600), told.at), second(13_600));
    }
}
