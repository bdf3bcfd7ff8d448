//! What is known of the keys of one provider, and which of them a request gets next. Pure: the
//! keys, the time and what happened come in, a choice or the soonest end of a rest comes out.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

use events::KeyPrint;
use http::{HeaderMap, StatusCode};
use ports::PoolKey;
use serde_json::Value;
use tokio::time::Instant;

use super::groups::Groups;
use super::limits::Waiting;
use super::state::{Cooldown, Doubt, Standing, Trust};
use super::strategy::{Rank, Session, Strategy, rank};
use crate::refusal::CLIENT_WAIT_MAX;

/// Google's word for a key that it does not know (google.rpc.ErrorInfo, `reason`).
const KEY_INVALID: &str = "API_KEY_INVALID";

/// What an answer means for the key that it was asked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The provider took it.
    Worked,
    /// It hit a limit.
    Limited,
    /// The provider does not take it.
    Refused(Doubt),
    /// Nothing: the request, or the provider's own trouble.
    Nothing,
}

impl Outcome {
    /// By the answer's status, and by the body of a 400 once it was read: Google says there that it
    /// does not know a key (ai.google.dev/gemini-api/docs/troubleshooting). Whose account is empty
    /// is told 402, by OpenRouter and DeepSeek among others. An overloaded provider (529) and one in
    /// trouble (5xx) is so with every key.
    pub(crate) fn of(status: StatusCode, body: Option<&[u8]>) -> Self {
        match status.as_u16() {
            200..=299 => Self::Worked,
            401 => Self::Refused(Doubt::Unknown),
            400 if body.is_some_and(says_key_invalid) => Self::Refused(Doubt::Unknown),
            402 | 403 => Self::Refused(Doubt::Forbidden),
            429 => Self::Limited,
            _ => Self::Nothing,
        }
    }
}

/// Whether an error of Google's says that it does not know the key. Its stream of a list holds the
/// error as the first entry.
fn says_key_invalid(body: &[u8]) -> bool {
    if memchr::memmem::find(body, KEY_INVALID.as_bytes()).is_none() {
        return false;
    }
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return false };
    let error = body.get("error").or_else(|| body.get(0)?.get("error"));
    let details = error.and_then(|error| error.get("details")?.as_array());
    details.into_iter().flatten().any(|detail| detail["reason"] == KEY_INVALID)
}

/// Why no key of a pool can be used now, and when one can be again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rest {
    /// Until the first of them may be tried again.
    pub(crate) after: Duration,
    /// The provider takes none of them, so that somebody has to do something.
    pub(crate) refused: bool,
}

impl Rest {
    /// Whether a client that waits gains nothing by it.
    pub(crate) fn pointless(&self) -> bool {
        self.refused || self.seconds() > CLIENT_WAIT_MAX
    }

    /// In whole seconds, and never at once.
    pub(crate) fn seconds(&self) -> u64 {
        let more = u64::from(self.after.subsec_nanos() > 0);
        self.after.as_secs().saturating_add(more).max(1)
    }
}

/// What a request wants of a key.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) strategy: Strategy,
    pub(super) session: Session,
    /// With these it was tried already.
    pub(super) tried: &'a [KeyPrint],
    /// It can be sent again, should the key be refused.
    pub(super) again: bool,
    pub(super) now: Instant,
}

/// What was taken for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// Which of the keys.
    pub(super) index: usize,
    /// The request finds out whether a refused key is good again.
    pub(super) probe: bool,
}

/// One key.
#[derive(Default)]
struct Entry {
    cooldown: Cooldown,
    trust: Trust,
    under_way: u32,
    requests: u64,
    refusals: u64,
}

/// How an operator sees a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) trust: Standing,
    pub(super) limits: Standing,
    pub(super) under_way: u32,
    pub(super) requests: u64,
    pub(super) refusals: u64,
}

/// The keys of one provider, by fingerprint, so that what is known of a key outlives each reading
/// of the pool.
#[derive(Default)]
pub(super) struct Roster {
    entries: BTreeMap<KeyPrint, Entry>,
    groups: Groups,
}

/// Where a key stands in a request's order; the smallest is first.
type Place = (u8, Option<Instant>, Rank);

impl Roster {
    /// Takes the best key for a request.
    ///
    /// # Errors
    /// None may be used: when the first may be.
    pub(super) fn take(&mut self, ask: Ask<'_>, keys: &[PoolKey]) -> Result<Taken, Rest> {
        self.forget(keys, ask.now);
        let places = keys.iter().enumerate().filter(|(_, key)| !ask.tried.contains(&key.print));
        let places = places.filter_map(|(n, key)| Some((self.place(ask, key)?, n)));
        let order = |a: &(Place, usize), b: &(Place, usize)| {
            a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal)
        };
        let best = places.min_by(order);
        let (_, index) = best.ok_or_else(|| self.rest(keys, ask.now))?;
        let entry = self.entry(&keys[index].print);
        entry.under_way += 1;
        entry.requests += 1;
        let probe = entry.trust.probe(ask.now);
        Ok(Taken { index, probe })
    }

    fn place(&self, ask: Ask<'_>, key: &PoolKey) -> Option<Place> {
        let seen = self.seen(key, ask.now);
        let rank = rank(ask.strategy, ask.session, key, seen.under_way);
        match seen.trust.max(seen.limits) {
            Standing::Able => Some((0, None, rank)),
            // Whoever finds out falls back on another key; a request that cannot does not try.
            Standing::HalfOpen => Some((u8::from(!ask.again), None, rank)),
            Standing::Last(until) => Some((2, Some(until), rank)),
            Standing::Barred(_) => None,
        }
    }

    /// When the first of the keys may be tried again.
    pub(super) fn rest(&self, keys: &[PoolKey], now: Instant) -> Rest {
        let mut limited: Option<Duration> = None;
        let mut refused: Option<Duration> = None;
        for key in keys {
            let seen = self.seen(key, now);
            let trusted = match seen.trust {
                Standing::Able | Standing::HalfOpen => true,
                // Somebody is finding out: a moment later it is known.
                Standing::Barred(until) | Standing::Last(until) => until <= now,
            };
            let wait = match seen.trust.max(seen.limits) {
                Standing::Able | Standing::HalfOpen => Duration::ZERO,
                Standing::Last(until) | Standing::Barred(until) => {
                    until.saturating_duration_since(now)
                }
            };
            let sum = if trusted { &mut limited } else { &mut refused };
            *sum = Some(sum.map_or(wait, |sum| sum.min(wait)));
        }
        let after = limited.or(refused).unwrap_or(Duration::ZERO);
        Rest { after, refused: limited.is_none() }
    }

    /// A request that was sent at `sent` was answered at `now`.
    pub(super) fn answered(
        &mut self,
        key: &PoolKey,
        answer: (Outcome, &HeaderMap),
        waiting: Waiting,
        sent: Instant,
        now: Instant,
    ) {
        let (outcome, headers) = answer;
        self.groups.learn(&key.print, headers);
        let entry = self.entry(&key.print);
        match outcome {
            Outcome::Worked => {
                entry.cooldown.worked(sent);
                entry.trust.worked(sent);
                self.groups.worked(key, sent);
                if let Some(span) = waiting.used_up {
                    self.entry(&key.print).cooldown.expected(span, now);
                    self.groups.expected(key, span, now);
                }
            }
            Outcome::Limited => {
                let told = waiting.told.or(waiting.used_up);
                entry.refusals += 1;
                // Who counts a key's requests knows it.
                entry.trust.worked(sent);
                entry.cooldown.limited(told, now);
                self.groups.limited(key, told, now);
            }
            Outcome::Refused(doubt) => {
                entry.refusals += 1;
                entry.trust.refused(doubt, sent, now);
            }
            Outcome::Nothing => {}
        }
    }

    /// Gives the right to find out back.
    pub(super) fn probe_ended(&mut self, key: &KeyPrint) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.trust.probe_ended();
        }
    }

    /// A request with this key is over.
    pub(super) fn ended(&mut self, key: &KeyPrint) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.under_way = entry.under_way.saturating_sub(1);
        }
    }

    /// A key as it is now.
    pub(super) fn seen(&self, key: &PoolKey, now: Instant) -> Seen {
        let group = self.groups.standing(key, now);
        let Some(entry) = self.entries.get(&key.print) else {
            let trust = Standing::Able;
            return Seen { trust, limits: group, under_way: 0, requests: 0, refusals: 0 };
        };
        Seen {
            trust: entry.trust.standing(now),
            limits: entry.cooldown.standing(now).max(group),
            under_way: entry.under_way,
            requests: entry.requests,
            refusals: entry.refusals,
        }
    }

    fn entry(&mut self, key: &KeyPrint) -> &mut Entry {
        self.entries.entry(key.clone()).or_default()
    }

    /// Forgets keys that left the pool, once nothing is under way with them.
    fn forget(&mut self, keys: &[PoolKey], now: Instant) {
        // More entries than keys: some key must have left. Looking each time would cost more.
        if self.entries.len() <= keys.len() {
            return;
        }
        let there = |print: &KeyPrint| keys.iter().any(|key| key.print == *print);
        self.entries.retain(|print, entry| entry.under_way > 0 || there(print));
        self.groups.retain(there, now);
    }
}

#[cfg(test)]
mod tests;
