//! One round over the whole pool, for whoever renews in the place of sidecars that may only read it
//! (on AWS one function, which runs every few minutes). The same renewals as of a sidecar, one after
//! the other, and each is told how it ended.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use ports::{Clock, Fault, Keys, PoolKey, Renewed};
use tokio::time::{Instant, sleep};

use super::endpoint::Endpoint;
use super::rules::{self, Standing};
use super::{Inner, Outcome, Spent, spent, with};
use crate::config::{BadConfig, Config, Upstreams};
use crate::upstream::Upstream;

/// So long before its end a token is renewed here: three rounds of five minutes, so that a bad quarter
/// of an hour of the provider's ends no token.
const LEAD: SignedDuration = SignedDuration::from_mins(20);
/// A renewal that is begun is never given up, so none begins with less time than one may take: the
/// answer's fifteen seconds, the wait for a winner, and the writing of the pool.
const LONGEST: Duration = Duration::from_secs(30);

/// How often a token that was got is tried to be written, and how much longer each try waits than the
/// one before it: half a minute in all.
const WRITES_MAX: u32 = 8;
const PAUSE: Duration = Duration::from_secs(1);

/// How many keys ended a round how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Renewals {
    /// The pool has good ones.
    pub renewed: u32,
    /// Their providers do not renew them any more. They serve until they end.
    pub refused: u32,
    /// They could not be renewed, or what was got could not be written: it is held for the next round.
    pub failed: u32,
}

/// Renews the OAuth tokens of a pool, round by round. It keeps what it could not write.
pub struct Renewer(Inner);

impl Renewer {
    /// Over the pool as who may write it sees it.
    ///
    /// # Errors
    /// [`BadConfig`]: a token endpoint that cannot be used, or no TLS.
    pub fn new(
        config: &Config,
        store: Arc<dyn Keys>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BadConfig> {
        let upstreams = Upstreams::new(config)?;
        let upstream = Arc::new(Upstream::new(config, &upstreams)?);
        Ok(Self(Inner::over(store, upstream, &upstreams, clock, LEAD)))
    }

    /// Renews what ends soon, each token once, and begins none that could not be finished before
    /// `until`. May be called again; not twice at once.
    ///
    /// # Errors
    /// The pool could not be read.
    pub async fn round(&self, until: Instant) -> Result<Renewals, Fault> {
        let mut renewals = Renewals::default();
        for (provider, endpoint) in &self.0.endpoints {
            let keys = self.0.store.of(provider).await?;
            for key in keys {
                let Some(print) = spent(&key) else { continue };
                let place = (provider.clone(), print);
                if !self.is_due(&place, &key) {
                    continue;
                }
                if until.saturating_duration_since(Instant::now()) < LONGEST {
                    tracing::warn!(%provider, key = %key.print, "there is no time to renew a key in \
                        this round");
                    renewals.failed += 1;
                    continue;
                }
                match self.renew(&place, &key, endpoint, until).await {
                    Outcome::Done => renewals.renewed += 1,
                    Outcome::Refused => renewals.refused += 1,
                    Outcome::Trouble => renewals.failed += 1,
                }
            }
        }
        self.forget();
        Ok(renewals)
    }

    /// One renewal. What was got is written again and again while there is time: this process may be
    /// ended after the round, and with it what it holds.
    async fn renew(
        &self,
        place: &Spent,
        key: &PoolKey,
        endpoint: &Endpoint,
        until: Instant,
    ) -> Outcome {
        let mut outcome = self.0.try_renew(place, key, endpoint).await;
        for tried in 1..WRITES_MAX {
            let pause = PAUSE * tried;
            let late = until.saturating_duration_since(Instant::now()) < pause;
            if outcome != Outcome::Trouble || self.held(place).is_none() || late {
                break;
            }
            sleep(pause).await;
            outcome = self.0.try_renew(place, key, endpoint).await;
        }
        outcome
    }

    fn held(&self, place: &Spent) -> Option<Renewed> {
        self.0.renewals().get(place).and_then(|renewal| renewal.held.clone())
    }

    /// Whether it ends soon, or something newer is held for it.
    fn is_due(&self, place: &Spent, key: &PoolKey) -> bool {
        let held = self.held(place);
        let standing = rules::standing(&with(held.as_ref(), key.clone()), LEAD, self.0.clock.now());
        held.is_some() || standing != Standing::Good
    }

    /// What holds nothing is not remembered.
    fn forget(&self) {
        self.0.renewals().retain(|_, renewal| renewal.held.is_some());
    }
}

#[cfg(test)]
mod tests;
