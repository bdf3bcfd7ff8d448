//! Being woken later. One timer for each workspace and for each provider's keys; setting
//! it again moves it.

use std::time::Duration;

use async_trait::async_trait;
use events::Subject;
use jiff::Timestamp;

use crate::Fault;

/// Timers that survive a restart. They fire at least once, at or after their time.
#[async_trait]
pub trait Timers: Send + Sync {
    /// Sets the timer to `at`, or removes it.
    async fn set(&self, id: &Subject, at: Option<Timestamp>) -> Result<(), Fault>;

    /// Up to `limit` timers whose time is at or before `now`, earliest first, waiting up to `wait`
    /// of real time for one. `now` goes on while it waits, so that a timer that becomes due
    /// meanwhile is given then. They stay until [`Timers::fired`].
    async fn due(
        &self,
        now: Timestamp,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<(Subject, Timestamp)>, Fault>;

    /// Removes the timer if it is still set to `at`; one that was moved meanwhile stays.
    async fn fired(&self, id: &Subject, at: Timestamp) -> Result<(), Fault>;
}
