//! Running agents.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use events::{Attempt, Gen, Reason, Secret, TaskId, WorkspaceId};

use crate::Fault;

/// What to run. `Debug` is left out: it holds the lease token.
#[derive(Clone)]
pub struct TaskSpec {
    /// Whose agent.
    pub workspace: WorkspaceId,
    /// Of which generation.
    pub generation: Gen,
    /// For which try.
    pub attempt: Attempt,
    /// The idempotency key: the same key never starts a second task, even one that has ended.
    pub client_token: String,
    /// The home's place, as [`crate::Homes::ensure`] gave it.
    pub home: String,
    /// The lease token, for the sidecar's environment (and, where the agent talks to a shared
    /// sidecar, the agent's).
    pub token: Secret,
    /// The name of the header by which the agent knows its router.
    pub pass: Secret,
}

/// A task that exists or existed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its name.
    pub id: TaskId,
    /// Whose.
    pub workspace: WorkspaceId,
    /// Of which generation.
    pub generation: Gen,
    /// Of which try.
    pub attempt: Attempt,
    /// Rises with each change.
    pub version: u64,
    /// What it is doing.
    pub status: TaskStatus,
}

/// What a task is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskStatus {
    /// It runs and does not listen yet.
    Starting,
    /// It runs, and it is this task's own process that listens at this address.
    Listening(SocketAddr),
    /// It was told to stop and has not ended yet.
    Stopping,
    /// It has ended.
    Stopped(Reason),
}

/// Starts, watches and stops tasks. One workspace has at most one live task.
#[async_trait]
pub trait Compute: Send + Sync {
    /// Makes known what a task of this workspace looks like. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`Fault::Refused`] for a generation up to which [`Compute::deregister`] was called.
    async fn register(&self, id: &WorkspaceId, generation: Gen) -> Result<(), Fault>;

    /// Forgets what a task of this workspace looks like; from then on no generation up to this one
    /// registers again. None at all is a success, and what a later generation registered stays.
    async fn deregister(&self, id: &WorkspaceId, generation: Gen) -> Result<(), Fault>;

    /// Starts a task, or gives the one that the same client token started before, whatever became
    /// of it. The task is on record before it runs, so that a crash loses none.
    ///
    /// # Errors
    /// [`Fault::Taken`] while another task of the workspace is alive; [`Fault::Refused`] for a
    /// generation up to which [`Compute::stop`] was called: a late message starts nothing. So may be
    /// one for a try before the last that led to a task, for nobody asks for it in earnest.
    async fn run(&self, spec: &TaskSpec) -> Result<TaskId, Fault>;

    /// What a task is doing. `None`: no task of this name is known; fresh tasks may be missed.
    async fn describe(&self, task: &TaskId) -> Result<Option<Task>, Fault>;

    /// Stops the tasks of a workspace up to a generation and try: asks, waits for `grace`, then
    /// ends them by force, with every process they started. Gives whether all of them are gone;
    /// `false` means ask again. None at all is a success. From then on nothing up to this
    /// generation and try starts any more.
    async fn stop(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        attempt: Attempt,
        grace: Duration,
    ) -> Result<bool, Fault>;

    /// Every task of ours that is not gone, for the sweeper, which ends what no workspace owns. Ours
    /// is only what carries the mark that [`Compute::run`] put on it before it ran (on one machine
    /// its record, in a cloud the start's own name and tags): what others run beside it, even under
    /// a workspace's name, is neither listed nor stopped.
    ///
    /// All of them or a fault: who reads page by page gives no part.
    async fn list(&self) -> Result<Vec<Task>, Fault>;

    /// The next changes of tasks, each at least once, waiting up to `wait` for one.
    async fn changes(&self, wait: Duration) -> Result<Vec<Task>, Fault>;
}
