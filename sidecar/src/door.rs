//! Who may ask: a token in, a lease out. Good answers are remembered for a moment, bad ones never,
//! so that a fresh token works at once and a revoked one is worthless within five seconds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use events::token::token_hash;
use ports::{Fault, Lease, LeaseLookup};
use tokio::time::Instant;

/// How long a lease is believed without asking again. With the request that is under way, a
/// revocation is in force everywhere within five seconds.
const BELIEVED: Duration = Duration::from_secs(4);
/// How many leases are remembered; one sidecar of one machine serves a few hundred workspaces.
const REMEMBERED_MAX: usize = 1024;

/// The check at the door.
pub(crate) struct Door {
    leases: Arc<dyn LeaseLookup>,
    known: Mutex<BTreeMap<String, (Lease, Instant)>>,
}

impl Door {
    /// A door that asks `leases`.
    pub(crate) fn new(leases: Arc<dyn LeaseLookup>) -> Self {
        Self { leases, known: Mutex::new(BTreeMap::new()) }
    }

    /// The lease of a token; `None` when it is not good. Tokens are compared as hashes, so that
    /// time tells nothing about them.
    pub(crate) async fn find(&self, token: &str) -> Result<Option<Lease>, Fault> {
        let hash = token_hash(token);
        let asked = Instant::now();
        if let Some(lease) = self.remembered(&hash, asked) {
            return Ok(Some(lease));
        }
        let Some(lease) = self.leases.find(&hash).await? else { return Ok(None) };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED_MAX {
            known.retain(|_, (_, until)| *until > asked);
        }
        if known.len() < REMEMBERED_MAX {
            known.insert(hash, (lease.clone(), asked + BELIEVED));
        }
        Ok(Some(lease))
    }

    /// Whether tokens can be checked.
    ///
    /// # Errors
    /// What the leases say when they are asked for one that nobody has.
    pub(crate) async fn check(&self) -> Result<(), Fault> {
        self.leases.find(&token_hash("")).await.map(drop)
    }

    fn remembered(&self, hash: &str, now: Instant) -> Option<Lease> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(hash).filter(|(_, until)| *until > now).map(|(lease, _)| lease.clone())
    }
}
