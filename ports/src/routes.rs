//! Which address is whose: what the router reads.

use std::net::SocketAddr;

use async_trait::async_trait;
use events::{Attempt, Gen, WorkspaceId};
use serde::{Deserialize, Serialize};

use crate::Fault;

/// Where a workspace's live agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// Of which generation.
    pub generation: Gen,
    /// Of which try; the pass follows from both.
    pub attempt: Attempt,
    /// Where.
    pub address: SocketAddr,
}

/// One route for each workspace, fenced by generation and try.
#[async_trait]
pub trait Routes: Send + Sync {
    /// Sets the route unless a later generation or try has set one, or closed up to this one.
    /// Gives whether the route in force is now this one.
    async fn open(&self, id: &WorkspaceId, route: &Route) -> Result<bool, Fault>;

    /// Removes the route if it is of this generation and try or older; from then on neither opens
    /// again. None at all is a success.
    async fn close(&self, id: &WorkspaceId, generation: Gen, attempt: Attempt)
    -> Result<(), Fault>;

    /// The route in force.
    async fn find(&self, id: &WorkspaceId) -> Result<Option<Route>, Fault>;

    /// Every route in force that [`Routes::open`] made, for the sweeper: all of them or a fault, and
    /// nothing that others put beside them.
    async fn list(&self) -> Result<Vec<(WorkspaceId, Route)>, Fault>;
}
