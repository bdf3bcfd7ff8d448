//! Where a person's files live.

use async_trait::async_trait;
use events::WorkspaceId;

use crate::Fault;

/// One home for each workspace, readable by nobody else.
#[async_trait]
pub trait Homes: Send + Sync {
    /// Makes sure that the home exists and belongs to the workspace's own user, and gives its
    /// place. Calling it again changes nothing and loses nothing. Never falls back to an empty
    /// home when the real one cannot be reached.
    async fn ensure(&self, id: &WorkspaceId) -> Result<String, Fault>;

    /// Removes the home and everything in it, for good. One that never was is a success.
    async fn purge(&self, id: &WorkspaceId) -> Result<(), Fault>;
}
