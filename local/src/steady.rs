//! The time line on which messages are hidden and come back: milliseconds that only ever pass.
//!
//! It starts at the wall clock's time when the database is opened and goes on with real time, so
//! that setting the clock while the program runs changes nothing. Between two runs the clock may
//! have been set back: then a stored time would be too far ahead, so opening pulls it back to "the
//! whole time-out from now" (`messages::pull_back`). A message is thus never hidden for longer than its
//! time-out after a start; at the worst it comes twice, which the contract allows.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// Milliseconds since 1970 at the start, and real time from there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steady {
    start_ms: i64,
    started: Instant,
}

impl Steady {
    pub(crate) fn starting(now: Timestamp) -> Self {
        Self { start_ms: now.as_millisecond(), started: Instant::now() }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.start_ms.saturating_add(millis(self.started.elapsed()))
    }

    /// When a time on this line will be.
    pub(crate) fn instant(&self, ms: i64) -> Instant {
        let ahead = u64::try_from(ms.saturating_sub(self.start_ms)).unwrap_or(0);
        self.started + Duration::from_millis(ahead)
    }
}

/// A duration as whole milliseconds.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
