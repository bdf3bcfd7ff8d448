//! What has been recorded, for good: the only truth.

use std::time::Duration;

use async_trait::async_trait;
use events::workspace::WayOut;
use events::{Envelope, Policy, Reason, Status, Step, TeamId, Version, Workspace, WorkspaceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Fault;

/// An append-only list of events for each workspace, one order over all of them, and a projection
/// that is written together with each append. Whoever implements this announces every entry,
/// exactly because it was recorded: [`Journal::feed`].
#[async_trait]
pub trait Journal: Send + Sync {
    /// The workspace as its events tell, and how many there are. A workspace that nobody has
    /// mentioned is the default at version 0.
    ///
    /// Sees every append that was answered before it was called (a consistent read, in DynamoDB's
    /// words): who decides that there is nothing to do records nothing that could meet a conflict.
    async fn load(&self, id: &WorkspaceId) -> Result<Loaded, Fault>;

    /// Appends `events` to the workspace's list if it still is at version `expected`, all or none,
    /// with the projection in the same write. Gives the new version.
    ///
    /// # Errors
    /// [`Fault::Conflict`] when the list has moved on; nothing was written then. An append whose
    /// every event id is already recorded succeeds and changes nothing.
    async fn append(
        &self,
        id: &WorkspaceId,
        expected: Version,
        events: &[Envelope],
        projection: &Projection,
    ) -> Result<Version, Fault>;

    /// Records events that belong to no workspace's list (usage, keys): each once by its id.
    async fn record(&self, events: &[Envelope]) -> Result<(), Fault>;

    /// Up to `limit` events of one workspace after `version`, in order.
    async fn history(
        &self,
        id: &WorkspaceId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<(Version, Envelope)>, Fault>;

    /// Up to `limit` events of all after `cursor`, in the order in which they were recorded. Waits
    /// up to `wait` when there is none yet.
    async fn feed(
        &self,
        after: Cursor,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<(Cursor, Envelope)>, Fault>;

    /// Up to `limit` workspaces that match, in the order of their ids, after the given one. Reads an
    /// index, which may lag behind: what is found is looked at again before anything is decided.
    async fn find(
        &self,
        query: &Query,
        after: Option<&WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<Row>, Fault>;
}

/// A workspace and the version it was folded from.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// How many events it was folded from.
    pub version: Version,
    /// What they say.
    pub workspace: Workspace,
}

/// What is written with an append, so that searches need no fold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Projection {
    /// The whole fold.
    pub workspace: Workspace,
    /// When time alone will change what is next.
    pub due: Option<Timestamp>,
}

impl Projection {
    /// The projection of a workspace at a time.
    pub fn of(workspace: Workspace, policy: &Policy, now: Timestamp) -> Self {
        let due = events::workspace::due(&workspace, policy, now);
        Self { workspace, due }
    }
}

/// A place in the order over all events. The first event comes after 0.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Cursor(pub u64);

/// Which workspaces. Every condition given must hold; none given means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// In one of these; empty means any.
    pub status: Vec<Status>,
    /// Of this team.
    pub team: Option<TeamId>,
    /// Due at or before this.
    pub due_by: Option<Timestamp>,
    /// Failed or parked at this step.
    pub step: Option<Step>,
    /// Failed or parked for this class of reason.
    pub reason: Option<events::ReasonClass>,
    /// Whose trouble is not older than this.
    pub since: Option<Timestamp>,
    /// Used, but not after this.
    pub unused_since: Option<Timestamp>,
}

impl Query {
    /// Whether a workspace is what is asked for.
    pub fn matches(&self, row: &Row) -> bool {
        let class = row.reason.as_ref().map(|reason| reason.class);
        (self.status.is_empty() || self.status.contains(&row.status))
            && (self.team.is_none() || row.team == self.team)
            && self.due_by.is_none_or(|by| row.due.is_some_and(|due| due <= by))
            && (self.step.is_none() || row.step == self.step)
            && (self.reason.is_none() || class == self.reason)
            && self.since.is_none_or(|since| row.trouble_at.is_some_and(|at| at >= since))
            && self.unused_since.is_none_or(|by| row.last_active.is_some_and(|at| at <= by))
    }
}

/// One workspace in a search's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Which.
    pub workspace: WorkspaceId,
    /// Where it stands.
    pub status: Status,
    /// Of which team.
    pub team: Option<TeamId>,
    /// When time alone will change what is next.
    pub due: Option<Timestamp>,
    /// The last use.
    pub last_active: Option<Timestamp>,
    /// The step that failed or was parked.
    pub step: Option<Step>,
    /// Why.
    pub reason: Option<Reason>,
    /// Whether that step was being taken back.
    #[serde(default)]
    pub undoing: bool,
    /// Since when it has failed or been parked.
    pub trouble_at: Option<Timestamp>,
    /// The ways out that are open to a human, while it is parked.
    #[serde(default)]
    pub ways_out: Vec<WayOut>,
}

impl Row {
    /// The row that a workspace has.
    pub fn of(id: &WorkspaceId, projection: &Projection) -> Self {
        let workspace = &projection.workspace;
        let trouble = workspace.trouble();
        Self {
            workspace: id.clone(),
            status: workspace.status(),
            team: workspace.team().cloned(),
            due: projection.due,
            last_active: workspace.last_active(),
            step: trouble.map(|trouble| trouble.step),
            reason: trouble.map(|trouble| trouble.reason.clone()),
            undoing: trouble.is_some_and(|trouble| trouble.undoing),
            trouble_at: trouble.map(|trouble| trouble.at),
            ways_out: events::workspace::ways_out(workspace),
        }
    }
}
