//! What happens every minute: the idle check, timers, the sweep; and the one order over all facts, which is
//! made at every hint and at every sweep. Each may run twice at once or not at all for a while; what it does
//! is safe to repeat, and what it missed it finds the next time.

use std::time::Duration;

use aws::journal::DynamoJournal;
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

/// Puts what is recorded and has no place yet into the one order over all facts. Somebody else who does so
/// at the same time is no fault.
///
/// # Errors
/// What the journal said.
pub async fn order(journal: &DynamoJournal, metrics: &Metrics) -> Result<(), Fault> {
    match journal.sequence().await {
        Ok(sequenced) => metrics.set(Metric::Sequenced, sequenced),
        Err(Fault::Conflict) => {}
        Err(fault) => return Err(fault),
    }
    Ok(())
}

/// One sweep, and what an operator must see of the whole cell. Facts whose hint was lost, for the stream's
/// record was, are put in order too; neither waits for the other.
///
/// # Errors
/// What a search, an inventory or the ordering said. The rest was done all the same.
pub async fn sweep(world: &World, journal: &DynamoJournal, metrics: &Metrics) -> Result<(), Fault> {
    let (ordered, swept) = tokio::join!(order(journal, metrics), sweeper::sweep(world));
    let parked = Query { status: vec![Status::Parked], ..Query::default() };
    metrics.set(Metric::Parked, world.bus.find_all(&parked).await?.len());
    metrics.set(Metric::Suspected, world.suspects.list().await?.len());
    let swept = swept?;
    metrics.set(Metric::Late, swept.nudged);
    metrics.set(Metric::Removed, swept.removed);
    ordered
}

#[cfg(test)]
mod tests;
