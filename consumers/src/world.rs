//! The outside world, as the composition root put it together.

use std::sync::Arc;

use events::{Attempt, Gen, TeamId, Workspace, WorkspaceId};
use jiff::Timestamp;
use ports::{Agents, Compute, Homes, Leases, Reach, Routes, Staging, Starts, Suspects, Trial};
use producers::{Bus, Pools};

/// Every port that a consumer may need. Cheap to clone.
#[derive(Clone)]
pub struct World {
    /// Where facts go.
    pub bus: Bus,
    /// People's files.
    pub homes: Arc<dyn Homes>,
    /// Tasks.
    pub compute: Arc<dyn Compute>,
    /// The line in front of the compute, where that launches tasks at a rate of its own. One machine
    /// has none: what bounds its starts is its room, and a start waits for nothing else there.
    pub starts: Option<Arc<dyn Starts>>,
    /// Tokens.
    pub leases: Arc<dyn Leases>,
    /// Addresses.
    pub routes: Arc<dyn Routes>,
    /// What nobody seems to own.
    pub suspects: Arc<dyn Suspects>,
    /// The agents' own word.
    pub agents: Arc<dyn Agents>,
    /// Where the facts of rotations go.
    pub pools: Pools,
    /// The key pool, with what lies beside it.
    pub keys: Arc<dyn Staging>,
    /// The providers' own word on a key.
    pub trial: Arc<dyn Trial>,
    /// The team of who belongs to none.
    pub default_team: TeamId,
}

impl World {
    /// The same for whoever handles what was sent then.
    pub(crate) fn no_earlier_than(&self, sent: Timestamp) -> Self {
        let bus = self.bus.no_earlier_than(sent);
        Self { pools: self.pools.over(&bus), bus, ..self.clone() }
    }

    /// How to reach a generation's agent, as far as its steps have come.
    pub fn reach(&self, id: &WorkspaceId, workspace: &Workspace, generation: Gen) -> Option<Reach> {
        let attempt: Attempt = workspace.lease_attempt(generation)?;
        let address = workspace.address(generation)?;
        let pass = self.leases.pass(id, generation, attempt);
        Some(Reach { workspace: id.clone(), generation, attempt, address, pass })
    }
}
