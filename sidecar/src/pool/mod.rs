//! The pool of provider keys as requests use it. [`state`], [`limits`], [`strategy`], [`groups`]
//! and [`roster`] are rules; [`snapshot`] asks the store; [`tries`] is one request's way through
//! the keys; [`view`] is what an operator sees.
//!
//! Absences: no key is out for ever, no key is named but by its fingerprint, and nothing here
//! sends a request.

mod groups;
mod limits;
mod roster;
mod snapshot;
mod spans;
mod state;
mod strategy;
mod tries;
mod view;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ports::{Fault, Ids, Keys, Lease};

pub(crate) use roster::{Outcome, Rest};
use snapshot::Snapshot;
pub(crate) use state::Doubt;
use strategy::Session;
pub use strategy::Strategy;
use tries::ProviderKeys;
pub(crate) use tries::{Attempt, Tries};
pub use view::{KeyStanding, KeyState};

/// The keys of every provider, and what is known of them.
pub(crate) struct Pool {
    store: Arc<dyn Keys>,
    ids: Arc<dyn Ids>,
    believed: Duration,
    strategy: Strategy,
    providers: Mutex<BTreeMap<String, Arc<ProviderKeys>>>,
}

impl Pool {
    /// The keys of `store`; an answer of it is believed for so long.
    pub(crate) fn new(
        store: Arc<dyn Keys>,
        ids: Arc<dyn Ids>,
        believed: Duration,
        strategy: Strategy,
    ) -> Self {
        Self { store, ids, believed, strategy, providers: Mutex::default() }
    }

    /// The keys that a request to a provider may try.
    ///
    /// # Errors
    /// The store's, when there is no answer of it that serves.
    pub(crate) async fn tries(&self, provider: &str, lease: &Lease) -> Result<Tries, Fault> {
        let of = self.of(provider);
        let keys = of.snapshot.keys().await?;
        Ok(Tries::new(of, keys, Session::of(lease)))
    }

    /// Whether there is any key for a provider.
    ///
    /// # Errors
    /// As for [`Self::tries`].
    pub(crate) async fn has_keys(&self, provider: &str) -> Result<bool, Fault> {
        Ok(!self.of(provider).snapshot.keys().await?.is_empty())
    }

    fn of(&self, provider: &str) -> Arc<ProviderKeys> {
        let mut providers = self.providers();
        if let Some(known) = providers.get(provider) {
            return Arc::clone(known);
        }
        let (store, ids) = (Arc::clone(&self.store), Arc::clone(&self.ids));
        let fresh = Arc::new(ProviderKeys {
            snapshot: Arc::new(Snapshot::new(provider, store, ids, self.believed)),
            strategy: self.strategy,
            roster: Mutex::default(),
        });
        providers.insert(provider.to_owned(), Arc::clone(&fresh));
        fresh
    }

    fn providers(&self) -> MutexGuard<'_, BTreeMap<String, Arc<ProviderKeys>>> {
        self.providers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
