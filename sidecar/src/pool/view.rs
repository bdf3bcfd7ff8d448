//! What an operator may see of each key: its fingerprint, how it stands and how much it is used.
//! Never the key, and never the name of its organisation.

use std::time::Duration;

use events::KeyPrint;
use jiff::Timestamp;
use ports::Fault;
use serde::Serialize;
use tokio::time::Instant;

use super::Pool;
use super::roster::Seen;
use super::state::Standing;
use super::tries::ProviderKeys;
use crate::proxy::Sidecar;

/// How a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum KeyStanding {
    /// It is used.
    Works,
    /// It hit a limit and rests.
    Cooling,
    /// Its provider did not take it, and it is left alone.
    Quarantined,
    /// Its provider did not take it; the next request, or one that is under way, finds out whether
    /// it does now.
    HalfOpen,
}

/// One key of the pool as this sidecar knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyState {
    /// The provider's id.
    pub provider: String,
    /// The key's fingerprint.
    pub key: KeyPrint,
    /// How it stands.
    pub standing: KeyStanding,
    /// Until when it rests, to the second or so; `None` when it does not.
    pub until: Option<Timestamp>,
    /// How many requests are under way with it.
    pub under_way: u32,
    /// How many requests it was tried for since this sidecar knows it.
    pub requests: u64,
    /// How many of them the provider refused because of the key: 401, 403 and 429.
    pub refusals: u64,
}

impl Sidecar {
    /// The keys of the providers that were asked for something, in the order of the pool.
    pub fn keys_state(&self) -> Vec<KeyState> {
        self.pool.state(Instant::now(), self.books.clock.now())
    }
}

impl Pool {
    /// `now` and `time` are the same moment, by the clock that runs evenly and the one on the wall.
    pub(crate) fn state(&self, now: Instant, time: Timestamp) -> Vec<KeyState> {
        let mut all = Vec::new();
        for (provider, keys) in self.providers().iter() {
            let roster = keys.roster();
            for key in keys.snapshot.last().iter().flat_map(|keys| keys.iter()) {
                let seen = roster.seen(key, now);
                let (standing, rest) = standing(seen, now);
                all.push(KeyState {
                    provider: provider.clone(),
                    key: key.print.clone(),
                    standing,
                    until: rest.and_then(|rest| time.checked_add(rest).ok()),
                    under_way: seen.under_way,
                    requests: seen.requests,
                    refusals: seen.refusals,
                });
            }
        }
        all
    }
}

impl Pool {
    /// How long ago the store was asked for the keys of each provider that are in use.
    pub(crate) fn ages(&self, now: Instant) -> Vec<(String, Duration)> {
        let providers = self.providers();
        let age = |of: &ProviderKeys| of.snapshot.since_asked(now);
        providers.iter().filter_map(|(id, of)| Some((id.clone(), age(of)?))).collect()
    }

    /// Whether keys can be had: some were read and are still believed, or the store answers now.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn check(&self) -> Result<(), Fault> {
        let read = self.providers().values().any(|of| of.snapshot.last().is_some());
        if read && !self.believed.is_zero() {
            return Ok(());
        }
        self.store.list().await.map(drop)
    }
}

/// How a key stands, and for how long it rests. A provider that does not take it says more than a
/// limit.
fn standing(seen: Seen, now: Instant) -> (KeyStanding, Option<Duration>) {
    let rest = |until: Instant| until.saturating_duration_since(now);
    match (seen.trust, seen.limits) {
        (Standing::HalfOpen, _) => (KeyStanding::HalfOpen, None),
        (Standing::Barred(until) | Standing::Last(until), _) if until <= now => {
            (KeyStanding::HalfOpen, None)
        }
        (Standing::Barred(until) | Standing::Last(until), _) => {
            (KeyStanding::Quarantined, Some(rest(until)))
        }
        (Standing::Able, Standing::Barred(until) | Standing::Last(until)) => {
            (KeyStanding::Cooling, Some(rest(until)))
        }
        (Standing::Able, Standing::Able | Standing::HalfOpen) => (KeyStanding::Works, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_reads_why_a_key_is_not_used_and_until_when() {
        let now = Instant::now();
        let span = Duration::from_secs(9);
        let (able, barred, last) =
            (Standing::Able, Standing::Barred(now + span), Standing::Last(now + span));
        for (trust, limits, expected) in [
            (able, able, (KeyStanding::Works, None)),
            (able, barred, (KeyStanding::Cooling, Some(span))),
            (able, last, (KeyStanding::Cooling, Some(span))),
            (barred, able, (KeyStanding::Quarantined, Some(span))),
            (last, barred, (KeyStanding::Quarantined, Some(span))),
            (Standing::HalfOpen, barred, (KeyStanding::HalfOpen, None)),
            (Standing::Barred(now), able, (KeyStanding::HalfOpen, None)),
        ] {
            let seen = Seen { trust, limits, under_way: 0, requests: 0, refusals: 0 };
            assert_eq!(standing(seen, now), expected);
        }
    }

    #[test]
    fn what_is_shown_is_plain_json() {
        let state = KeyState {
            provider: "openai".to_owned(),
            key: KeyPrint("0123456789ab".to_owned()),
            standing: KeyStanding::HalfOpen,
            until: None,
            under_way: 1,
            requests: 7,
            refusals: 2,
        };
        let json = serde_json::to_string(&state).expect("JSON");
        let expected = r#"{"provider":"openai","key":"0123456789ab","standing":"halfOpen","until":null,"underWay":1,"requests":7,"refusals":2}"#;
        assert_eq!(json, expected);
    }
}
