//! What proves that a request to the sidecar comes from a workspace.

use async_trait::async_trait;
use events::{Attempt, Gen, Limits, Secret, TeamId, WorkspaceId};
use serde::{Deserialize, Serialize};

use crate::Fault;

/// What a token stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Of which generation: the lease dies with it.
    pub generation: Gen,
    /// Of which try.
    pub attempt: Attempt,
    /// The team that pays.
    pub team: TeamId,
    /// What it may be used for. Those in force are told by [`LeaseLookup::find`], as they are
    /// then; a grant does not fix them.
    #[serde(default, skip_serializing_if = "is_unlimited")]
    pub limits: Limits,
}

fn is_unlimited(limits: &Limits) -> bool {
    *limits == Limits::default()
}

/// What a sidecar needs of leases.
#[async_trait]
pub trait LeaseLookup: Send + Sync {
    /// What a token stands for, by its SHA-256 in hex.
    async fn find(&self, token_hash: &str) -> Result<Option<Lease>, Fault>;
}

/// Leases. Only the SHA-256 of a token is stored.
#[async_trait]
pub trait Leases: LeaseLookup {
    /// The token of a lease: the same for the same workspace, generation and try.
    fn token(&self, id: &WorkspaceId, generation: Gen, attempt: Attempt) -> Secret;

    /// The name of the header by which that try's agent knows its router.
    fn pass(&self, id: &WorkspaceId, generation: Gen, attempt: Attempt) -> Secret;

    /// Makes the lease's token good. Repeating it changes nothing. A generation and try up to
    /// which [`Leases::revoke`] was called stays revoked: [`Fault::Refused`].
    async fn grant(&self, lease: &Lease) -> Result<(), Fault>;

    /// Makes every token of the workspace up to this generation and try worthless. None at all is
    /// a success.
    async fn revoke(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        attempt: Attempt,
    ) -> Result<(), Fault>;

    /// Every lease in force, for the sweeper: all of them or a fault.
    async fn list(&self) -> Result<Vec<Lease>, Fault>;
}
