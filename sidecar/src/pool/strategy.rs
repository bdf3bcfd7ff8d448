//! Which of several able keys a request gets. Pure: the order follows from the request's session,
//! the keys' names and shares, and what is under way.

use events::KeyPrint;
use ports::{Lease, PoolKey};
use serde::Deserialize;

/// How the keys of a provider are shared out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Sessions are spread evenly, and each stays with its key: providers' prompt caches belong
    /// to the key's organisation, and a cache read costs a tenth.
    #[default]
    Sticky,
    /// The key with the fewest requests under way. Spreads bursts best, and loses prompt caches.
    LeastLoaded,
    /// As [`Strategy::Sticky`], but a key gets sessions in proportion to its weight in the pool.
    Weighted,
}

/// Who asks: one start of a workspace. What it said before is in the caches of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session(u64);

impl Session {
    pub(super) fn of(lease: &Lease) -> Self {
        let of_workspace = hash(START, lease.workspace.as_str().as_bytes());
        Self(hash(of_workspace, &lease.generation.0.to_le_bytes()))
    }
}

/// A key's place in a session's order: the smallest is first.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Rank {
    load: u32,
    arrival: f64,
}

/// The place of a key with so many requests `under_way`.
///
/// Rendezvous hashing: each session ranks the keys in its own fixed order, and a key that joins or
/// leaves moves only its own share. With weights, keys are runners of different speed whose
/// arrivals are exponential: one is first in proportion to its weight
/// (en.wikipedia.org/wiki/Rendezvous_hashing#Weighted_rendezvous_hash).
pub(super) fn rank(strategy: Strategy, session: Session, key: &PoolKey, under_way: u32) -> Rank {
    let weight = match strategy {
        Strategy::Weighted => f64::from(key.weight.max(1)),
        Strategy::Sticky | Strategy::LeastLoaded => 1.0,
    };
    let load = match strategy {
        Strategy::LeastLoaded => under_way,
        Strategy::Sticky | Strategy::Weighted => 0,
    };
    Rank { load, arrival: -draw(session, &key.print).ln() / weight }
}

/// The session's lot for a key: above 0, at most 1.
fn draw(session: Session, key: &KeyPrint) -> f64 {
    let lot = mixed(session.0 ^ mixed(hash(START, key.0.as_bytes())));
    // 53 bits are what an f64 holds exactly.
    ((lot >> 11) + 1) as f64 / (1_u64 << 53) as f64
}

/// What FNV-1a begins with.
const START: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, going on from an earlier hash.
fn hash(earlier: u64, bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(earlier, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Spreads a hash over all bits (SplitMix64's last step): FNV's high bits barely differ between
/// names that differ at their end.
fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use events::{Attempt, Gen, Secret};
    use proptest::prelude::{any, prop, prop_assert, proptest};

    use super::*;

    fn key(text: &str) -> PoolKey {
        PoolKey::new(Secret::new(text))
    }

    fn session(name: &str, generation: u64) -> Session {
        Session::of(&Lease {
            workspace: name.parse().expect("a name"),
            generation: Gen(generation),
            attempt: Attempt(1),
            team: "t".parse().expect("a name"),
            limits: events::Limits::default(),
        })
    }

    fn first(strategy: Strategy, session: Session, keys: &[PoolKey]) -> &str {
        let place = |key: &&PoolKey| rank(strategy, session, key, 0);
        let first = keys.iter().min_by(|a, b| place(a).partial_cmp(&place(b)).expect("no NaN"));
        first.expect("a key").secret.expose()
    }

    fn shares(strategy: Strategy, keys: &[PoolKey]) -> BTreeMap<&str, u32> {
        let mut shares = BTreeMap::new();
        for n in 0..3000 {
            *shares.entry(first(strategy, session(&format!("w{n}"), 1), keys)).or_insert(0) += 1;
        }
        shares
    }

    #[test]
    fn sessions_are_spread_evenly_and_each_start_is_a_session() {
        let keys = ["a", "b", "c"].map(key);
        assert!(shares(Strategy::Sticky, &keys).values().all(|share| (900..1100).contains(share)));
        let of = |generation| first(Strategy::Sticky, session("ann", generation), &keys);
        assert!((2..40).any(|generation| of(generation) != of(1)));
    }

    #[test]
    fn sessions_are_spread_by_weight() {
        let heavy = PoolKey { weight: 3, ..key("b") };
        let keys = [key("a"), heavy];
        let shares = shares(Strategy::Weighted, &keys);
        assert!((2100..2400).contains(&shares["b"]), "{shares:?}");
    }

    #[test]
    fn the_least_loaded_key_is_first_whatever_the_session() {
        let keys = ["a", "b", "c"].map(key);
        for n in 0..20 {
            let session = session(&format!("w{n}"), 1);
            let place = |n: usize, load| rank(Strategy::LeastLoaded, session, &keys[n], load);
            assert!(place(1, 1) < place(0, 2) && place(1, 1) < place(2, 5));
        }
    }

    proptest! {
        #[test]
        fn a_session_keeps_its_key_when_another_leaves_and_gives_way_only_to_a_new_one(
            name in "[a-z]{1,12}", generation in 1_u64..1000,
            weights in prop::collection::vec(1_u32..=1000, 2..12), leaves in any::<prop::sample::Index>(),
        ) {
            let session = session(&name, generation);
            let named = |(n, weight): (usize, &u32)| PoolKey { weight: *weight, ..key(&n.to_string()) };
            let keys: Vec<PoolKey> = weights.iter().enumerate().map(named).collect();
            for strategy in [Strategy::Sticky, Strategy::Weighted] {
                let before = first(strategy, session, &keys);
                let mut fewer = keys.clone();
                let left = fewer.remove(leaves.index(keys.len()));
                let after = first(strategy, session, &fewer);
                prop_assert!(after == before || left.secret.expose() == before);
            }
        }
    }
}
