//! Turns timers that are due into nudges: the deadline of a step, the end of a notice, scheduled
//! work that a sleeping workspace must be awake for, the next try of a rotation.
//!
//! The nudge decides nothing. What is due follows from the journal.

use std::time::Duration;

use events::{Class, Subject};
use ports::{Fault, Nudge, Outgoing, Timers};

use crate::bus::Bus;

/// How many timers one call handles at the most.
const FIRE_MAX: usize = 100;

/// Waits up to `wait` for timers and nudges for each that is due. Gives how many.
///
/// A timer is removed after its nudge was sent: a crash in between sends it twice, never not at
/// all.
///
/// # Errors
/// What the timers said.
pub async fn fire(bus: &Bus, timers: &dyn Timers, wait: Duration) -> Result<usize, Fault> {
    let due = timers.due(bus.now(), FIRE_MAX, wait).await?;
    let mut fired = 0;
    for (about, at) in due {
        let class = match &about {
            Subject::Workspace(_) => Class::Compute,
            Subject::Pool(_) => Class::Keys,
        };
        let nudge = Nudge { about: about.clone(), cause: None };
        let message = Outgoing { nudge, group: None, delay: Duration::ZERO };
        if let Err(fault) = bus.nudge(class, message).await {
            tracing::warn!(%fault, "a due timer could not nudge");
            continue;
        }
        timers.fired(&about, at).await?;
        fired += 1;
    }
    Ok(fired)
}
