//! The pool of provider keys.

use async_trait::async_trait;
use events::token::key_print;
use events::{KeyPrint, Secret};
use serde::{Deserialize, Serialize};

use crate::Fault;

/// One key of the pool. No `Debug`.
#[derive(Clone)]
pub struct PoolKey {
    /// How it is named wherever it may be seen.
    pub print: KeyPrint,
    /// The key.
    pub secret: Secret,
    /// The quota group that the pool puts it in: keys that share limits have the same name here.
    /// `None`: the pool says nothing of it.
    pub group: Option<String>,
    /// Its share beside the other keys of its provider, where shares count; at least 1.
    pub weight: u32,
}

impl PoolKey {
    /// A key of which the pool says nothing more.
    pub fn new(secret: Secret) -> Self {
        Self { print: key_print(&secret), secret, group: None, weight: 1 }
    }
}

/// A key as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyInfo {
    /// The provider's id.
    pub provider: String,
    /// The key's fingerprint.
    pub key: KeyPrint,
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
}
