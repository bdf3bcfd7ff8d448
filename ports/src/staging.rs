//! The places beside the pool where the keys of a rotation lie, so that no fact and no message ever
//! holds one.
//!
//! The contract is that of Secrets Manager's staging labels (docs.aws.amazon.com/secretsmanager,
//! "Secret versions"): what is staged is `AWSPENDING`, what [`Keys::of`] gives is `AWSCURRENT`, and
//! what was retired is kept as `AWSPREVIOUS` until the rotation is over, so that it can come back.

use async_trait::async_trait;
use events::pool::{PoolKey, Turn};
use events::rotation::Number;
use events::{KeyPrint, ProviderId, Secret};

use crate::{Fault, Keys};

/// The pool with what lies beside it. Every change is one write, all of it or nothing, on top of
/// whatever others have changed meanwhile: nobody's edit is lost.
#[async_trait]
pub trait Staging: Keys {
    /// Puts keys beside the pool for a rotation to come, besides those that lie there for it
    /// already: of two who ask at once neither takes the other's. Gives their fingerprints.
    ///
    /// # Errors
    /// [`Fault::Nonsense`] for what cannot be a key.
    async fn stage(
        &self,
        provider: &ProviderId,
        rotation: Number,
        keys: &[Secret],
    ) -> Result<Vec<KeyPrint>, Fault>;

    /// The keys that lie beside the pool for a rotation.
    async fn staged(&self, provider: &ProviderId, rotation: Number) -> Result<Vec<PoolKey>, Fault>;

    /// Adds these staged keys at the end of the pool, and remembers which of them it did not have.
    /// Repeating it gives the same and changes nothing.
    ///
    /// # Errors
    /// [`Fault::Refused`] when one of them is not staged, or when this try was taken back.
    async fn promote(
        &self,
        provider: &ProviderId,
        turn: Turn,
        new: &[KeyPrint],
    ) -> Result<Vec<KeyPrint>, Fault>;

    /// Takes `old` out of the pool and keeps it beside it. Gives those that this rotation has taken
    /// out, now or before; one that is not there is left out.
    ///
    /// # Errors
    /// [`Fault::Refused`] when the pool lacks one of the `new` keys, which would then not be served
    /// in the place of the old, or when this try was taken back.
    async fn retire(
        &self,
        provider: &ProviderId,
        turn: Turn,
        new: &[KeyPrint],
        old: &[KeyPrint],
    ) -> Result<Vec<KeyPrint>, Fault>;

    /// Puts what this rotation retired back at the beginning of the pool. From then on no try up to
    /// this one changes anything. Nothing to put back is a success.
    async fn restore(&self, provider: &ProviderId, turn: Turn) -> Result<(), Fault>;

    /// Takes what this rotation added out of the pool; what the pool had already stays, and so does
    /// what is staged. From then on no try up to this one changes anything. Nothing to take out is
    /// a success.
    async fn withdraw(&self, provider: &ProviderId, turn: Turn) -> Result<(), Fault>;

    /// Forgets whatever lies beside the pool for rotations up to this one. Nothing is a success.
    async fn forget(&self, provider: &ProviderId, up_to: Number) -> Result<(), Fault>;
}
