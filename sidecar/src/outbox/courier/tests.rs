//! How usage is handed over to a ledger that takes all, some or none of it.

use std::collections::BTreeSet;
use std::sync::Mutex;

use events::price::Cost;
use events::usage::{Completion, Tokens, UsageRecord};
use events::{Event, EventId, Gen, KeyPrint, Secret, Stamp};
use jiff::Timestamp;
use ports::{BatchBounds, UsageSink, async_trait};

use super::super::Outbox;
use super::*;
use crate::config::WhenFull;

const BOUNDS: BatchBounds = BatchBounds::MESSAGE;
/// Its bytes.
const LENGTH: usize = 60_000;

struct NoIds;

impl Ids for NoIds {
    fn event_id(&self, _: Timestamp) -> EventId {
        id(0)
    }

    fn token(&self) -> Secret {
        Secret::new("")
    }

    fn below(&self, _: u64) -> u64 {
        0
    }
}

fn id(n: u64) -> EventId {
    EventId(uuid::Builder::from_unix_timestamp_millis(n, &[7; 10]).into_uuid())
}

fn record(n: u64, raw_length: usize) -> Envelope {
    let at = Timestamp::from_second(1_800_000_000).expect("a time");
    let usage = UsageRecord {
        generation: Gen(1),
        team: "red".parse().expect("a name"),
        provider: "anthropic".to_owned(),
        model: "m".to_owned(),
        key: KeyPrint("0123456789ab".to_owned()),
        started: at,
        duration_ms: 0,
        status: 200,
        completion: Completion::Complete,
        tokens: Tokens::default(),
        estimated: false,
        cost: Cost::Unknown { why: "a test".to_owned() },
        raw: Some("x".repeat(raw_length).into()),
    };
    let stamp = Stamp { id: id(n), time: at, cause: None };
    let subject = Some("ann".parse().expect("a name"));
    Envelope::new("/sidecar", subject, stamp, Event::UsageRecorded(usage))
}

/// A ledger that takes a batch whole or not at all, and never one with a bad record.
#[derive(Default)]
struct Picky {
    bad: BTreeSet<EventId>,
    /// So many of the next calls find it away.
    away: Mutex<u32>,
    counted: Mutex<Vec<EventId>>,
    /// How many records and how many bytes of JSON each call brought.
    calls: Mutex<Vec<(usize, usize)>>,
}

#[async_trait]
impl UsageSink for Picky {
    async fn count(&self, batch: &[Envelope]) -> Result<(), Fault> {
        let json = |record: &Envelope| serde_json::to_string(record).expect("JSON").len();
        let call = (batch.len(), batch.iter().map(json).sum());
        self.calls.lock().expect("no panic").push(call);
        let mut away = self.away.lock().expect("no panic");
        if *away > 0 {
            *away -= 1;
            return Err(Fault::unavailable("the ledger", "away"));
        }
        if batch.iter().any(|record| self.bad.contains(&record.id)) {
            return Err(Fault::Nonsense { service: "the ledger", words: "bad".to_owned() });
        }
        self.counted.lock().expect("no panic").extend(batch.iter().map(|record| record.id));
        Ok(())
    }
}

/// Hands these over and gives what the ledger has, in its order.
async fn hand_over(ledger: Picky, records: Vec<Envelope>) -> (Arc<Picky>, Arc<Metrics>) {
    let (ledger, metrics) = (Arc::new(ledger), Metrics::new(&[]));
    let usage = Arc::clone(&ledger) as _;
    let outbox = Outbox::new(usage, Arc::new(NoIds), Journal::none(), WhenFull::Refuse, &metrics);
    for record in records {
        drop(outbox.reserve().expect("a place").end(Box::new(record)));
    }
    outbox.flush().await;
    (ledger, metrics)
}

#[tokio::test(start_paused = true)]
async fn a_bad_record_is_set_aside_alone_and_all_others_are_counted_in_order() {
    let many = BOUNDS.records as u64;
    for bad in [vec![0], vec![many - 1], vec![17], vec![3, 4, 40], (0..many).collect()] {
        for away in [0, 1, 3] {
            let bad: BTreeSet<EventId> = bad.iter().copied().map(id).collect();
            let picky = Picky { bad: bad.clone(), away: Mutex::new(away), ..Picky::default() };
            let all: Vec<Envelope> = (0..many).map(|n| record(n, 0)).collect();
            let (ledger, metrics) = hand_over(picky, all).await;
            let good: Vec<EventId> = (0..many).map(id).filter(|id| !bad.contains(id)).collect();
            assert_eq!(*ledger.counted.lock().expect("no panic"), good);
            // Each halving of 80 comes to an end after 7, and each half is tried once.
            let calls = ledger.calls.lock().expect("no panic").len();
            let bound = (bad.len() * 15 + 1).min(2 * BOUNDS.records) + away as usize;
            assert!(calls <= bound, "{calls} calls for {} bad of {many}", bad.len());
            let text = format!("{:?}", metrics.usage);
            assert!(text.contains(&format!("records_sent: Count({})", good.len())), "{text}");
            assert!(text.contains(&format!("records_refused: Count({})", bad.len())), "{text}");
            assert!(text.contains("in_memory: Line { records: 0, oldest: 0 }"), "{text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_batch_is_longer_than_a_message_may_be() {
    for (records, raw_length) in [(1000, 0), (200, 900), (50, 9_000), (5, 70_000)] {
        let all: Vec<Envelope> = (0..records).map(|n| record(n, raw_length)).collect();
        let (ledger, _) = hand_over(Picky::default(), all).await;
        let counted = ledger.counted.lock().expect("no panic").clone();
        assert_eq!(counted, (0..records).map(id).collect::<Vec<_>>());
        let calls = ledger.calls.lock().expect("no panic").clone();
        for (records, length) in &calls {
            let fits = *length <= LENGTH || *records == 1;
            assert!(fits && *records <= BOUNDS.records, "{records} records of {length} bytes");
        }
        let least = records as usize * (raw_length + 2_000) / LENGTH + 1;
        assert!(calls.len() <= least.max(records as usize / 20), "{} batches", calls.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_waits_for_company_but_not_for_long() {
    let (ledger, metrics) = (Arc::new(Picky::default()), Metrics::new(&[]));
    let usage = Arc::clone(&ledger) as _;
    let outbox = Outbox::new(usage, Arc::new(NoIds), Journal::none(), WhenFull::Refuse, &metrics);
    let began = Instant::now();
    for n in 0..3 {
        outbox.reserve().expect("a place").end(Box::new(record(n, 0)));
        tokio::time::sleep(BOUNDS.age / 4).await;
    }
    while ledger.counted.lock().expect("no panic").is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(ledger.calls.lock().expect("no panic").len(), 1, "all went together");
    assert!(began.elapsed() < BOUNDS.age * 2);
}
