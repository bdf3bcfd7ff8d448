//! Inviting, logging in, and using a workspace that sleeps.

use events::{Event, StartCause, Status, Workspace, WorkspaceId};
use ports::{Fault, Person};

use crate::bus::{Bus, Put};

const SOURCE: &str = "/producers/session";

/// Records that an operator let a person in, and wakes their workspace unless it is up or coming,
/// so that it is ready when they come. That they came is for [`log_in`] to record.
///
/// # Errors
/// What the journal or the queue said; nothing is half-recorded.
pub async fn invite(bus: &Bus, person: &Person) -> Result<Workspace, Fault> {
    let team = person.team.clone();
    welcome(bus, person, Event::Invited { team }).await
}

/// Records that a person logged in, and wakes their workspace unless it is up or coming.
///
/// # Errors
/// What the journal or the queue said; nothing is half-recorded.
pub async fn log_in(bus: &Bus, person: &Person) -> Result<Workspace, Fault> {
    let team = person.team.clone();
    welcome(bus, person, Event::LoggedIn { team }).await
}

async fn welcome(bus: &Bus, person: &Person, first: Event) -> Result<Workspace, Fault> {
    let put = bus.put(SOURCE, &person.id, None, |workspace, _| {
        let wake = start(workspace, StartCause::Login);
        std::iter::once(first.clone()).chain(wake).collect()
    });
    put.await.map(|put| put.workspace)
}

/// Wakes a workspace unless it is up or coming. Any number of callers start it once.
///
/// # Errors
/// What the journal or the queue said.
pub async fn wake(bus: &Bus, id: &WorkspaceId, cause: StartCause) -> Result<Workspace, Fault> {
    let Put { workspace, .. } = bus
        .put(SOURCE, id, None, |workspace, _| start(workspace, cause).into_iter().collect())
        .await?;
    Ok(workspace)
}

/// The start that this workspace needs to come up, if it is not on its way.
///
/// A failed start is tried again as a new generation, which takes back nothing: the failed one was
/// unwound. A parked one is left for the human it waits for.
pub(crate) fn start(workspace: &Workspace, cause: StartCause) -> Option<Event> {
    match workspace.status() {
        Status::Starting | Status::Ready | Status::Parked => None,
        Status::Asleep | Status::Stopping | Status::Failed => {
            let generation = workspace.generation().next();
            Some(Event::StartRequested { generation, cause })
        }
    }
}
