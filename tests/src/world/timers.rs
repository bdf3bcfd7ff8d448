//! Timers that fire late or twice, as EventBridge Scheduler's do.

use std::collections::BTreeMap;
use std::time::Duration;

use events::Subject;
use jiff::Timestamp;
use ports::{Fault, Timers, async_trait};
use tokio::time::{Instant, timeout_at};

use super::seat::Call;
use super::{Hazard, Pace, Seat, State};

/// The timer of each subject.
#[derive(Clone, Debug, Default)]
pub struct Set {
    timers: BTreeMap<Subject, Timestamp>,
}

impl Set {
    /// When the next timer is due, on the clock of whoever asks.
    pub fn next(&self) -> Option<Timestamp> {
        self.timers.values().min().copied()
    }

    /// Those that are due, earliest first.
    fn due(&self, now: Timestamp, limit: usize) -> Vec<(Subject, Timestamp)> {
        let due = self.timers.iter().filter(|(_, at)| **at <= now);
        let mut due: Vec<_> = due.map(|(id, at)| (id.clone(), *at)).collect();
        due.sort_by_key(|(id, at)| (*at, id.clone()));
        due.truncate(limit);
        due
    }
}

#[async_trait]
impl Timers for Seat {
    async fn set(&self, id: &Subject, at: Option<Timestamp>) -> Result<(), Fault> {
        let set = |state: &mut State, _| {
            match at {
                Some(mut at) => {
                    if state.weather.strikes(Hazard::LateTimer) {
                        let late = state.weather.between(1, 900);
                        at = at.saturating_add(jiff::SignedDuration::from_secs(late)).unwrap_or(at);
                    }
                    state.timers.timers.insert(id.clone(), at);
                }
                None => {
                    state.timers.timers.remove(id);
                }
            }
            Ok(())
        };
        let set = self.call(Call::SetTimer, set).await;
        self.world().news().timers.notify_waiters();
        set
    }

    async fn due(
        &self,
        now: Timestamp,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<(Subject, Timestamp)>, Fault> {
        let began = Instant::now();
        let until = began + wait;
        loop {
            let news = self.world().news().timers.notified();
            let passed = jiff::SignedDuration::try_from(began.elapsed()).unwrap_or_default();
            let by = now.saturating_add(passed).unwrap_or(now);
            let look =
                |state: &mut State, _| Ok((state.timers.due(by, limit), state.timers.next()));
            let (found, next) = self.call(Call::DueTimers, look).await?;
            let over = self.world().pace() != Pace::Live || Instant::now() >= until;
            if !found.is_empty() || over {
                return Ok(found);
            }
            let ahead = next.and_then(|next| Duration::try_from(next.duration_since(now)).ok());
            let wake = ahead.map_or(until, |ahead| (began + ahead).min(until));
            // Whether news came or the time did: look again.
            let _ = timeout_at(wake, news).await;
        }
    }

    async fn fired(&self, id: &Subject, at: Timestamp) -> Result<(), Fault> {
        let fired = |state: &mut State, _| {
            if !state.weather.strikes(Hazard::DoubledTimer) {
                state.timers.timers.retain(|known, time| known != id || *time != at);
            }
            Ok(())
        };
        self.call(Call::TimerFired, fired).await
    }
}
