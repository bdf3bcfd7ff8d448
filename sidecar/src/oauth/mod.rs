//! OAuth tokens in the pool, renewed before they end: the pool's store as the rest of the sidecar
//! sees it, whose tokens are good.
//!
//! A token is renewed when somebody asks for it in its last minutes: in the background while it is
//! good, before the answer when it is not. One renewal of a token is under way at a time, it is
//! never given up half-way (a refresh token may work but once), and what it brought is kept until
//! the pool has it. Sidecars that share a pool come at different moments, look into the pool just
//! before they ask, and the pool takes the pair of the first alone.
//!
//! A key is known by the fingerprint of the first token of its sign-in, so that its counters and
//! its rests outlive each renewal. One that is refused its renewal serves until it ends; after that
//! its provider refuses it, and it is left alone as any refused key is.

mod endpoint;
mod round;
mod rules;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use events::token::key_print;
use events::{KeyPrint, Secret};
use jiff::SignedDuration;
use ports::{Clock, Fault, Ids, KeyInfo, Keys, PoolKey, Renewed, async_trait};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::config::Upstreams;
use crate::upstream::Upstream;
use endpoint::Endpoint;
pub use round::{Renewals, Renewer};
use rules::{LEAD, Said, Standing};

/// By up to so much earlier than [`LEAD`] a sidecar renews, each by its own span.
const SPREAD_MS: u64 = 60_000;
/// How long an endpoint in trouble, or a pool that cannot be written, is left alone.
const TROUBLE: Duration = Duration::from_secs(30);
/// How long an endpoint that refused is left alone. It is asked again, because it may have been in
/// error, and seldom, because it hardly was.
const REFUSED: Duration = Duration::from_secs(300);
/// How long another sidecar that was quicker may take to write what it got.
const WINNER_WRITES: Duration = Duration::from_secs(2);
/// How long a request waits for the renewal of a token that has ended; the pool as a whole has
/// five seconds.
const WAIT_MAX: Duration = Duration::from_secs(4);

/// A token by its provider and the fingerprint of its refresh token.
type Spent = (String, KeyPrint);

/// What is known of the renewal of a token.
#[derive(Default)]
struct Renewal {
    /// Ends with the renewal that is under way.
    under_way: Option<watch::Receiver<()>>,
    /// It is not tried before.
    not_before: Option<Instant>,
    /// What was got and could not be written into the pool.
    held: Option<Renewed>,
}

impl Renewal {
    /// Whoever is at it has not dropped its sender.
    fn is_under_way(&self) -> bool {
        self.under_way.as_ref().is_some_and(|renewal| renewal.has_changed().is_ok())
    }
}

/// What came of an attempt to renew a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The pool has a good one, whoever put it there.
    Done,
    /// The provider takes its refresh token no more.
    Refused,
    /// The endpoint was in trouble, or the pool could not be written.
    Trouble,
}

impl Outcome {
    /// For how long the token is left alone.
    fn pause(self) -> Option<Duration> {
        match self {
            Self::Done => None,
            Self::Refused => Some(REFUSED),
            Self::Trouble => Some(TROUBLE),
        }
    }
}

/// The store whose tokens are renewed.
pub(crate) struct Renewing(Arc<Inner>);

struct Inner {
    store: Arc<dyn Keys>,
    upstream: Arc<Upstream>,
    clock: Arc<dyn Clock>,
    endpoints: BTreeMap<String, Endpoint>,
    lead: SignedDuration,
    renewals: Mutex<BTreeMap<Spent, Renewal>>,
}

impl Renewing {
    /// The same store, whose tokens are renewed where `upstreams` says.
    pub(crate) fn over(
        store: Arc<dyn Keys>,
        upstream: Arc<Upstream>,
        upstreams: &Upstreams,
        clock: Arc<dyn Clock>,
        ids: &dyn Ids,
    ) -> Self {
        let spread = SignedDuration::from_millis(ids.below(SPREAD_MS).cast_signed());
        let lead = LEAD.saturating_add(spread);
        Self(Arc::new(Inner::over(store, upstream, upstreams, clock, lead)))
    }
}

#[async_trait]
impl Keys for Renewing {
    async fn of(&self, provider: &str) -> Result<Vec<PoolKey>, Fault> {
        let keys = self.0.store.of(provider).await?;
        let Some(endpoint) = self.0.endpoints.get(provider) else { return Ok(keys) };
        let ended = self.0.look(provider, endpoint, &keys);
        if ended.is_empty() {
            return Ok(self.0.with_held(provider, keys));
        }
        let all = async {
            for mut renewal in ended {
                // It ends by dropping its sender.
                drop(renewal.changed().await);
            }
        };
        // An old token is better than none: its provider says what is wrong with it.
        drop(timeout(WAIT_MAX, all).await);
        Ok(self.0.with_held(provider, self.0.store.of(provider).await?))
    }

    async fn list(&self) -> Result<Vec<KeyInfo>, Fault> {
        self.0.store.list().await
    }

    async fn add(&self, provider: &str, key: Secret) -> Result<(KeyPrint, bool), Fault> {
        self.0.store.add(provider, key).await
    }

    async fn remove(&self, provider: &str, key: &KeyPrint) -> Result<bool, Fault> {
        self.0.store.remove(provider, key).await
    }

    async fn renew(&self, provider: &str, spent: &KeyPrint, to: &Renewed) -> Result<bool, Fault> {
        self.0.store.renew(provider, spent, to).await
    }
}

/// The fingerprint of what renews a key.
fn spent(key: &PoolKey) -> Option<KeyPrint> {
    key.grant.as_ref()?.refresh.as_ref().map(key_print)
}

/// The key as it is with what the pool does not have yet.
fn with(held: Option<&Renewed>, mut key: PoolKey) -> PoolKey {
    if let Some(held) = held {
        key.secret = held.token.clone();
        key.grant = Some(held.grant.clone());
    }
    key
}

impl Inner {
    fn over(
        store: Arc<dyn Keys>,
        upstream: Arc<Upstream>,
        upstreams: &Upstreams,
        clock: Arc<dyn Clock>,
        lead: SignedDuration,
    ) -> Self {
        let endpoint = |(id, (place, client)): (&String, &(http::Uri, &'static str))| {
            (id.clone(), Endpoint { place: place.clone(), client })
        };
        let endpoints = upstreams.token_endpoints.iter().map(endpoint).collect();
        Self { store, upstream, clock, endpoints, lead, renewals: Mutex::default() }
    }

    /// Begins what is due, and gives the renewals of the tokens that have ended.
    fn look(
        self: &Arc<Self>,
        provider: &str,
        endpoint: &Endpoint,
        keys: &[PoolKey],
    ) -> Vec<watch::Receiver<()>> {
        let now = self.clock.now();
        let mut renewals = self.renewals();
        renewals.retain(|(of, print), renewal| {
            let there = || keys.iter().any(|key| spent(key).as_ref() == Some(print));
            of != provider || renewal.is_under_way() || there()
        });
        let mut ended = Vec::new();
        for key in keys {
            let Some(print) = spent(key) else { continue };
            let place = (provider.to_owned(), print);
            let held = renewals.get(&place).and_then(|renewal| renewal.held.as_ref());
            let standing = rules::standing(&with(held, key.clone()), self.lead, now);
            if standing == Standing::Good && held.is_none() {
                continue;
            }
            let renewal = renewals.entry(place.clone()).or_default();
            let waits = renewal.not_before.is_some_and(|until| Instant::now() < until);
            if !renewal.is_under_way() && !waits {
                let (done, under_way) = watch::channel(());
                renewal.under_way = Some(under_way);
                tokio::spawn(Arc::clone(self).renew(place, key.clone(), endpoint.clone(), done));
            }
            if standing == Standing::Ended {
                ended.extend(renewal.under_way.clone());
            }
        }
        ended
    }

    /// One renewal, from the look into the pool to the pair in it. Ends by dropping `done`.
    async fn renew(
        self: Arc<Self>,
        place: Spent,
        key: PoolKey,
        endpoint: Endpoint,
        done: watch::Sender<()>,
    ) {
        let pause = self.try_renew(&place, &key, &endpoint).await.pause();
        let mut renewals = self.renewals();
        if let Some(renewal) = renewals.get_mut(&place) {
            renewal.not_before = pause.map(|pause| Instant::now() + pause);
        }
        drop(renewals);
        drop(done);
    }

    async fn try_renew(&self, place: &Spent, key: &PoolKey, endpoint: &Endpoint) -> Outcome {
        // Another sidecar may have been quicker.
        if self.left(place).await {
            return Outcome::Done;
        }
        let held = self.renewals().get(place).and_then(|renewal| renewal.held.clone());
        let current = with(held.as_ref(), key.clone());
        let good = rules::standing(&current, self.lead, self.clock.now()) == Standing::Good;
        let fresh = match held.filter(|_| good) {
            Some(held) => held,
            None => match self.ask(place, &current, endpoint).await {
                Ok(Some(fresh)) => fresh,
                Ok(None) => return Outcome::Done,
                Err(outcome) => return outcome,
            },
        };
        let (provider, print) = (&place.0, &key.print);
        let written = self.store.renew(provider, &place.1, &fresh).await;
        let mut renewals = self.renewals();
        let held = &mut renewals.entry(place.clone()).or_default().held;
        let Err(fault) = written else {
            // Whether it is ours or another's: the pool has a good one.
            *held = None;
            return Outcome::Done;
        };
        tracing::error!(%provider, key = %print, %fault, "a renewed key could not be written into \
            the pool; it serves from memory, and is lost when this process ends");
        *held = Some(fresh);
        Outcome::Trouble
    }

    /// Asks for the next token. `None`: the pool has it already.
    async fn ask(
        &self,
        place: &Spent,
        current: &PoolKey,
        endpoint: &Endpoint,
    ) -> Result<Option<Renewed>, Outcome> {
        let Some(refresh) = current.grant.as_ref().and_then(|grant| grant.refresh.as_ref()) else {
            return Ok(None);
        };
        let (provider, print) = (&place.0, &current.print);
        match endpoint.ask(&self.upstream, refresh, &self.clock).await {
            Said::Renewed(fresh) => Ok(Some(fresh)),
            Said::Refused(code) => {
                sleep(WINNER_WRITES).await;
                if self.left(place).await {
                    return Ok(None);
                }
                tracing::error!(%provider, key = %print, %code, "a key's renewal is refused; it \
                    serves until it ends: sign in again and put the new token into the pool");
                Err(Outcome::Refused)
            }
            Said::Trouble(words) => {
                tracing::warn!(%provider, key = %print, %words, "a key could not be renewed; it \
                    serves until it ends, and is tried again");
                Err(Outcome::Trouble)
            }
        }
    }

    /// Whether the pool has another refresh token by now. A pool that cannot be read says no.
    async fn left(&self, (provider, print): &Spent) -> bool {
        let keys = self.store.of(provider).await;
        keys.is_ok_and(|keys| !keys.iter().any(|key| spent(key).as_ref() == Some(print)))
    }

    /// The keys, with what could not be written in the place of what it renews.
    fn with_held(&self, provider: &str, keys: Vec<PoolKey>) -> Vec<PoolKey> {
        let renewals = self.renewals();
        if renewals.is_empty() {
            return keys;
        }
        let current = |key: PoolKey| {
            let place = spent(&key).map(|print| (provider.to_owned(), print));
            let renewal = place.and_then(|place| renewals.get(&place));
            with(renewal.and_then(|renewal| renewal.held.as_ref()), key)
        };
        keys.into_iter().map(current).collect()
    }

    fn renewals(&self) -> MutexGuard<'_, BTreeMap<Spent, Renewal>> {
        self.renewals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
