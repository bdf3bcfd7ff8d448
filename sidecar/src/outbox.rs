//! Usage on its way to the ledger: a bounded backlog, and [`courier`], the task that hands it over.
//! What the backlog has no room for waits in the journal.
//!
//! A request reserves its place before it goes to a provider, and is written down. So reporting can
//! never fail for want of room, and when the ledger is away for too long, new requests are refused
//! rather than not counted, unless the configuration wants it otherwise.

mod batch;
mod courier;

use std::sync::Arc;

use events::{Envelope, Event, EventId};
use ports::{Ids, UsageSink};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::config::WhenFull;
use crate::journal::{Journal, Ticket};
use crate::metrics::Metrics;
#[cfg(feature = "otel")]
use crate::traces::{Asked, Context, Traces};

use courier::Courier;

/// How many records may wait in memory, requests under way included. A record is about 1 KiB.
const BACKLOG_MAX: usize = 4096;

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

/// The near end of the backlog. Cheap to clone: each request has one.
#[derive(Clone)]
pub(crate) struct Outbox(Arc<Near>);

struct Near {
    backlog: mpsc::Sender<Item>,
    journal: Arc<Journal>,
    when_full: WhenFull,
    metrics: Arc<Metrics>,
    /// Told when somebody waits, and when a batch has come together.
    hurry: Arc<Notify>,
    batch: usize,
    #[cfg(feature = "otel")]
    traces: Option<Traces>,
}

/// A request's place. Its record goes there.
pub(crate) struct Place {
    /// Room in the backlog, or none if the journal is what the record will wait in.
    room: Option<mpsc::OwnedPermit<Item>>,
    near: Arc<Near>,
    /// Whose span the request is within, and what it asked for.
    #[cfg(feature = "otel")]
    trace: (Option<Context>, Option<Asked>),
}

impl Outbox {
    /// An outbox whose task hands over to `usage`. The task ends when the outbox and every place
    /// are gone and all is handed over. Needs a tokio runtime.
    pub(crate) fn new(
        usage: Arc<dyn UsageSink>,
        ids: Arc<dyn Ids>,
        journal: Journal,
        when_full: WhenFull,
        metrics: &Arc<Metrics>,
    ) -> Self {
        let (backlog, receiver) = mpsc::channel(BACKLOG_MAX);
        let journal = Arc::new(journal);
        metrics.usage.on_disk.found(journal.count_left() as u64);
        let near = Near {
            backlog,
            journal,
            when_full,
            metrics: Arc::clone(metrics),
            hurry: Arc::default(),
            batch: usage.bounds().records.min(BACKLOG_MAX / 2),
            #[cfg(feature = "otel")]
            traces: None,
        };
        let (journal, metrics) = (Arc::clone(&near.journal), Arc::clone(metrics));
        let hurry = Arc::clone(&near.hurry);
        let courier = Courier { receiver, usage, ids, journal, metrics, hurry, next: None };
        tokio::spawn(courier.run());
        Self(Arc::new(near))
    }

    /// The same, and each record becomes a span as well. To be called before it is cloned.
    #[cfg(feature = "otel")]
    pub(crate) fn traced(mut self, traces: Option<Traces>) -> Self {
        let near = Arc::get_mut(&mut self.0);
        debug_assert!(near.is_some(), "somebody has it already");
        if let Some(near) = near {
            near.traces = traces;
        }
        self
    }

    /// A place for one record.
    ///
    /// # Errors
    /// The backlog is full and there is no journal, or nobody hands over any more.
    pub(crate) fn reserve(&self) -> Result<Place, NoRoom> {
        let room = self.0.backlog.clone().try_reserve_owned().ok();
        let must_have = !self.0.journal.is_kept() && self.0.when_full == WhenFull::Refuse;
        if room.is_none() && (must_have || self.0.backlog.is_closed()) {
            return Err(NoRoom);
        }
        Ok(Place {
            room,
            near: Arc::clone(&self.0),
            #[cfg(feature = "otel")]
            trace: (None, None),
        })
    }

    /// Whether usage can be kept, as far as it is known; in words what is wrong if it cannot.
    ///
    /// # Errors
    /// Requests are refused because of it.
    pub(crate) fn check(&self) -> Result<Option<String>, String> {
        if self.reserve().is_err() {
            return Err("too many usage records wait for the ledger".to_owned());
        }
        match (self.0.journal.check(), self.0.when_full) {
            (Ok(()), _) => Ok(None),
            (Err(error), WhenFull::Refuse) => Err(error.to_string()),
            (Err(error), WhenFull::CountAndGoOn) => Ok(Some(error.to_string())),
        }
    }

    /// How long the journal's files are, in bytes; `None` when there is no journal.
    pub(crate) fn journal_length(&self) -> Option<u64> {
        self.0.journal.length()
    }

    /// Waits until all that was recorded by now is handed over. Without an end while the ledger is
    /// away.
    pub(crate) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.0.backlog.send(Item::Flush(done)).await.is_ok() {
            self.0.hurry.notify_one();
            // An error means that the task is gone, and with it whatever could be waited for.
            let _gone = wait.await;
        }
        #[cfg(feature = "otel")]
        if let Some(traces) = &self.0.traces {
            traces.flush().await;
        }
    }
}

impl Near {
    /// Waits for others to write with, if there are any.
    async fn others(&self, ticket: &Ticket) {
        if self.metrics.requests.get() > 1 {
            ticket.others().await;
        }
    }
}

impl Place {
    /// The span of the request is within its client's, as far as the headers tell one.
    #[cfg(feature = "otel")]
    pub(crate) fn within(mut self, headers: &http::HeaderMap) -> Self {
        if self.near.traces.is_some() {
            self.trace.0 = Context::read(headers);
        }
        self
    }

    /// What the request asked for.
    #[cfg(feature = "otel")]
    pub(crate) fn asked(mut self, model: String, api: crate::providers::Api) -> Self {
        self.trace.1 = Some(Asked { model, api });
        self
    }

    /// Writes down what counts if nothing more is ever known of the request; each time that it
    /// leaves with another key.
    ///
    /// # Errors
    /// It cannot be written down, and the configuration wants it refused then.
    pub(crate) async fn begin(&self, record: &Envelope) -> Result<(), NoRoom> {
        let Some(ticket) = self.near.journal.begin(record) else { return Ok(()) };
        self.near.others(&ticket).await;
        match (ticket.write(), self.near.when_full) {
            (false, WhenFull::Refuse) => Err(NoRoom),
            (true, _) | (false, WhenFull::CountAndGoOn) => Ok(()),
        }
    }

    /// The request did not leave after all: its client was gone before it was written down.
    pub(crate) fn withdraw(self, id: EventId) {
        self.near.journal.withdraw(id);
    }

    /// Takes the record. Once its ending is over or dropped, the record outlives the process if
    /// there is a journal.
    pub(crate) fn end(self, record: Box<Envelope>) -> Option<Ending> {
        let usage = &self.near.metrics.usage;
        if let Event::UsageRecorded(record) = &record.event {
            self.near.metrics.recorded(record);
        }
        #[cfg(feature = "otel")]
        if let Some(traces) = &self.near.traces {
            let (parent, asked) = &self.trace;
            traces.ended(&record, asked.as_ref(), parent.as_ref());
        }
        let ticket = self.near.journal.end(&record);
        let ending = ticket.map(|ticket| Ending { ticket, near: Arc::clone(&self.near) });
        let (id, time) = (record.id, record.time);
        let item = Item::Record(record);
        // Counted before it can be gone again.
        usage.in_memory.joined(time);
        let item = match self.room {
            Some(room) => {
                let backlog = room.send(item);
                if BACKLOG_MAX - backlog.capacity() >= self.near.batch {
                    self.near.hurry.notify_one();
                }
                return ending;
            }
            None => match self.near.backlog.try_send(item) {
                Ok(()) => return ending,
                Err(full) => full.into_inner(),
            },
        };
        // Before it is left to the journal alone, it is in it.
        drop(ending);
        usage.in_memory.left(1);
        usage.on_disk.joined(time);
        if self.near.journal.leave(id) {
            return None;
        }
        usage.on_disk.left(1);
        usage.dropped.one();
        if let Item::Record(record) = item {
            // The last place where it can still be found: the record holds no secret.
            let record = serde_json::to_string(&record).unwrap_or_default();
            tracing::error!(record, "there is no room for a usage record: it is not counted");
        }
        None
    }
}

/// A record on its way into the journal. Dropping it writes it.
pub(crate) struct Ending {
    ticket: Ticket,
    near: Arc<Near>,
}

impl Ending {
    /// Writes it together with those of others who are ready.
    pub(crate) async fn written(self) {
        self.near.others(&self.ticket).await;
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        // Why it is not kept was said; it is handed over from memory all the same.
        if !self.ticket.write() {
            self.near.metrics.usage.unkept.one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No courier: nothing leaves the backlog, as with a ledger that is away.
    fn outbox(when_full: WhenFull) -> (Outbox, mpsc::Receiver<Item>) {
        let (backlog, receiver) = mpsc::channel(BACKLOG_MAX);
        let (journal, metrics) = (Arc::new(Journal::none()), Metrics::new(&[]));
        let near = Near {
            backlog,
            journal,
            when_full,
            metrics,
            hurry: Arc::default(),
            batch: 80,
            #[cfg(feature = "otel")]
            traces: None,
        };
        (Outbox(Arc::new(near)), receiver)
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
