//! What is asked of an agent itself, through its route.

use std::net::SocketAddr;

use async_trait::async_trait;
use events::{Attempt, Gen, Secret, WorkspaceId};
use jiff::Timestamp;

use crate::Fault;

/// How to reach one try's agent. No `Debug`: it holds the pass.
#[derive(Clone)]
pub struct Reach {
    /// Whose agent.
    pub workspace: WorkspaceId,
    /// Of which generation.
    pub generation: Gen,
    /// Of which try.
    pub attempt: Attempt,
    /// Where it listens.
    pub address: SocketAddr,
    /// The name of the header by which it knows its router.
    pub pass: Secret,
}

/// Whether a request reaches the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// It answered, it is ready, and it proved that it is this workspace's agent of this try.
    Ready,
    /// It does not answer yet, or says that it is still starting.
    NotYet(String),
    /// Something answers that is not this workspace's agent.
    Stranger(String),
}

/// Whether an agent may be stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quiesce {
    /// It takes no new work until [`Agents::resume`], or until two minutes have passed.
    Ready,
    /// It works, in its own words on what.
    Busy(String),
    /// It knows no such question; activity alone decides.
    Unsupported,
}

/// The agent's own word.
#[async_trait]
pub trait Agents: Send + Sync {
    /// Sends a real request and looks at who answers.
    async fn probe(&self, reach: &Reach) -> Result<Probe, Fault>;

    /// Asks it to take no new work. `request` names the asking: repeating it renews.
    async fn quiesce(&self, reach: &Reach, request: &str) -> Result<Quiesce, Fault>;

    /// Lets it work again after a quiesce that led to no stop. Not having been asked is a success.
    async fn resume(&self, reach: &Reach, request: &str) -> Result<(), Fault>;

    /// When its scheduled work is next due, at most the nearest hundred, soonest first.
    async fn wake_times(&self, reach: &Reach) -> Result<Vec<Timestamp>, Fault>;
}
