//! Which key of the pool serves a request. A workspace keeps its key as long as it works, because
//! providers' prompt caches belong to the key's organisation; a key that was refused rests.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use events::KeyPrint;
use events::token::token_hash;
use http::HeaderMap;
use ports::{Lease, PoolKey};
use tokio::time::Instant;

/// How long a key rests after a refusal that does not say. It then is tried again by itself: no
/// key is ever out for good.
const REST: Duration = Duration::from_secs(30);
/// The longest rest. A provider may name hours; the key is asked again earlier, because limits
/// are raised and windows are shared.
const REST_MAX: Duration = Duration::from_secs(300);
/// How many resting keys are remembered, far above any pool's size.
const RESTING_MAX: usize = 4096;

#[derive(Clone, Copy)]
struct Rest {
    until: Instant,
    /// The provider itself said until when, so asking earlier is pointless.
    told: bool,
}

/// Which keys rest.
#[derive(Default)]
pub(crate) struct Pool {
    resting: Mutex<BTreeMap<KeyPrint, Rest>>,
}

impl Pool {
    /// The keys in the order in which they shall be tried. `Err`: all must rest, for so long.
    pub(crate) fn order(
        &self,
        lease: &Lease,
        keys: Vec<PoolKey>,
        now: Instant,
    ) -> Result<Vec<PoolKey>, Duration> {
        let resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let rest = |key: &PoolKey| resting.get(&key.print).filter(|rest| rest.until > now).copied();
        let soonest = keys.iter().filter_map(rest).map(|rest| rest.until).min();
        let mut able: Vec<PoolKey> =
            keys.into_iter().filter(|key| !rest(key).is_some_and(|rest| rest.told)).collect();
        if able.is_empty() {
            return Err(soonest.unwrap_or(now).saturating_duration_since(now));
        }
        able.sort_by(|a, b| match (rest(a), rest(b)) {
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => a.until.cmp(&b.until),
            (None, None) => weight(lease, &b.print).cmp(&weight(lease, &a.print)),
        });
        Ok(able)
    }

    /// Lets a key rest after a refusal.
    pub(crate) fn rest(&self, key: &KeyPrint, answer: &HeaderMap, now: Instant) {
        let told = retry_after(answer);
        let until = now + told.unwrap_or(REST).min(REST_MAX);
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting.retain(|_, rest| rest.until > now);
        // The later end counts: two requests may be refused with different words.
        let later = resting.get(key).is_none_or(|rest| rest.until < until);
        if later && resting.len() < RESTING_MAX {
            resting.insert(key.clone(), Rest { until, told: told.is_some() });
        }
    }

    /// A key that was just accepted rests no more.
    pub(crate) fn works(&self, key: &KeyPrint) {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// Rendezvous hashing: each workspace ranks the keys in its own fixed order, and a key that joins
/// or leaves moves only its own share.
fn weight(lease: &Lease, key: &KeyPrint) -> String {
    token_hash(&format!("{}/{}/{key}", lease.workspace, lease.generation))
}

/// How long the provider says to wait, in the order in which the official clients look. A date
/// instead of seconds is treated like silence.
fn retry_after(answer: &HeaderMap) -> Option<Duration> {
    let number = |name| answer.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let seconds = number("retry-after-ms").map(|ms: f64| ms / 1000.0);
    let seconds = seconds.or_else(|| number("retry-after"))?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use events::{Attempt, Gen, Secret};

    use super::*;

    fn key(text: &str) -> PoolKey {
        PoolKey::new(Secret::new(text))
    }

    fn lease(name: &str) -> Lease {
        Lease {
            workspace: name.parse().expect("a name"),
            generation: Gen(1),
            attempt: Attempt(1),
            team: "t".parse().expect("a name"),
        }
    }

    fn order(pool: &Pool, now: Instant, name: &str, keys: &[&str]) -> Vec<String> {
        let keys = keys.iter().map(|text| key(text)).collect();
        let order = pool.order(&lease(name), keys, now).expect("some key is able");
        order.into_iter().map(|key| key.secret.expose().to_owned()).collect()
    }

    #[test]
    fn a_workspace_keeps_its_key_and_a_pool_is_shared_out() {
        let (pool, now) = (Pool::default(), Instant::now());
        let mut firsts = BTreeMap::new();
        for n in 0..300 {
            let name = format!("w{n}");
            let first = order(&pool, now, &name, &["a", "b", "c"])[0].clone();
            assert_eq!(
                order(&pool, now, &name, &["c", "b", "a"])[0],
                first,
                "the order is no matter"
            );
            let smaller = order(&pool, now, &name, &["a", "b"])[0].clone();
            assert!(first == "c" || smaller == first, "only the lost key's share moves");
            *firsts.entry(first).or_insert(0) += 1;
        }
        assert!(firsts.values().all(|count| *count > 60), "{firsts:?}");
    }

    #[test]
    fn a_refused_key_rests_and_comes_back_by_itself() {
        let (pool, now) = (Pool::default(), Instant::now());
        let first = order(&pool, now, "w", &["a", "b"])[0].clone();
        pool.rest(&key(&first).print, &HeaderMap::new(), now);
        assert_ne!(order(&pool, now, "w", &["a", "b"])[0], first);
        assert_eq!(order(&pool, now, "w", &[&first])[0], first, "the only key is still tried");
        let later = now + REST + Duration::from_secs(1);
        assert_eq!(order(&pool, later, "w", &["a", "b"])[0], first);
    }

    #[test]
    fn a_key_told_to_wait_is_not_asked_earlier_nor_for_ever() {
        let (pool, now) = (Pool::default(), Instant::now());
        let mut answer = HeaderMap::new();
        answer.insert("retry-after", "7".parse().expect("a value"));
        pool.rest(&key("a").print, &answer, now);
        assert_eq!(
            pool.order(&lease("w"), vec![key("a")], now).err(),
            Some(Duration::from_secs(7))
        );
        assert_eq!(order(&pool, now, "w", &["a", "b"]), ["b"]);
        answer.insert("retry-after", "1e30".parse().expect("a value"));
        pool.rest(&key("b").print, &answer, now);
        assert_eq!(order(&pool, now + REST_MAX, "w", &["a", "b"]).len(), 2);
    }
}
