//! [`Clock`] of a machine whose clock others keep right and whose process is paused now and then.
//!
//! A function is frozen between two calls, and nothing promises that the time since the start of the
//! machine goes on meanwhile (docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html). So
//! the wall clock is taken as it is; it is the provider's to keep. It never goes back.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use ports::Clock;

/// The wall clock, held where it is set back.
#[derive(Debug, Default)]
pub struct WallClock(Mutex<Option<Timestamp>>);

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let time = crate::clock::wall().max(told.unwrap_or(Timestamp::MIN));
        *told = Some(time);
        time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_stands_still_until_it_is_right_again() {
        let clock = WallClock::default();
        let now = clock.now();
        assert!(clock.now() >= now);
        let ahead = now.saturating_add(jiff::SignedDuration::from_hours(1)).expect("in range");
        *clock.0.lock().expect("nobody panics here") = Some(ahead);
        assert_eq!(clock.now(), ahead);
    }
}
