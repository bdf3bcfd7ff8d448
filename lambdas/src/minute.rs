//! What happens every minute: the idle check, timers, the sweep. Each may run twice at once or not at
//! all for a while; what it does is safe to repeat, and what it missed it finds the next time.

use std::time::Duration;

use consumers::{World, sweeper};
use events::Status;
use ports::{Fault, Query, Timers};
use producers::{Bus, cron_wake, idle_check};
use tokio::time::{Instant, sleep};

use crate::metrics::{Metric, Metrics};

/// How long one run looks after timers: until the next one begins.
const RUN: Duration = Duration::from_secs(60);
/// How long one look waits for a timer.
const WAIT: Duration = Duration::from_secs(20);
/// The pause after a bad answer, so that an outage is no storm.
const PAUSE: Duration = Duration::from_secs(1);

/// Nudges ready workspaces whose idle time has come.
///
/// # Errors
/// What the journal said of the search.
pub async fn check_idle(bus: &Bus, metrics: &Metrics) -> Result<(), Fault> {
    metrics.set(Metric::Handled, idle_check::look(bus).await?);
    Ok(())
}

/// Nudges whoever's timer is due, for a minute or for `time` if that is shorter.
///
/// # Errors
/// What the timers said last, if that was bad to the end.
pub async fn wake(
    bus: &Bus,
    timers: &dyn Timers,
    time: Duration,
    metrics: &Metrics,
) -> Result<(), Fault> {
    let fire = async |wait| cron_wake::fire(bus, timers, wait).await;
    let (fired, last) = again_and_again(time.min(RUN), fire).await;
    metrics.set(Metric::Handled, fired);
    last
}

/// Looks again and again for as long as `time`. Gives how much was found, and what the last look said.
async fn again_and_again(
    time: Duration,
    look: impl AsyncFn(Duration) -> Result<usize, Fault>,
) -> (usize, Result<(), Fault>) {
    let until = Instant::now() + time;
    let (mut found, mut last) = (0, Ok(()));
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|it| !it.is_zero()) {
        last = match look(left.min(WAIT)).await {
            Ok(more) => {
                found += more;
                Ok(())
            }
            Err(fault) => {
                tracing::warn!(%fault, "timers could not be looked at");
                sleep(PAUSE.min(left)).await;
                Err(fault)
            }
        };
    }
    (found, last)
}

/// One sweep, and what an operator must see of the whole cell.
///
/// # Errors
/// What a search or an inventory said.
pub async fn sweep(world: &World, metrics: &Metrics) -> Result<(), Fault> {
    let swept = sweeper::sweep(world).await;
    let parked = Query { status: vec![Status::Parked], ..Query::default() };
    metrics.set(Metric::Parked, world.bus.find_all(&parked).await?.len());
    metrics.set(Metric::Suspected, world.suspects.list().await?.len());
    let swept = swept?;
    metrics.set(Metric::Late, swept.nudged);
    metrics.set(Metric::Removed, swept.removed);
    Ok(())
}

#[cfg(test)]
mod tests;
