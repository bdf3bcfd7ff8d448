//! The line in front of the compute, where it launches tasks at a rate of its own.

use async_trait::async_trait;
use events::{Attempt, Gen, WorkspaceId};
use jiff::Timestamp;

use crate::Fault;

/// When a start may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// From then on. Not in the future: now.
    pub slot: Timestamp,
    /// How many slots lie between now and this one, itself included; 0 when it has come.
    pub place: u32,
}

/// Gives every start a slot, by the rules of [`events::admission`]. One line for each launch rate.
///
/// There is one only where the compute has a launch rate: one machine has none, and starts as many
/// as it has room for.
#[async_trait]
pub trait Starts: Send + Sync {
    /// The slot of this try of this start: reserved when it is first asked for, and the same
    /// whenever it is asked for again within a day of it, so that a doubled message takes no other.
    ///
    /// Nothing gives a slot back. One whose start was stopped meanwhile goes by unused: others have
    /// been told theirs, and it costs them one interval.
    ///
    /// # Errors
    /// What the store said. A slot may be reserved for nobody then, and goes by unused.
    async fn admit(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        attempt: Attempt,
        now: Timestamp,
    ) -> Result<Admission, Fault>;
}
