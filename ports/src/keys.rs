//! The pool of provider keys. Its text and the rules of it are [`events::pool`]'s.

use async_trait::async_trait;
use events::pool::{KeyInfo, PoolError, PoolKey, Renewed};
use events::{KeyPrint, Secret};

use crate::Fault;

/// The pool, as an operator knows it.
pub const SERVICE: &str = "key pool";

impl From<PoolError> for Fault {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Nonsense(words) => Self::Nonsense { service: SERVICE, words },
            PoolError::Refused(reason) => Self::Refused(reason),
        }
    }
}

/// The pool, `{"providers":{id:{"authType":…,"keys":[…]}}}` in its store.
#[async_trait]
pub trait Keys: Send + Sync {
    /// The keys of a provider, in the order of the pool; empty when it has none.
    async fn of(&self, provider: &str) -> Result<Vec<PoolKey>, Fault>;

    /// Every key, without its text.
    async fn list(&self) -> Result<Vec<KeyInfo>, Fault>;

    /// Adds a key at the end; gives its fingerprint and whether it was new.
    async fn add(&self, provider: &str, key: Secret) -> Result<(KeyPrint, bool), Fault>;

    /// Removes a key by its fingerprint; gives whether it was there.
    async fn remove(&self, provider: &str, key: &KeyPrint) -> Result<bool, Fault>;

    /// Puts a renewed token in the place of the one whose refresh token has the fingerprint
    /// `spent`, and gives whether it was still there: of two who renew at once the second changes
    /// nothing and finds the first one's. A store that holds no such tokens has nothing to change.
    async fn renew(
        &self,
        _provider: &str,
        _spent: &KeyPrint,
        _to: &Renewed,
    ) -> Result<bool, Fault> {
        Ok(false)
    }
}
