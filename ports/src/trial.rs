//! A provider's own word on a key.

use async_trait::async_trait;
use events::{ProviderId, Secret};

use crate::Fault;

/// What came of trying a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The provider takes it.
    Taken,
    /// The provider does not, and said so with this status.
    Refused(u16),
    /// There is no cheap question by which this provider would tell.
    Unasked,
}

/// Tries keys. What it asks costs nothing and changes nothing.
#[async_trait]
pub trait Trial: Send + Sync {
    /// Tries one key.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] or [`Fault::Throttled`] when the provider cannot say now.
    async fn try_key(&self, provider: &ProviderId, key: &Secret) -> Result<Tried, Fault>;
}
