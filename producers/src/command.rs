//! What an administrator, or the person themselves, asks for: start, stop, replay, settings.

use events::workspace::{WayOut, leave};
use events::{
    Event, Reason, ReasonClass, StartCause, Status, Step, StopReason, Workspace, WorkspaceId,
};
use jiff::SignedDuration;
use ports::{Fault, Query, Row};

use crate::bus::Bus;
use crate::session;

const SOURCE: &str = "/producers/command";

/// Starts a workspace unless it is up or coming.
///
/// # Errors
/// [`Fault::Refused`] for a parked workspace, which waits for a replay or a stop.
pub async fn start(bus: &Bus, id: &WorkspaceId) -> Result<Workspace, Fault> {
    let workspace = session::wake(bus, id, StartCause::Admin).await?;
    if workspace.status() == Status::Parked {
        let words = "the workspace is parked: neither forward nor back was safe";
        return Err(refused(words, "replay it, or stop it"));
    }
    Ok(workspace)
}

/// Asks the newest generation to end. Stop always wins: over a start on its way, over a parked one,
/// and over the schedule that would wake what was stopped for idleness. What is stopped already
/// stays as it is.
///
/// # Errors
/// What the journal or the queue said.
pub async fn stop(bus: &Bus, id: &WorkspaceId, reason: StopReason) -> Result<Workspace, Fault> {
    let put = bus.put(SOURCE, id, None, |workspace, _| {
        let (generation, reason) = (workspace.generation(), reason.clone());
        match workspace.status() {
            Status::Asleep if !for_idleness(workspace.ending().map(|ending| &ending.reason)) => {
                Vec::new()
            }
            Status::Asleep => vec![Event::Stopped { generation, reason }],
            Status::Stopping if !for_idleness(workspace.stop_reason()) => Vec::new(),
            Status::Stopping
            | Status::Starting
            | Status::Ready
            | Status::Failed
            | Status::Parked => vec![Event::StopRequested { generation, reason }],
        }
    });
    put.await.map(|put| put.workspace)
}

fn for_idleness(reason: Option<&StopReason>) -> bool {
    matches!(reason, Some(StopReason::Idle { .. }))
}

/// Tries a failed or parked workspace again, from `from` or else from the step that failed.
///
/// # Errors
/// [`Fault::Refused`] when there is nothing to replay.
pub async fn replay(bus: &Bus, id: &WorkspaceId, from: Option<Step>) -> Result<Workspace, Fault> {
    let put = bus.put(SOURCE, id, None, |workspace, _| {
        let plan = events::workspace::replayable(workspace);
        let replay = plan.map(|(generation, attempt, step)| Event::ReplayRequested {
            generation,
            attempt,
            from: from.unwrap_or(step),
            automatic: false,
        });
        match (replay, from) {
            (Some(replay), _) => vec![replay],
            // A parked deletion has no steps to choose from; it goes on where it stood.
            (None, None) => leave(workspace, WayOut::Retry, None).unwrap_or_default(),
            (None, Some(_)) => Vec::new(),
        }
    });
    let put = put.await?;
    if put.cause.is_none() {
        let status = put.workspace.status().name();
        let words = format!("the workspace is {status}: only a failed or parked one is replayed");
        return Err(refused(&words, "start it instead"));
    }
    Ok(put.workspace)
}

/// Asks for everything of a person to go: whatever runs is stopped, then the home is removed and the
/// registration forgotten. What was used stays in the ledger. Asking again changes nothing. Their
/// sessions and links are for the caller to end, first.
///
/// # Errors
/// What the journal or the queue said.
pub async fn delete(bus: &Bus, id: &WorkspaceId) -> Result<Workspace, Fault> {
    let put = bus.put(SOURCE, id, None, |workspace, _| events::workspace::delete(workspace));
    put.await.map(|put| put.workspace)
}

/// The failed and parked workspaces that match, for a replay of many; what a dry run shows.
///
/// # Errors
/// What the journal said.
pub async fn troubled(bus: &Bus, mut query: Query) -> Result<Vec<Row>, Fault> {
    if query.status.is_empty() {
        query.status = vec![Status::Failed, Status::Parked];
    }
    bus.find_all(&query).await
}

/// Sets how long the workspace may be left alone; `None` goes back to the default.
///
/// # Errors
/// [`Fault::Refused`] outside the administrator's bounds.
pub async fn set_idle(
    bus: &Bus,
    id: &WorkspaceId,
    idle_timeout: Option<SignedDuration>,
) -> Result<Workspace, Fault> {
    let policy = bus.policy();
    if let Some(wish) = idle_timeout
        && !(policy.idle_min..=policy.idle_max).contains(&wish)
    {
        let (least, most) = (policy.idle_min, policy.idle_max);
        let words = format!("an idle time-out of {wish:#} is not allowed");
        return Err(refused(&words, &format!("choose between {least:#} and {most:#}")));
    }
    let put = bus.put(SOURCE, id, None, |workspace, _| {
        if workspace.idle_wish() == idle_timeout {
            return Vec::new();
        }
        let revision = workspace.settings_revision();
        vec![Event::SettingsChanged { revision, idle_timeout }]
    });
    put.await.map(|put| put.workspace)
}

fn refused(words: &str, hint: &str) -> Fault {
    Fault::Refused(Reason::new(ReasonClass::Internal, words).with_hint(hint))
}
