//! One request's way through the keys of a provider: which is tried next, what its answer says of
//! it, and what is given back when the request ends, however it ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use events::KeyPrint;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use ports::PoolKey;
use tokio::time::Instant;

use super::limits::{Waiting, told_in_body};
use super::roster::{Ask, Outcome, Rest, Roster};
use super::snapshot::{Shared, Snapshot};
use super::strategy::{Session, Strategy};

/// How many keys are tried for one request. More would multiply the load of a bad moment.
const KEYS_MAX: usize = 3;
/// How many more may turn out to have left the pool by the time they were refused. That is a
/// rotation and no bad moment, and with each there was a newer key in the pool.
const REPLACED_MAX: usize = 3;

/// The keys of one provider and what is known of them.
pub(super) struct ProviderKeys {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) strategy: Strategy,
    pub(super) roster: Mutex<Roster>,
}

impl ProviderKeys {
    pub(super) fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The keys that one request tries, one after the other.
pub(crate) struct Tries {
    of: Arc<ProviderKeys>,
    keys: Shared,
    session: Session,
    tried: Vec<KeyPrint>,
    /// Which of the keys is tried now.
    last: Option<usize>,
    replaced: usize,
}

impl Tries {
    pub(super) fn new(of: Arc<ProviderKeys>, keys: Shared, session: Session) -> Self {
        Self { of, keys, session, tried: Vec::new(), last: None, replaced: 0 }
    }

    /// Whether the pool has no key at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The next key to try; `again` says whether the request can be sent once more after that.
    ///
    /// # Errors
    /// None may be tried now, or enough were: when the first of the pool may be.
    pub(crate) fn next(&mut self, again: bool) -> Result<Attempt, Rest> {
        let now = Instant::now();
        self.note();
        let mut roster = self.of.roster();
        if self.tried.len() >= KEYS_MAX + self.replaced {
            return Err(roster.rest(&self.keys, now));
        }
        let (strategy, session, tried) = (self.of.strategy, self.session, &self.tried);
        let taken = roster.take(Ask { strategy, session, tried, again, now }, &self.keys)?;
        drop(roster);
        self.last = Some(taken.index);
        Ok(Attempt {
            of: Arc::clone(&self.of),
            keys: Arc::clone(&self.keys),
            index: taken.index,
            probe: taken.probe,
            sent: now,
        })
    }

    /// When the first key of the pool may be tried.
    pub(crate) fn rest(&self) -> Rest {
        self.of.roster().rest(&self.keys, Instant::now())
    }

    /// Notes the key that was tried: only a request that needs another has to know.
    fn note(&mut self) {
        let last = self.last.take().and_then(|last| self.keys.get(last));
        self.tried.extend(last.map(|key| key.print.clone()));
    }

    /// Looks at the pool again after the provider did not take the key of `attempt`.
    pub(crate) async fn look_again(&mut self, attempt: &Attempt) {
        let print = &attempt.key().print;
        let Some(keys) = self.of.snapshot.after_refusal(print, attempt.sent).await else { return };
        self.note();
        let left = !keys.iter().any(|key| key.print == *print);
        if left && self.replaced < REPLACED_MAX {
            self.replaced += 1;
        }
        self.keys = keys;
    }
}

/// A key that is being tried. Counts as under way until it is dropped.
pub(crate) struct Attempt {
    of: Arc<ProviderKeys>,
    keys: Shared,
    index: usize,
    /// It finds out whether a refused key is good again.
    probe: bool,
    sent: Instant,
}

impl Attempt {
    /// The key.
    pub(crate) fn key(&self) -> &PoolKey {
        &self.keys[self.index]
    }

    /// The provider answered; the body is told when the answer is a refusal that was read.
    pub(crate) fn answered(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        body: Option<&[u8]>,
        now: Timestamp,
    ) {
        let outcome = Outcome::of(status, body);
        let mut waiting = Waiting::read(headers, now);
        if outcome == Outcome::Limited && waiting.told.is_none() {
            waiting.told = body.and_then(told_in_body);
        }
        let key = &self.keys[self.index];
        let mut roster = self.of.roster();
        roster.answered(key, (outcome, headers), waiting, self.sent, Instant::now());
        if std::mem::take(&mut self.probe) {
            roster.probe_ended(&key.print);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let print = &self.keys[self.index].print;
        let mut roster = self.of.roster();
        if self.probe {
            roster.probe_ended(print);
        }
        roster.ended(print);
    }
}
