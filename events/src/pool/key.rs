//! A key of the pool, with its text and without.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::token::key_print;
use crate::{KeyPrint, Secret};

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
    /// When it ends and what renews it, if it is an OAuth token (RFC 6749). Such a key keeps the
    /// fingerprint of its first token, so that what is known of it outlives each renewal.
    pub grant: Option<Grant>,
}

/// What is known of a token's end. No `Debug`.
#[derive(Clone)]
pub struct Grant {
    /// When it ends; `None`: the pool does not say.
    pub ends: Option<Timestamp>,
    /// The refresh token: what the next token is bought with, and perhaps but once.
    pub refresh: Option<Secret>,
}

/// What a token was renewed to. No `Debug`.
#[derive(Clone)]
pub struct Renewed {
    /// The token.
    pub token: Secret,
    /// Its end, and what renews it.
    pub grant: Grant,
}

impl PoolKey {
    /// A key of which the pool says nothing more.
    pub fn new(secret: Secret) -> Self {
        Self { print: key_print(&secret), secret, group: None, weight: 1, grant: None }
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
