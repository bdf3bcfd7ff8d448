//! Waiting for something to do, without looking again and again: what a long poll does for a real
//! process. It only waits; the call that follows may still find nothing.

use std::time::Duration;

use events::Class;
use tokio::time::{Instant, timeout_at};

use super::{START_MS, Seat, State};

/// Longer than any simulated world lasts.
const FOR_EVER: Duration = Duration::from_secs(400 * 24 * 60 * 60);

impl Seat {
    /// Until a message of this class can be received.
    pub async fn until_message(&self, class: Class) {
        loop {
            self.survive().await;
            let news = self.world().news().messages[class as usize].notified();
            let next = self.world().state().queues.next_ms(class);
            if next.is_some_and(|at| at <= self.world().now_ms()) {
                return;
            }
            // Whether news came or the time did: look again.
            let _ = timeout_at(self.at(next), news).await;
        }
    }

    /// Until a timer is due on this process's clock.
    pub async fn until_timer(&self) {
        loop {
            self.survive().await;
            let news = self.world().news().timers.notified();
            let now = self.world().now_ms();
            let next = self.world().state().timers.next();
            let wake = next.map(|next| next.as_millisecond() - START_MS);
            if wake.is_some_and(|wake| wake <= now) {
                return;
            }
            let _ = timeout_at(self.at(wake), news).await;
        }
    }

    /// Until the cloud has something to tell. What happens in it by itself happens here.
    pub async fn until_change(&self) {
        loop {
            self.survive().await;
            let news = self.world().news().changes.notified();
            let now = self.world().now_ms();
            let (told, next) = {
                let mut state = self.world().state();
                state.cloud.tick(now);
                let told = state.cloud.next_change_ms();
                (told, told.into_iter().chain(state.cloud.next_ms()).min())
            };
            if told.is_some_and(|at| at <= now) {
                return;
            }
            let _ = timeout_at(self.at(next), news).await;
        }
    }

    /// Until a sidecar's journal holds usage that the ledger may not have.
    pub async fn until_usage(&self) {
        loop {
            self.survive().await;
            let news = self.world().news().usage.notified();
            if !self.world().state().outbox.is_empty() {
                return;
            }
            news.await;
        }
    }

    /// Until `wanted` holds of the world at its true time; looks when something was recorded or
    /// sent and when a workspace is due.
    pub async fn until_stir(&self, wanted: impl Fn(&State, i64) -> bool) {
        loop {
            self.survive().await;
            let news = self.world().news().stir.notified();
            let now = self.world().now_ms();
            let next = {
                let state = self.world().state();
                if wanted(&state, now) {
                    return;
                }
                let due = state.journal.all().filter_map(|(_, list)| list.due);
                due.map(|at| at.as_millisecond() - START_MS).filter(|at| *at > now).min()
            };
            let _ = timeout_at(self.at(next), news).await;
        }
    }

    fn at(&self, at_ms: Option<i64>) -> Instant {
        at_ms.map_or_else(|| Instant::now() + FOR_EVER, |at| self.world().instant(at))
    }
}
