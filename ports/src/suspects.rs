//! What nobody seems to own, and since when: the sweeper's memory, outside of any process.

use async_trait::async_trait;
use events::{Attempt, Gen, WorkspaceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Fault;

/// One kind of thing that a generation's steps make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A task that runs.
    Task,
    /// A route in force.
    Route,
    /// A lease in force.
    Lease,
}

impl Kind {
    /// The name on the wire and on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Route => "route",
            Self::Lease => "lease",
        }
    }
}

/// A thing that nobody seems to own, or a task on record that nobody seems to run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Suspect {
    /// What it is.
    pub kind: Kind,
    /// Whether it is the thing that is missing, and not its owner: so it is with tasks alone.
    pub missing: bool,
    /// Whose it would be.
    pub workspace: WorkspaceId,
    /// Of which generation.
    pub generation: Gen,
    /// Of which try.
    pub attempt: Attempt,
}

/// What is suspected now. One list for the whole cell: any process may sweep, and whoever does goes
/// on from what the last one saw.
#[async_trait]
pub trait Suspects: Send + Sync {
    /// Takes `found` in the place of what was suspected before, in one write, and gives for each,
    /// once and in their order, since when it has been suspected: since the first of an unbroken
    /// row of comparisons that named it. What this one does not name begins anew when it is named again.
    ///
    /// A time that lies after `now` is the trace of a clock that has been set back; it becomes
    /// `now`, so that nothing is suspected for ever because of it.
    async fn compare(
        &self,
        now: Timestamp,
        found: &[Suspect],
    ) -> Result<Vec<(Suspect, Timestamp)>, Fault>;

    /// What the last comparison left, in their order.
    async fn list(&self) -> Result<Vec<(Suspect, Timestamp)>, Fault>;
}
