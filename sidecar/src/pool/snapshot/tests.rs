//! When the store is asked, and what serves while it cannot answer. Time stands still and is moved
//! by hand.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use events::{EventId, Secret};
use jiff::Timestamp;
use ports::{KeyInfo, async_trait};
use tokio::time::{advance, sleep};

use super::*;

const BELIEVED: Duration = Duration::from_secs(60);
/// Later than any jitter makes an answer due.
const STALE: Duration = Duration::from_secs(67);
/// How long the store takes to answer.
const SLOW: Duration = Duration::from_millis(100);

/// A store that gives one key, named after how often it was asked.
#[derive(Default)]
struct Store {
    asked: AtomicU64,
    away: AtomicBool,
    silent: AtomicBool,
}

impl Store {
    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    fn away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }
}

#[async_trait]
impl Keys for Store {
    async fn of(&self, _: &str) -> Result<Vec<PoolKey>, Fault> {
        let n = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        sleep(if self.silent.load(Ordering::Relaxed) { ASK_MAX * 10 } else { SLOW }).await;
        if self.away.load(Ordering::Relaxed) {
            return Err(Fault::unavailable("the store", "away"));
        }
        Ok(vec![PoolKey::new(Secret::new(n.to_string()))])
    }

    async fn list(&self) -> Result<Vec<KeyInfo>, Fault> {
        Ok(Vec::new())
    }

    async fn add(&self, _: &str, key: Secret) -> Result<(KeyPrint, bool), Fault> {
        Ok((events::token::key_print(&key), false))
    }

    async fn remove(&self, _: &str, _: &KeyPrint) -> Result<bool, Fault> {
        Ok(false)
    }
}

/// Always the same jitter.
struct Jitter(u64);

impl Ids for Jitter {
    fn event_id(&self, _: Timestamp) -> EventId {
        EventId(uuid::Uuid::nil())
    }

    fn token(&self) -> Secret {
        Secret::new("t")
    }

    fn below(&self, bound: u64) -> u64 {
        self.0.min(bound - 1)
    }
}

fn snapshot(believed: Duration, jitter: u64) -> (Arc<Store>, Arc<Snapshot>) {
    let store = Arc::new(Store::default());
    let keys = Arc::clone(&store) as Arc<dyn Keys>;
    let snapshot = Snapshot::new("openai", keys, Arc::new(Jitter(jitter)), believed);
    (store, Arc::new(snapshot))
}

/// Which answer of the store serves.
async fn serves(snapshot: &Arc<Snapshot>) -> Option<String> {
    snapshot.keys().await.ok().map(|keys| keys[0].secret.expose().to_owned())
}

/// Lets what runs in the background come to its end.
async fn settle() {
    sleep(SLOW * 2).await;
}

#[tokio::test(start_paused = true)]
async fn without_belief_the_store_is_asked_each_time_and_its_outage_is_seen_at_once() {
    let (store, snapshot) = snapshot(Duration::ZERO, 0);
    for n in 1..4 {
        assert_eq!(serves(&snapshot).await, Some(n.to_string()));
    }
    store.away(true);
    assert_eq!(serves(&snapshot).await, None);
    store.away(false);
    assert_eq!(serves(&snapshot).await.as_deref(), Some("5"));
}

#[tokio::test(start_paused = true)]
async fn the_first_answer_is_waited_for_by_all_and_asked_for_once() {
    let (store, snapshot) = snapshot(BELIEVED, 0);
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let snapshot = Arc::clone(&snapshot);
        all.spawn(async move { serves(&snapshot).await });
    }
    let all = all.join_all().await;
    assert!(all.iter().all(|keys| keys.as_deref() == Some("1")), "{all:?}");
    assert_eq!(store.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_old_answer_serves_while_a_newer_one_is_asked_for_once() {
    let (store, snapshot) = snapshot(BELIEVED, 0);
    assert_eq!(serves(&snapshot).await.as_deref(), Some("1"));
    advance(STALE).await;
    let asked = Instant::now();
    for _ in 0..20 {
        assert_eq!(serves(&snapshot).await.as_deref(), Some("1"));
    }
    assert_eq!(Instant::now(), asked, "nobody waits");
    settle().await;
    assert_eq!(serves(&snapshot).await.as_deref(), Some("2"));
    assert_eq!(store.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn after_a_long_silence_the_store_is_asked_first() {
    let (_, snapshot) = snapshot(BELIEVED, 0);
    serves(&snapshot).await;
    advance(BELIEVED * 3).await;
    assert_eq!(serves(&snapshot).await.as_deref(), Some("2"), "a removed key must not be used");
}

#[tokio::test(start_paused = true)]
async fn sidecars_that_started_together_ask_at_different_times() {
    for (jitter, seconds) in [(0, 54), (100, 60), (200, 66)] {
        let (store, snapshot) = snapshot(BELIEVED, jitter);
        serves(&snapshot).await;
        advance(Duration::from_secs(seconds) - SLOW - Duration::from_millis(1)).await;
        serves(&snapshot).await;
        settle().await;
        assert_eq!(store.asked(), 1, "{seconds}");
        serves(&snapshot).await;
        settle().await;
        assert_eq!(store.asked(), 2, "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_good_answer_serves_through_an_outage_which_is_not_hammered() {
    let (store, snapshot) = snapshot(BELIEVED, 0);
    serves(&snapshot).await;
    store.away(true);
    for _ in 0..600 {
        advance(Duration::from_secs(1)).await;
        assert_eq!(serves(&snapshot).await.as_deref(), Some("1"));
        settle().await;
    }
    assert!((60..150).contains(&store.asked()), "asked {} times", store.asked());
    store.away(false);
    advance(FAILURE).await;
    serves(&snapshot).await;
    settle().await;
    assert_ne!(serves(&snapshot).await.as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn an_outage_at_the_start_is_told_and_not_hammered() {
    let (store, snapshot) = snapshot(BELIEVED, 0);
    store.away(true);
    for _ in 0..20 {
        assert_eq!(serves(&snapshot).await, None);
    }
    assert_eq!(store.asked(), 1);
    store.away(false);
    advance(FAILURE).await;
    assert_eq!(serves(&snapshot).await.as_deref(), Some("2"));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_given_up() {
    for believed in [Duration::ZERO, BELIEVED] {
        let (store, snapshot) = snapshot(believed, 0);
        store.silent.store(true, Ordering::Relaxed);
        let asked = Instant::now();
        assert_eq!(serves(&snapshot).await, None);
        assert_eq!(asked.elapsed(), ASK_MAX);
    }
}

/// What is known after a key was refused in a request that was sent at `sent`.
async fn after(snapshot: &Snapshot, key: &PoolKey, sent: Instant) -> Option<String> {
    let keys = snapshot.after_refusal(&key.print, sent).await;
    keys.map(|keys| keys[0].secret.expose().to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_makes_all_who_met_it_ask_once_and_at_most_once_a_minute() {
    let (store, snapshot) = snapshot(Duration::from_secs(1000), 0);
    let keys = snapshot.keys().await.expect("keys");
    let sent = Instant::now();
    for _ in 0..9 {
        assert_eq!(after(&snapshot, &keys[0], sent).await.as_deref(), Some("2"));
    }
    assert_eq!(store.asked(), 2, "the answer is newer than the refused requests");
    assert_eq!(after(&snapshot, &keys[0], Instant::now()).await.as_deref(), Some("2"));
    assert_eq!(store.asked(), 2, "not again within a minute");
    let other = PoolKey::new(Secret::new("other"));
    assert_eq!(after(&snapshot, &other, Instant::now()).await.as_deref(), Some("3"));
    advance(EARLY_EVERY).await;
    assert_eq!(after(&snapshot, &keys[0], Instant::now()).await.as_deref(), Some("4"));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_during_an_outage_leaves_the_last_keys() {
    let (store, snapshot) = snapshot(BELIEVED, 0);
    let keys = snapshot.keys().await.expect("keys");
    store.away(true);
    for _ in 0..9 {
        assert_eq!(after(&snapshot, &keys[0], Instant::now()).await.as_deref(), Some("1"));
    }
    assert_eq!(store.asked(), 2);
}
