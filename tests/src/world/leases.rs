//! Leases, fenced by generation and try.

use std::collections::BTreeMap;

use events::token::{lease_token, pass, token_hash};
use events::{Attempt, Gen, Secret, WorkspaceId};
use ports::{Fault, Lease, LeaseLookup, Leases, async_trait};

use super::seat::Call;
use super::{Seat, State};

/// What the pool's secret is in every simulated world; nothing real is behind it.
const POOL: &str = "the secret of a simulated pool";

/// What was granted, by the hash of its token, and up to where it was revoked.
#[derive(Clone, Debug, Default)]
pub struct Granted {
    leases: BTreeMap<String, Lease>,
    revoked: BTreeMap<WorkspaceId, (Gen, Attempt)>,
}

impl Granted {
    /// The leases in force of one workspace.
    pub fn of<'a>(&'a self, id: &'a WorkspaceId) -> impl Iterator<Item = &'a Lease> {
        self.leases.values().filter(move |lease| lease.workspace == *id)
    }

    /// Every lease in force.
    pub fn all(&self) -> impl Iterator<Item = &Lease> {
        self.leases.values()
    }
}

#[async_trait]
impl LeaseLookup for Seat {
    async fn find(&self, token_hash: &str) -> Result<Option<Lease>, Fault> {
        let find = |state: &mut State, _| Ok(state.leases.leases.get(token_hash).cloned());
        self.call(Call::FindLease, find).await
    }
}

#[async_trait]
impl Leases for Seat {
    fn token(&self, id: &WorkspaceId, generation: Gen, attempt: Attempt) -> Secret {
        lease_token(&Secret::new(POOL), id, generation, attempt)
    }

    fn pass(&self, id: &WorkspaceId, generation: Gen, attempt: Attempt) -> Secret {
        pass(&Secret::new(POOL), id, generation, attempt)
    }

    async fn grant(&self, lease: &Lease) -> Result<(), Fault> {
        let token = self.token(&lease.workspace, lease.generation, lease.attempt);
        let grant = |state: &mut State, _| {
            let fence = state.leases.revoked.get(&lease.workspace);
            if fence.is_some_and(|fence| *fence >= (lease.generation, lease.attempt)) {
                let words = "the lease was revoked";
                let reason = events::Reason::new(events::ReasonClass::Internal, words);
                return Err(Fault::Refused(reason));
            }
            state.leases.leases.insert(token_hash(token.expose()), lease.clone());
            Ok(())
        };
        self.call(Call::GrantLease, grant).await
    }

    async fn revoke(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        attempt: Attempt,
    ) -> Result<(), Fault> {
        let revoke = |state: &mut State, _| {
            let up_to = (generation, attempt);
            let fence = state.leases.revoked.entry(id.clone()).or_default();
            *fence = (*fence).max(up_to);
            let old = |lease: &Lease| {
                lease.workspace == *id && (lease.generation, lease.attempt) <= up_to
            };
            state.leases.leases.retain(|_, lease| !old(lease));
            Ok(())
        };
        self.call(Call::RevokeLease, revoke).await
    }

    async fn list(&self) -> Result<Vec<Lease>, Fault> {
        let list = |state: &mut State, _| Ok(state.leases.leases.values().cloned().collect());
        self.call(Call::ListLeases, list).await
    }
}
