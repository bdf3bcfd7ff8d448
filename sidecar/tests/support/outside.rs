//! Ports in memory, just enough for a proxy. The real ones are `local`'s.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use events::limits::{Limits, Used};
use events::usage::UsageRecord;
use events::{Attempt, Envelope, Event, EventId, Gen, KeyPrint, Secret, WorkspaceId};
use jiff::Timestamp;
use ports::{
    Clock, Fault, Ids, KeyInfo, Keys, Lease, LeaseLookup, PoolKey, Spending, UsageSink,
    UsageTotals, async_trait,
};

/// Leases by hash.
#[derive(Default)]
pub struct Tokens(pub Mutex<BTreeMap<String, Lease>>);

impl Tokens {
    /// A good token of a workspace.
    pub fn give(&self, name: &str) -> String {
        let token = format!("tc_{name}");
        let lease = Lease {
            workspace: name.parse().expect("a name"),
            generation: Gen(3),
            attempt: Attempt(1),
            team: "research".parse().expect("a name"),
            limits: Limits::default(),
        };
        let hash = events::token::token_hash(&token);
        self.0.lock().expect("no panic").insert(hash, lease);
        token
    }

    /// From now on a workspace may use no more than this. A sidecar hears of it within seconds.
    pub fn limit(&self, name: &str, limits: &Limits) {
        let mut leases = self.0.lock().expect("no panic");
        for lease in leases.values_mut().filter(|lease| lease.workspace.as_str() == name) {
            lease.limits = limits.clone();
        }
    }
}

#[async_trait]
impl LeaseLookup for Tokens {
    async fn find(&self, token_hash: &str) -> Result<Option<Lease>, Fault> {
        Ok(self.0.lock().expect("no panic").get(token_hash).cloned())
    }
}

/// A pool with the same keys for every provider.
pub struct Pool(pub Mutex<Vec<Secret>>);

#[async_trait]
impl Keys for Pool {
    async fn of(&self, _: &str) -> Result<Vec<PoolKey>, Fault> {
        let keys = self.0.lock().expect("no panic").clone();
        Ok(keys.into_iter().map(PoolKey::new).collect())
    }

    async fn list(&self) -> Result<Vec<KeyInfo>, Fault> {
        Ok(Vec::new())
    }

    async fn add(&self, _: &str, key: Secret) -> Result<(KeyPrint, bool), Fault> {
        Ok((events::token::key_print(&key), true))
    }

    async fn remove(&self, _: &str, _: &KeyPrint) -> Result<bool, Fault> {
        Ok(false)
    }
}

/// A ledger that can be away.
#[derive(Default)]
pub struct Books {
    pub envelopes: Mutex<BTreeMap<EventId, Envelope>>,
    pub away: AtomicBool,
    pub calls: AtomicU64,
    /// Refuses every batch that holds a record of this model, for good.
    pub hates: Mutex<Option<String>>,
}

impl Books {
    /// Every record, in the order of their ids.
    pub fn records(&self) -> Vec<UsageRecord> {
        let envelopes = self.envelopes.lock().expect("no panic");
        let record = |envelope: &Envelope| {
            let Event::UsageRecorded(record) = &envelope.event else {
                panic!("the sidecar reports usage alone, not {envelope:?}");
            };
            assert_eq!(envelope.source, "/sidecar");
            assert_eq!(envelope.subject.as_ref().map(|id| id.as_str()), Some("ann"));
            record.clone()
        };
        envelopes.values().map(record).collect()
    }
}

#[async_trait]
impl UsageSink for Books {
    async fn count(&self, batch: &[Envelope]) -> Result<(), Fault> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.away.load(Ordering::Relaxed) {
            return Err(Fault::unavailable("the ledger", "away"));
        }
        let hated = self.hates.lock().expect("no panic").clone();
        for envelope in batch {
            if let Event::UsageRecorded(record) = &envelope.event
                && Some(&record.model) == hated.as_ref()
            {
                return Err(Fault::Nonsense { service: "the ledger", words: "hated".into() });
            }
        }
        let mut envelopes = self.envelopes.lock().expect("no panic");
        for envelope in batch {
            let json = serde_json::to_string(envelope).expect("JSON");
            let read: Envelope = serde_json::from_str(&json).expect("reads its own writing");
            assert_eq!(&read, envelope);
            assert!(envelopes.insert(envelope.id, envelope.clone()).is_none(), "counted twice");
        }
        Ok(())
    }
}

#[async_trait]
impl UsageTotals for Books {
    async fn total(&self, workspace: &WorkspaceId, since: Timestamp) -> Result<Spending, Fault> {
        if self.away.load(Ordering::Relaxed) {
            return Err(Fault::unavailable("the ledger", "away"));
        }
        let mut total = Spending { name: workspace.to_string(), ..Spending::default() };
        for envelope in self.envelopes.lock().expect("no panic").values() {
            if let Event::UsageRecorded(record) = &envelope.event
                && envelope.subject.as_ref() == Some(workspace)
                && record.started >= since
            {
                let used = Used::of(record);
                total.requests += 1;
                total.output += used.tokens;
                total.pico_dollars += i128::try_from(used.pico_dollars).expect("small");
            }
        }
        Ok(total)
    }
}

/// A clock that ticks a millisecond with each look, and ids in order.
#[derive(Default)]
pub struct Ticks(AtomicU64);

impl Ticks {
    /// So many milliseconds pass at once.
    pub fn pass(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for Ticks {
    fn now(&self) -> Timestamp {
        let ms = self.0.fetch_add(1, Ordering::Relaxed);
        Timestamp::from_millisecond(1_800_000_000_000 + ms as i64).expect("a time")
    }
}

impl Ids for Ticks {
    fn event_id(&self, at: Timestamp) -> EventId {
        let mut bytes = [0; 10];
        bytes[2..].copy_from_slice(&self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        let ms = at.as_millisecond() as u64;
        EventId(uuid::Builder::from_unix_timestamp_millis(ms, &bytes).into_uuid())
    }

    fn token(&self) -> Secret {
        Secret::new("0".repeat(64))
    }

    fn below(&self, _: u64) -> u64 {
        0
    }
}
