//! Who a request comes from.

use async_trait::async_trait;
use events::{Secret, TeamId, WorkspaceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Fault;

/// Somebody who is logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// Their workspace, and their name.
    pub id: WorkspaceId,
    /// Their team.
    pub team: TeamId,
    /// Whether they may see and do everything.
    pub admin: bool,
}

/// A session as it is handed out, once.
pub struct Session {
    /// The token for the cookie or the `Authorization` header.
    pub token: Secret,
    /// Not good after this.
    pub until: Timestamp,
}

/// Sessions and one-time links. Only the SHA-256 of a token is stored.
#[async_trait]
pub trait People: Send + Sync {
    /// A link's secret that can be redeemed once before `until`.
    async fn invite(&self, person: &Person, until: Timestamp) -> Result<Secret, Fault>;

    /// Trades a link's secret for a session that is good until `until`. `None`: unknown, used
    /// before, or too late.
    async fn redeem(
        &self,
        secret: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<(Person, Session)>, Fault>;

    /// Whose session a token is.
    async fn find(&self, token: &str, now: Timestamp) -> Result<Option<Person>, Fault>;

    /// How many sessions and unused links of a person are good now.
    async fn count(&self, id: &WorkspaceId, now: Timestamp) -> Result<usize, Fault>;

    /// Ends every session and link of a person at once.
    async fn forget(&self, id: &WorkspaceId) -> Result<(), Fault>;
}
