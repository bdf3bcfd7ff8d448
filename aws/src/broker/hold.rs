//! Which leases the broker trades: those that the one who asks holds.

use async_trait::async_trait;
use jiff::Timestamp;
use ports::Lease;

use super::Refusal;
use super::wire::Proof;

/// Leases, each of which belongs to the first who asks for it with its token.
#[async_trait]
pub trait HeldLeases: Send + Sync {
    /// The lease of this token, which from now on nobody else can have; who has it may ask again as often
    /// as they like, so that an answer that was lost costs nothing.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] when no lease has the token, or nobody held it in time,
    /// [`Refusal::Taken`] when somebody else holds it, [`Refusal::Unavailable`] when it cannot be told.
    async fn hold(&self, proof: Proof<'_>, now: Timestamp) -> Result<Lease, Refusal>;
}
