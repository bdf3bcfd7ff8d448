//! Where a person's files live.

use async_trait::async_trait;
use events::{Gen, WorkspaceId};

use crate::Fault;

/// One home for each workspace, readable by nobody else, fenced by generation.
#[async_trait]
pub trait Homes: Send + Sync {
    /// Makes sure that the home exists and belongs to the workspace's own user, and gives its
    /// place. Calling it again changes nothing and loses nothing, whatever the generation. Never
    /// falls back to an empty home when the real one cannot be reached.
    ///
    /// # Errors
    /// [`Fault::Refused`] for a generation up to which [`Homes::purge`] was called: a late message
    /// makes no home that nobody owns.
    async fn ensure(&self, id: &WorkspaceId, generation: Gen) -> Result<String, Fault>;

    /// Removes the home and everything in it, for good; from then on no generation up to this one
    /// gets a home. One that never was is a success. One that a later generation has asked for is
    /// left alone: a late message takes nothing from who came back.
    async fn purge(&self, id: &WorkspaceId, generation: Gen) -> Result<(), Fault>;
}
