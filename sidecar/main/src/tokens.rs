//! Who may ask, for a sidecar without a registry of leases: the tokens of its configuration.

use std::collections::BTreeMap;

use async_trait::async_trait;
use events::{Attempt, Gen};
use ports::{Fault, Lease, LeaseLookup};

use crate::settings::Workspace;

/// The configured tokens, by their SHA-256.
pub(crate) struct Tokens(BTreeMap<String, Lease>);

impl Tokens {
    /// The tokens of these workspaces.
    pub(crate) fn new(workspaces: &[Workspace]) -> Self {
        let lease = |workspace: &Workspace| Lease {
            workspace: workspace.name.clone(),
            generation: Gen(1),
            attempt: Attempt(1),
            team: workspace.team.clone(),
            limits: workspace.limits.clone(),
        };
        Self(workspaces.iter().map(|it| (it.token_sha256.clone(), lease(it))).collect())
    }
}

#[async_trait]
impl LeaseLookup for Tokens {
    async fn find(&self, token_hash: &str) -> Result<Option<Lease>, Fault> {
        Ok(self.0.get(token_hash).cloned())
    }
}
