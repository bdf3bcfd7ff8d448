//! The keys of one provider as the store had them a moment ago. Asks the store at most once at a
//! time, in the background while an older answer still serves, and lives through its outages.
//! Decides nothing about a key.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use events::KeyPrint;
use ports::{Fault, Ids, Keys, PoolKey};
use tokio::time::{Instant, timeout};

/// The store as an operator knows it.
const SERVICE: &str = "the key pool";
/// How long the store may take to answer.
const ASK_MAX: Duration = Duration::from_secs(5);
/// How long a store that failed is left alone.
const FAILURE: Duration = Duration::from_secs(5);
/// How often a refused key makes us ask earlier than we would: often enough for a rotation, too
/// seldom for a key that is refused for good to become a load on the store.
const EARLY_EVERY: Duration = Duration::from_secs(60);
/// By so much of its age an answer is asked for earlier or later, in thousandths: sidecars that
/// started together shall not ask together for ever.
const JITTER: u32 = 100;

/// The longest belief: a removed key must be out some day, whatever a configuration says.
const BELIEVED_MAX: Duration = Duration::from_secs(60 * 60);

/// The keys of a provider, shared by the requests that try them.
pub(super) type Shared = Arc<[PoolKey]>;

/// What the store said, and when.
#[derive(Default)]
struct Known {
    keys: Option<Shared>,
    /// When it was asked for them.
    asked: Option<Instant>,
    /// When it shall be asked again.
    due: Option<Instant>,
    /// When it failed, if it did when it was asked last.
    failed: Option<Instant>,
    /// It is being asked in the background.
    behind: bool,
    /// For which refused keys it was asked early, and when.
    early: BTreeMap<KeyPrint, Instant>,
}

/// What is at hand, and what is to be done about it.
enum AtHand {
    /// It serves.
    Serves(Shared),
    /// It serves, and somebody has to ask for a newer one.
    Behind(Shared),
    /// Nothing that serves.
    Nothing,
}

/// The keys of one provider.
pub(super) struct Snapshot {
    provider: String,
    store: Arc<dyn Keys>,
    ids: Arc<dyn Ids>,
    /// For how long an answer of the store is believed. Zero: it is asked for each request.
    believed: Duration,
    known: Mutex<Known>,
    /// Held by whoever asks the store.
    asking: tokio::sync::Mutex<()>,
}

impl Snapshot {
    pub(super) fn new(
        provider: &str,
        store: Arc<dyn Keys>,
        ids: Arc<dyn Ids>,
        believed: Duration,
    ) -> Self {
        Self {
            provider: provider.to_owned(),
            store,
            ids,
            believed: believed.min(BELIEVED_MAX),
            known: Mutex::default(),
            asking: tokio::sync::Mutex::new(()),
        }
    }

    /// The keys to try now.
    ///
    /// # Errors
    /// The store's, when it fails and has never answered, or must be asked each time.
    pub(super) async fn keys(self: &Arc<Self>) -> Result<Shared, Fault> {
        if self.believed.is_zero() {
            return self.ask().await;
        }
        match self.at_hand(Instant::now()) {
            AtHand::Serves(keys) => Ok(keys),
            AtHand::Behind(keys) => {
                tokio::spawn(Arc::clone(self).ask_behind());
                Ok(keys)
            }
            AtHand::Nothing => {
                let now = |known: &mut Known| known.due.is_some_and(|due| Instant::now() < due);
                let asked = self.ask_unless(now).await;
                // An old answer is better than none.
                asked.or_else(|fault| self.last().ok_or(fault))
            }
        }
    }

    /// The keys after one of them was refused in a request that was sent at `sent`: a rotation may
    /// have replaced it.
    pub(super) async fn after_refusal(&self, key: &KeyPrint, sent: Instant) -> Option<Shared> {
        let asked = if self.believed.is_zero() {
            // It is asked for each request anyway.
            self.ask().await
        } else {
            let newer = |known: &mut Known| {
                known.asked.is_some_and(|asked| asked > sent) || !known.may_ask_for(key)
            };
            self.ask_unless(newer).await
        };
        match asked {
            Ok(keys) => Some(keys),
            Err(fault) => {
                tracing::warn!(%fault, "the key pool could not be read again after a refusal");
                self.last()
            }
        }
    }

    /// The last answer of the store.
    pub(super) fn last(&self) -> Option<Shared> {
        self.known().keys.clone()
    }

    /// How long ago the store was asked for its last answer.
    pub(super) fn since_asked(&self, now: Instant) -> Option<Duration> {
        self.known().asked.map(|asked| now.saturating_duration_since(asked))
    }

    fn at_hand(&self, now: Instant) -> AtHand {
        let mut known = self.known();
        let (Some(keys), Some(due)) = (known.keys.clone(), known.due) else {
            return AtHand::Nothing;
        };
        if now < due || known.behind && now < due + self.believed {
            return AtHand::Serves(keys);
        }
        match known.failed {
            Some(failed) if now < failed + FAILURE => AtHand::Serves(keys),
            // So old that a key in it may have been removed long ago: nobody asked for a while.
            None if now >= due + self.believed => AtHand::Nothing,
            _ if known.behind => AtHand::Serves(keys),
            _ => {
                known.behind = true;
                AtHand::Behind(keys)
            }
        }
    }

    async fn ask_behind(self: Arc<Self>) {
        let fresh = |known: &mut Known| known.due.is_some_and(|due| Instant::now() < due);
        if let Err(fault) = self.ask_unless(fresh).await {
            tracing::warn!(%fault, "the key pool cannot be read; its last keys serve on");
        }
        self.known().behind = false;
    }

    /// Asks the store, one at a time, unless what is there is `enough` by then. A store that has
    /// just failed is not asked.
    async fn ask_unless(&self, enough: impl FnOnce(&mut Known) -> bool) -> Result<Shared, Fault> {
        let _asking = self.asking.lock().await;
        {
            let mut known = self.known();
            if let Some(failed) = known.failed
                && Instant::now() < failed + FAILURE
            {
                return Err(Fault::unavailable(SERVICE, "it failed a moment ago"));
            }
            if let Some(keys) = known.keys.clone()
                && enough(&mut known)
            {
                return Ok(keys);
            }
        }
        self.ask().await
    }

    async fn ask(&self) -> Result<Shared, Fault> {
        let asked = Instant::now();
        let answer = timeout(ASK_MAX, self.store.of(&self.provider)).await;
        let answer =
            answer.unwrap_or_else(|_| Err(Fault::unavailable(SERVICE, "no answer in time")));
        let mut known = self.known();
        let keys: Shared = match answer {
            Ok(keys) => keys.into(),
            Err(fault) => {
                known.failed = Some(Instant::now());
                return Err(fault);
            }
        };
        // Two may ask at once when each request must; the later question has the newer answer.
        if known.asked.is_none_or(|before| before <= asked) {
            known.keys = Some(Arc::clone(&keys));
            known.asked = Some(asked);
            known.due = Some(asked + self.age());
            known.failed = None;
        }
        Ok(keys)
    }

    /// How old this answer may become.
    fn age(&self) -> Duration {
        let extra = u32::try_from(self.ids.below(u64::from(2 * JITTER + 1))).unwrap_or(JITTER);
        self.believed * (1000 - JITTER + extra) / 1000
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Whether the store may be asked early for a refused key; if so, it counts as asked.
    fn may_ask_for(&mut self, key: &KeyPrint) -> bool {
        let now = Instant::now();
        self.early.retain(|_, asked| now < *asked + EARLY_EVERY);
        if self.early.contains_key(key) {
            return false;
        }
        self.early.insert(key.clone(), now);
        true
    }
}

#[cfg(test)]
mod tests;
