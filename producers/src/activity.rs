//! What counts as use, and how often that is written down.
//!
//! Everything here is typed: somebody says *what* was done. Traffic alone is nothing, so that a
//! forgotten tab keeps nobody awake and a long turn is never cut.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use events::{Activity, Event, Status, Workspace, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use ports::Fault;

use crate::bus::Bus;

const SOURCE: &str = "/producers/activity";

/// One write in this time tells enough: the shortest idle time-out is many times longer.
pub const WRITE_EVERY: SignedDuration = SignedDuration::from_secs(20);

/// A model call within this time of the last use belongs to a turn that a person or a schedule
/// began. One out of the blue is the agent's own heartbeat (every 30 minutes) and does not count.
pub const TURN_GAP: SignedDuration = SignedDuration::from_mins(5);

/// Records a use of the workspace, unless it is down or a later use is known.
///
/// # Errors
/// What the journal said.
pub async fn note(
    bus: &Bus,
    id: &WorkspaceId,
    activity: Activity,
    at: Timestamp,
) -> Result<Workspace, Fault> {
    let put = bus.put(SOURCE, id, None, |workspace, _| active(workspace, activity, at));
    put.await.map(|put| put.workspace)
}

fn active(workspace: &Workspace, activity: Activity, at: Timestamp) -> Vec<Event> {
    let known = workspace.last_active().is_some_and(|known| known >= at);
    if known || workspace.status() != Status::Ready || !counts(workspace, activity, at) {
        return Vec::new();
    }
    vec![Event::Active { generation: workspace.generation(), activity }]
}

/// Whether a use of this kind says that somebody wants the workspace awake.
fn counts(workspace: &Workspace, activity: Activity, at: Timestamp) -> bool {
    match activity {
        Activity::UserInput | Activity::ToolRunning | Activity::CronDue => true,
        Activity::AgentTurn => {
            let last = workspace.last_active().max(workspace.ready_since());
            last.is_some_and(|last| at.duration_since(last) <= TURN_GAP)
        }
    }
}

/// Puts an idle stop off. Gives until when.
///
/// # Errors
/// [`Fault::Refused`] when the workspace is not up.
pub async fn snooze(bus: &Bus, id: &WorkspaceId, time: SignedDuration) -> Result<Timestamp, Fault> {
    let time = time.min(bus.policy().snooze_max).max(SignedDuration::ZERO);
    let until = bus.now().saturating_add(time).unwrap_or_else(|_| bus.now());
    let put = bus.put(SOURCE, id, None, |workspace, _| match workspace.status() {
        Status::Ready => vec![Event::Snoozed { generation: workspace.generation(), until }],
        Status::Asleep | Status::Starting | Status::Stopping | Status::Failed | Status::Parked => {
            Vec::new()
        }
    });
    if put.await?.cause.is_none() {
        let words = "only a workspace that is up can be snoozed";
        let reason = events::Reason::new(events::ReasonClass::Internal, words);
        return Err(Fault::Refused(reason.with_hint("start it first")));
    }
    Ok(until)
}

/// Notes uses cheaply from the hot path: the first in a while is written at once, the rest of the
/// next seconds are one write.
#[derive(Clone)]
pub struct Meter {
    bus: Bus,
    seen: Arc<Mutex<BTreeMap<WorkspaceId, Seen>>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    written: Option<Timestamp>,
    waiting: Option<(Timestamp, Activity)>,
}

impl Seen {
    /// Whether a use was written so short a time ago that another can wait.
    fn fresh(&self, now: Timestamp) -> bool {
        self.written.is_some_and(|at| now.duration_since(at) < WRITE_EVERY)
    }

    /// Adds a use to what waits. What a person does outweighs what the agent does on its own.
    fn wait(&mut self, at: Timestamp, activity: Activity) {
        let both = |(known, kind): (Timestamp, Activity)| (known.max(at), kind.min(activity));
        self.waiting = Some(self.waiting.map_or((at, activity), both));
    }
}

impl Meter {
    /// A meter that has seen nothing yet.
    pub fn new(bus: Bus) -> Self {
        Self { bus, seen: Arc::default() }
    }

    /// Notes a use, now. Returns at once; must be called within a Tokio runtime.
    pub fn note(&self, id: &WorkspaceId, activity: Activity) {
        let now = self.bus.now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = seen.entry(id.clone()).or_default();
        let fresh = entry.fresh(now);
        entry.wait(now, activity);
        if fresh {
            return;
        }
        entry.written = Some(now);
        let meter = self.clone();
        let id = id.clone();
        tokio::spawn(async move { meter.write(&id).await });
    }

    /// Writes what has waited for its turn; the composition root calls it every few seconds. What
    /// is lost at the end of the process is shorter than any idle time-out.
    pub async fn flush(&self) {
        let now = self.bus.now();
        let waiting: Vec<WorkspaceId> = {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let waits =
                seen.iter().filter(|(_, entry)| entry.waiting.is_some() && !entry.fresh(now));
            waits.map(|(id, _)| id.clone()).collect()
        };
        for id in waiting {
            self.write(&id).await;
        }
        let horizon = self.bus.now().saturating_sub(WRITE_EVERY).ok();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, entry| entry.waiting.is_some() || entry.written > horizon);
    }

    async fn write(&self, id: &WorkspaceId) {
        let now = self.bus.now();
        let waiting = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.get_mut(id).and_then(|entry| {
                entry.written = Some(now);
                entry.waiting.take()
            })
        };
        let Some((at, activity)) = waiting else { return };
        if let Err(fault) = note(&self.bus, id, activity, at).await {
            tracing::warn!(%id, %fault, "a use could not be written down and is tried again");
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.entry(id.clone()).or_default().wait(at, activity);
        }
    }
}
