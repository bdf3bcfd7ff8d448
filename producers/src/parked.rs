//! What a human decides about what is parked: retry, skip, abort or replay, for one workspace or
//! for many that are searched for; and dead letters sent again.
//!
//! Which way is open follows from the journal alone ([`events::workspace::leave`]).

use events::workspace::{WayOut, leave};
use events::{Class, Status, Step, Workspace, WorkspaceId};
use ports::{Fault, Letter, Query, Row};

use crate::bus::Bus;

const SOURCE: &str = "/producers/parked";

/// How many dead letters of one queue a list shows.
const LETTERS_MAX: usize = 100;

/// The parked workspaces that match.
///
/// # Errors
/// What the journal said.
pub async fn find(bus: &Bus, mut query: Query) -> Result<Vec<Row>, Fault> {
    query.status = vec![Status::Parked];
    bus.find_all(&query).await
}

/// Lets one parked workspace leave its parking; `from` is where a replay begins. Of several who
/// decide at once one is heard.
///
/// # Errors
/// [`Fault::Refused`] when it is not parked or that way is closed, with what to do instead.
pub async fn decide(
    bus: &Bus,
    id: &WorkspaceId,
    way: WayOut,
    from: Option<Step>,
) -> Result<Workspace, Fault> {
    let decide = |workspace: &Workspace, _| leave(workspace, way, from).unwrap_or_default();
    let put = bus.put(SOURCE, id, None, decide).await?;
    if put.cause.is_none() {
        open(&put.workspace, way)?;
    }
    Ok(put.workspace)
}

/// Whether that way is open, for a dry run; changes nothing.
///
/// # Errors
/// As [`decide`].
pub async fn check(bus: &Bus, id: &WorkspaceId, way: WayOut) -> Result<(), Fault> {
    open(&bus.journal().load(id).await?.workspace, way)
}

fn open(workspace: &Workspace, way: WayOut) -> Result<(), Fault> {
    leave(workspace, way, None).map(drop).map_err(Fault::Refused)
}

/// The dead letters of these queues, oldest first, a hundred of each at the most.
///
/// # Errors
/// What the queue said.
pub async fn letters(bus: &Bus, classes: &[Class]) -> Result<Vec<Letter>, Fault> {
    let mut letters = Vec::new();
    for class in classes {
        letters.extend(bus.queue().dead_letters(*class, LETTERS_MAX).await?);
    }
    Ok(letters)
}

/// Sends every dead letter of these queues again. Gives how many.
///
/// # Errors
/// What the queue said; those of the queues before it are sent then.
pub async fn redrive(bus: &Bus, classes: &[Class]) -> Result<usize, Fault> {
    let mut sent = 0;
    for class in classes {
        sent += bus.queue().redrive(*class).await?;
    }
    Ok(sent)
}
