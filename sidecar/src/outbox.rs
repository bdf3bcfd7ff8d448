//! Usage on its way to the ledger: a bounded backlog and a task that hands it over in batches,
//! again and again until the ledger has it. What the backlog has no room for waits in the journal.
//!
//! A request reserves its place before it goes to a provider, and is written down. So reporting can
//! never fail for want of room, and when the ledger is away for too long, new requests are refused
//! rather than not counted, unless the configuration wants it otherwise.

use std::sync::Arc;
use std::time::Duration;

use events::Envelope;
use ports::{Fault, Ids, Retry, UsageSink};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout_at};

use crate::config::WhenFull;
use crate::journal::{Journal, Ticket};

/// How many records may wait in memory, requests under way included. A record is about 1 KiB.
const BACKLOG_MAX: usize = 4096;
/// The most records in one batch: fits SQS's message size (60 KiB of about 700 bytes each).
const BATCH_MAX: usize = 80;
/// How long the first record of a batch waits for company.
const BATCH_AGE_MAX: Duration = Duration::from_millis(250);
/// The first and the longest pause before a batch is handed over again.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What waits.
enum Item {
    /// A record.
    Record(Box<Envelope>),
    /// Somebody wants to know when all before it is handed over.
    Flush(oneshot::Sender<()>),
}

/// Usage can be neither kept nor written down, so the request must not go to the provider.
#[derive(Debug)]
pub(crate) struct NoRoom;

/// The near end of the backlog.
#[derive(Clone)]
pub(crate) struct Outbox {
    backlog: mpsc::Sender<Item>,
    journal: Arc<Journal>,
    when_full: WhenFull,
}

/// A request's place. Its record goes there.
pub(crate) struct Place {
    /// Room in the backlog, or none if the journal is what the record will wait in.
    room: Option<mpsc::OwnedPermit<Item>>,
    outbox: Outbox,
}

impl Outbox {
    /// An outbox whose task hands over to `usage`. The task ends when the outbox and every place
    /// are gone and all is handed over. Needs a tokio runtime.
    pub(crate) fn new(
        usage: Arc<dyn UsageSink>,
        ids: Arc<dyn Ids>,
        journal: Journal,
        when_full: WhenFull,
    ) -> Self {
        let (backlog, receiver) = mpsc::channel(BACKLOG_MAX);
        let journal = Arc::new(journal);
        let courier = Courier { receiver, usage, ids, journal: Arc::clone(&journal) };
        tokio::spawn(courier.run());
        Self { backlog, journal, when_full }
    }

    /// A place for one record.
    ///
    /// # Errors
    /// The backlog is full and there is no journal, or nobody hands over any more.
    pub(crate) fn reserve(&self) -> Result<Place, NoRoom> {
        let room = self.backlog.clone().try_reserve_owned().ok();
        let must_have = !self.journal.is_kept() && self.when_full == WhenFull::Refuse;
        if room.is_none() && (must_have || self.backlog.is_closed()) {
            return Err(NoRoom);
        }
        Ok(Place { room, outbox: self.clone() })
    }

    /// Waits until all that was recorded by now is handed over. Without an end while the ledger is
    /// away.
    pub(crate) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.backlog.send(Item::Flush(done)).await.is_ok() {
            // An error means that the task is gone, and with it whatever could be waited for.
            let _gone = wait.await;
        }
    }
}

impl Place {
    /// Writes down what counts if nothing more is ever known of the request; each time that it
    /// leaves with another key.
    ///
    /// # Errors
    /// It cannot be written down, and the configuration wants it refused then.
    pub(crate) async fn begin(&self, record: &Envelope) -> Result<(), NoRoom> {
        let Some(ticket) = self.outbox.journal.begin(record) else { return Ok(()) };
        match (ticket.written().await, self.outbox.when_full) {
            (false, WhenFull::Refuse) => Err(NoRoom),
            (true, _) | (false, WhenFull::CountAndGoOn) => Ok(()),
        }
    }

    /// Takes the record. Once its ticket is written or dropped, the record outlives the process if
    /// there is a journal. Why it may not be written down was said; it is handed over all the same.
    pub(crate) fn end(self, record: Envelope) -> Option<Ticket> {
        let ticket = self.outbox.journal.end(&record);
        let id = record.id;
        let item = Item::Record(Box::new(record));
        let item = match self.room {
            Some(room) => {
                room.send(item);
                return ticket;
            }
            None => match self.outbox.backlog.try_send(item) {
                Ok(()) => return ticket,
                Err(full) => full.into_inner(),
            },
        };
        // Before it is left to the journal alone, it is in it.
        drop(ticket);
        if !self.outbox.journal.leave(id)
            && let Item::Record(record) = item
        {
            // The last place where it can still be found: the record holds no secret.
            let record = serde_json::to_string(&record).unwrap_or_default();
            tracing::error!(record, "there is no room for a usage record: it is not counted");
        }
        None
    }
}

struct Courier {
    receiver: mpsc::Receiver<Item>,
    usage: Arc<dyn UsageSink>,
    ids: Arc<dyn Ids>,
    journal: Arc<Journal>,
}

impl Courier {
    /// In turn what is in memory and a segment of what waits in the journal, so that neither holds
    /// up the other.
    async fn run(mut self) {
        loop {
            self.catch_up().await;
            let first = match self.receiver.try_recv() {
                Err(TryRecvError::Empty) if !self.journal.has_left() => self.receiver.recv().await,
                Ok(first) => Some(first),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => None,
            };
            if first.is_none() && self.receiver.is_closed() && !self.journal.has_left() {
                return;
            }
            let (batch, flushes) = self.gather(first).await;
            self.hand_over(&batch).await;
            while !flushes.is_empty() && self.journal.has_left() {
                self.catch_up().await;
            }
            for flush in flushes {
                // Whoever asked may have given up.
                let _gone = flush.send(());
            }
        }
    }

    /// Hands over what waits in one segment of the journal.
    async fn catch_up(&self) {
        if !self.journal.has_left() {
            return;
        }
        let journal = Arc::clone(&self.journal);
        // A panic has already been told; what was in hand is read again at the next start.
        let left = tokio::task::spawn_blocking(move || journal.left()).await.unwrap_or_default();
        for batch in left.chunks(BATCH_MAX) {
            self.hand_over(batch).await;
        }
    }

    /// A batch that is full, old enough, or waited for.
    async fn gather(&mut self, first: Option<Item>) -> (Vec<Envelope>, Vec<oneshot::Sender<()>>) {
        let (mut batch, mut flushes) = (Vec::new(), Vec::new());
        let until = Instant::now() + BATCH_AGE_MAX;
        let mut next = first;
        while let Some(item) = next {
            match item {
                Item::Record(envelope) => batch.push(*envelope),
                Item::Flush(done) => flushes.push(done),
            }
            if batch.len() >= BATCH_MAX || !flushes.is_empty() {
                break;
            }
            next = timeout_at(until, self.receiver.recv()).await.ok().flatten();
        }
        (batch, flushes)
    }

    /// Hands a batch over, however long it takes. What the ledger never accepts is handed over
    /// one by one, so that one bad record blocks no other.
    async fn hand_over(&self, batch: &[Envelope]) {
        if batch.is_empty() {
            return;
        }
        if let Err(fault) = self.insist(batch).await {
            tracing::error!(%fault, records = batch.len(), "the ledger refused a batch of usage");
            for envelope in batch {
                if let Err(fault) = self.insist(std::slice::from_ref(envelope)).await {
                    // The last place where it can still be found: the record holds no secret.
                    let record = serde_json::to_string(envelope).unwrap_or_default();
                    tracing::error!(%fault, record, "the ledger refused a usage record for good");
                }
            }
        }
        self.journal.settle(batch);
    }

    /// Tries until it works or can never work.
    async fn insist(&self, batch: &[Envelope]) -> Result<(), Fault> {
        let mut pause = PAUSE;
        loop {
            let fault = match self.usage.count(batch).await {
                Ok(()) => return Ok(()),
                Err(fault) => fault,
            };
            let after = match fault.retry() {
                Retry::Reload => Duration::ZERO,
                Retry::Later(after) => after.unwrap_or(Duration::ZERO),
                Retry::Never | Retry::Park => return Err(fault),
            };
            tracing::warn!(%fault, records = batch.len(), "usage waits for the ledger");
            let spread = self.ids.below(pause.as_millis() as u64 + 1);
            sleep(after.min(PAUSE_MAX).max(pause) + Duration::from_millis(spread)).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No courier: nothing leaves the backlog, as with a ledger that is away.
    fn outbox(when_full: WhenFull) -> (Outbox, mpsc::Receiver<Item>) {
        let (backlog, receiver) = mpsc::channel(BACKLOG_MAX);
        (Outbox { backlog, journal: Arc::new(Journal::none()), when_full }, receiver)
    }

    #[test]
    fn a_full_backlog_gives_no_place_and_a_returned_place_is_free_again() {
        let (outbox, _receiver) = outbox(WhenFull::Refuse);
        let mut places: Vec<Place> = std::iter::from_fn(|| outbox.reserve().ok()).collect();
        assert_eq!(places.len(), BACKLOG_MAX);
        assert!(outbox.reserve().is_err());
        drop(places.pop());
        assert!(outbox.reserve().is_ok());
    }

    #[test]
    fn a_full_backlog_stops_nobody_where_going_on_is_wanted() {
        let (outbox, _receiver) = outbox(WhenFull::CountAndGoOn);
        let places: Vec<Place> =
            (0..=BACKLOG_MAX).map(|_| outbox.reserve().expect("a place")).collect();
        assert_eq!(places.iter().filter(|place| place.room.is_none()).count(), 1);
    }

    #[test]
    fn without_a_courier_there_is_no_place() {
        for when_full in [WhenFull::Refuse, WhenFull::CountAndGoOn] {
            let (outbox, receiver) = outbox(when_full);
            drop(receiver);
            assert!(outbox.reserve().is_err(), "what nobody would count is refused");
        }
    }
}
