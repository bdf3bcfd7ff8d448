//! What has been recorded of the rotations of each provider's keys: the journal's promises, for
//! lists that are no workspace's.

use async_trait::async_trait;
use events::{Envelope, ProviderId, Rotations, Version};
use jiff::Timestamp;

use crate::Fault;

/// The rotations of one provider and the version that they were folded from.
#[derive(Clone, Debug, Default)]
pub struct Rotated {
    /// How many events they were folded from.
    pub version: Version,
    /// What they say.
    pub rotations: Rotations,
}

/// An append-only list of events for each provider, in the one order over all events that
/// [`crate::Journal::feed`] tells.
#[async_trait]
pub trait RotationLists: Send + Sync {
    /// The rotations as their events tell; none at version 0 for a provider that nobody mentioned.
    /// Sees every append that was answered before it was called.
    async fn load(&self, provider: &ProviderId) -> Result<Rotated, Fault>;

    /// Appends `events` if the list still is at version `expected`, all or none, with what they fold
    /// to and when that is due in the same write. Gives the new version.
    ///
    /// # Errors
    /// [`Fault::Conflict`] when the list has moved on; nothing was written then. An append whose
    /// every event id is already recorded succeeds and changes nothing.
    async fn append(
        &self,
        provider: &ProviderId,
        expected: Version,
        events: &[Envelope],
        rotations: &Rotations,
        due: Option<Timestamp>,
    ) -> Result<Version, Fault>;

    /// Up to `limit` events of one provider after `version`, in order.
    async fn history(
        &self,
        provider: &ProviderId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<(Version, Envelope)>, Fault>;

    /// Every provider that was ever mentioned, in order. There are a handful.
    async fn list(&self) -> Result<Vec<(ProviderId, Rotations)>, Fault>;
}
