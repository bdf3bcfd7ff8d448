//! The ports that a function has no permission for, so that code and role agree: whoever calls one is
//! told that it may not, and a human hears of it.

use std::time::Duration;

use async_trait::async_trait;
use events::rotation::Number;
use events::{Attempt, Envelope, Gen, KeyPrint, ProviderId, Secret, TaskId, WorkspaceId};
use jiff::Timestamp;
use ports::{
    Agents, Compute, Fault, Homes, KeyInfo, Keys, Lease, LeaseLookup, Leases, PoolKey, Probe,
    Quiesce, Reach, Route, Routes, Spending, Staging, Suspect, Suspects, Task, TaskSpec, Trial,
    Tried, Turn, UsageSink, UsageTotals,
};

/// Stands for every port that is not the function's to call.
pub struct Forbidden;

fn may_not<T>(what: &'static str) -> Result<T, Fault> {
    let words = format!("this function may not touch {what}; the queue's class is wrong");
    Err(Fault::Nonsense { service: "our own code", words })
}

#[async_trait]
impl Homes for Forbidden {
    async fn ensure(&self, _: &WorkspaceId, _: Gen) -> Result<String, Fault> {
        may_not("homes")
    }

    async fn purge(&self, _: &WorkspaceId, _: Gen) -> Result<(), Fault> {
        may_not("homes")
    }
}

#[async_trait]
impl Compute for Forbidden {
    async fn register(&self, _: &WorkspaceId, _: Gen) -> Result<(), Fault> {
        may_not("tasks")
    }

    async fn deregister(&self, _: &WorkspaceId, _: Gen) -> Result<(), Fault> {
        may_not("tasks")
    }

    async fn run(&self, _: &TaskSpec) -> Result<TaskId, Fault> {
        may_not("tasks")
    }

    async fn describe(&self, _: &TaskId) -> Result<Option<Task>, Fault> {
        may_not("tasks")
    }

    async fn stop(&self, _: &WorkspaceId, _: Gen, _: Attempt, _: Duration) -> Result<bool, Fault> {
        may_not("tasks")
    }

    async fn list(&self) -> Result<Vec<Task>, Fault> {
        may_not("tasks")
    }

    async fn changes(&self, _: Duration) -> Result<Vec<Task>, Fault> {
        may_not("tasks")
    }
}

#[async_trait]
impl LeaseLookup for Forbidden {
    async fn find(&self, _: &str) -> Result<Option<Lease>, Fault> {
        may_not("leases")
    }
}

#[async_trait]
impl Leases for Forbidden {
    /// Nothing that anybody would take.
    fn token(&self, _: &WorkspaceId, _: Gen, _: Attempt) -> Secret {
        Secret::new("")
    }

    /// Nothing that an agent would take.
    fn pass(&self, _: &WorkspaceId, _: Gen, _: Attempt) -> Secret {
        Secret::new("")
    }

    async fn grant(&self, _: &Lease) -> Result<(), Fault> {
        may_not("leases")
    }

    async fn revoke(&self, _: &WorkspaceId, _: Gen, _: Attempt) -> Result<(), Fault> {
        may_not("leases")
    }

    async fn list(&self) -> Result<Vec<Lease>, Fault> {
        may_not("leases")
    }
}

#[async_trait]
impl Routes for Forbidden {
    async fn open(&self, _: &WorkspaceId, _: &Route) -> Result<bool, Fault> {
        may_not("routes")
    }

    async fn close(&self, _: &WorkspaceId, _: Gen, _: Attempt) -> Result<(), Fault> {
        may_not("routes")
    }

    async fn find(&self, _: &WorkspaceId) -> Result<Option<Route>, Fault> {
        may_not("routes")
    }

    async fn list(&self) -> Result<Vec<(WorkspaceId, Route)>, Fault> {
        may_not("routes")
    }
}

#[async_trait]
impl Suspects for Forbidden {
    async fn compare(
        &self,
        _: Timestamp,
        _: &[Suspect],
    ) -> Result<Vec<(Suspect, Timestamp)>, Fault> {
        may_not("what the sweeper suspects")
    }

    async fn list(&self) -> Result<Vec<(Suspect, Timestamp)>, Fault> {
        may_not("what the sweeper suspects")
    }
}

#[async_trait]
impl Agents for Forbidden {
    async fn probe(&self, _: &Reach) -> Result<Probe, Fault> {
        may_not("agents")
    }

    async fn quiesce(&self, _: &Reach, _: &str) -> Result<Quiesce, Fault> {
        may_not("agents")
    }

    async fn resume(&self, _: &Reach, _: &str) -> Result<(), Fault> {
        may_not("agents")
    }

    async fn wake_times(&self, _: &Reach) -> Result<Vec<Timestamp>, Fault> {
        may_not("agents")
    }
}

#[async_trait]
impl Keys for Forbidden {
    async fn of(&self, _: &str) -> Result<Vec<PoolKey>, Fault> {
        may_not("keys")
    }

    async fn list(&self) -> Result<Vec<KeyInfo>, Fault> {
        may_not("keys")
    }

    async fn add(&self, _: &str, _: Secret) -> Result<(KeyPrint, bool), Fault> {
        may_not("keys")
    }

    async fn remove(&self, _: &str, _: &KeyPrint) -> Result<bool, Fault> {
        may_not("keys")
    }
}

#[async_trait]
impl Staging for Forbidden {
    async fn stage(&self, _: &ProviderId, _: Number, _: &[Secret]) -> Result<Vec<KeyPrint>, Fault> {
        may_not("keys")
    }

    async fn staged(&self, _: &ProviderId, _: Number) -> Result<Vec<PoolKey>, Fault> {
        may_not("keys")
    }

    async fn promote(
        &self,
        _: &ProviderId,
        _: Turn,
        _: &[KeyPrint],
    ) -> Result<Vec<KeyPrint>, Fault> {
        may_not("keys")
    }

    async fn retire(
        &self,
        _: &ProviderId,
        _: Turn,
        _: &[KeyPrint],
        _: &[KeyPrint],
    ) -> Result<Vec<KeyPrint>, Fault> {
        may_not("keys")
    }

    async fn restore(&self, _: &ProviderId, _: Turn) -> Result<(), Fault> {
        may_not("keys")
    }

    async fn withdraw(&self, _: &ProviderId, _: Turn) -> Result<(), Fault> {
        may_not("keys")
    }

    async fn forget(&self, _: &ProviderId, _: Number) -> Result<(), Fault> {
        may_not("keys")
    }
}

#[async_trait]
impl Trial for Forbidden {
    async fn try_key(&self, _: &ProviderId, _: &Secret) -> Result<Tried, Fault> {
        may_not("providers")
    }
}

#[async_trait]
impl UsageSink for Forbidden {
    async fn count(&self, _: &[Envelope]) -> Result<(), Fault> {
        may_not("the ledger")
    }
}

#[async_trait]
impl UsageTotals for Forbidden {
    async fn total(&self, _: &WorkspaceId, _: Timestamp) -> Result<Spending, Fault> {
        may_not("the ledger")
    }
}
