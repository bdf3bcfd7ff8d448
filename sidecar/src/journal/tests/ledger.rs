//! The journal between requests and a ledger that is away or busy.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use events::{Envelope, EventId, Secret};
use jiff::Timestamp;
use ports::{Fault, Ids, UsageSink, async_trait};

use super::super::fake::Fake;
use super::super::{BOUNDS, Journal};
use super::{Coming, begun, id, journal, record};
use crate::config::WhenFull;
use crate::metrics::Metrics;
use crate::outbox::Outbox;

/// A ledger that is away at first.
#[derive(Default)]
struct Away {
    counted: Mutex<Vec<EventId>>,
    tried: AtomicU64,
}

#[async_trait]
impl UsageSink for Away {
    async fn count(&self, batch: &[Envelope]) -> Result<(), Fault> {
        if self.tried.fetch_add(1, Ordering::Relaxed) < 2 {
            return Err(Fault::unavailable("the ledger", "away"));
        }
        let ids = batch.iter().map(|record| record.id);
        self.counted.lock().expect("no panic").extend(ids);
        Ok(())
    }
}

fn outbox<T: UsageSink + 'static>(ledger: &Arc<T>, journal: Journal) -> Outbox {
    let (usage, metrics) = (Arc::clone(ledger) as _, Metrics::new(&[]));
    Outbox::new(usage, Arc::new(NoIds), journal, WhenFull::Refuse, &metrics)
}

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

#[tokio::test]
async fn a_ledger_that_is_away_for_long_gets_everything_once_and_memory_stays_bounded() {
    const MANY: u64 = 6000;
    let fake = Fake::default();
    let journal = Journal::on(Box::new(fake.clone()), BOUNDS).expect("opens");
    let ledger = Arc::new(Away::default());
    let outbox = outbox(&ledger, journal);
    for n in 0..MANY {
        let place = outbox.reserve().expect("the journal has room");
        place.begin(&record(n, 0)).await.expect("kept");
        drop(place.end(Box::new(record(n, n + 1))));
    }
    outbox.flush().await;
    let mut counted = ledger.counted.lock().expect("no panic").clone();
    counted.sort_unstable();
    assert_eq!(counted.len() as u64, MANY, "no more and no fewer");
    assert!(counted == (0..MANY).map(id).collect::<Vec<_>>(), "each once");
    drop(outbox);
}

#[test]
fn what_is_left_while_a_segment_is_read_is_not_taken_for_lost() {
    let fake = Fake::default();
    let (journal, book) = journal(&fake, BOUNDS);
    for n in [1, 2] {
        assert!(begun(&journal, &record(n, 0)), "kept");
    }
    assert!(journal.leave(id(1)));
    let leaves = Arc::clone(&book);
    fake.platter().meanwhile = Some(Box::new(move || {
        leaves.write_all(vec![Coming::begin(&record(3, 0))]);
        assert!(leaves.leave(id(2)) && leaves.leave(id(3)));
    }));
    let ids = |records: Vec<Envelope>| records.iter().map(|r| r.id).collect::<Vec<_>>();
    assert_eq!(ids(journal.left()), [id(1)]);
    assert_eq!(ids(journal.left()), [id(2), id(3)], "with the next reading");
    assert!(!journal.has_left());
}

/// A ledger that makes a new request with each batch, so that there is always one.
#[derive(Default)]
struct Busy {
    counted: Mutex<Vec<EventId>>,
    outbox: OnceLock<Outbox>,
}

#[async_trait]
impl UsageSink for Busy {
    async fn count(&self, batch: &[Envelope]) -> Result<(), Fault> {
        let next = {
            let mut counted = self.counted.lock().expect("no panic");
            counted.extend(batch.iter().map(|record| record.id));
            1000 + counted.len() as u64
        };
        let place = self.outbox.get().expect("set").reserve().expect("a place");
        place.begin(&record(next, 0)).await.expect("kept");
        drop(place.end(Box::new(record(next, 1))));
        Ok(())
    }
}

#[tokio::test]
async fn what_an_earlier_run_left_is_not_held_up_by_requests_of_today() {
    let fake = Fake::default();
    let (earlier, _book) = journal(&fake, BOUNDS);
    assert!(begun(&earlier, &record(1, 0)), "kept");
    let journal = Journal::on(Box::new(fake.clone()), BOUNDS).expect("opens");
    let ledger = Arc::new(Busy::default());
    let outbox = outbox(&ledger, journal);
    ledger.outbox.set(outbox.clone()).ok().expect("set once");
    drop(outbox.reserve().expect("a place").end(Box::new(record(1000, 1))));
    let counted = || ledger.counted.lock().expect("no panic").clone();
    for _ in 0..500 {
        if counted().contains(&id(1)) {
            assert!(counted().len() < 5, "{:?}", counted());
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never counted; but {} others", counted().len());
}
