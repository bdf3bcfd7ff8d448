//! Who may ask, for a sidecar without a registry of leases: the tokens of its configuration.

use std::collections::BTreeMap;

use async_trait::async_trait;
use events::{Attempt, Gen, Reason, ReasonClass, Secret, WorkspaceId};
use ports::{Fault, Lease, Leases};

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
        };
        Self(workspaces.iter().map(|it| (it.token_sha256.clone(), lease(it))).collect())
    }
}

/// Nothing is granted or revoked here: the configuration is changed, and the program restarted.
fn fixed() -> Fault {
    let words = "the tokens of a stand-alone sidecar are those of its configuration";
    Fault::Refused(Reason::new(ReasonClass::BadConfig, words))
}

#[async_trait]
impl Leases for Tokens {
    fn token(&self, _: &WorkspaceId, _: Gen, _: Attempt) -> Secret {
        Secret::new("")
    }

    fn pass(&self, _: &WorkspaceId, _: Gen, _: Attempt) -> Secret {
        Secret::new("")
    }

    async fn grant(&self, _: &Lease) -> Result<(), Fault> {
        Err(fixed())
    }

    async fn revoke(&self, _: &WorkspaceId, _: Gen, _: Attempt) -> Result<(), Fault> {
        Err(fixed())
    }

    async fn find(&self, token_hash: &str) -> Result<Option<Lease>, Fault> {
        Ok(self.0.get(token_hash).cloned())
    }

    async fn list(&self) -> Result<Vec<Lease>, Fault> {
        Ok(self.0.values().cloned().collect())
    }
}
