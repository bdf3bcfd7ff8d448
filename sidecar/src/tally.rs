//! The account of one metered request. It is written down before the request leaves and writes its
//! record when it is dropped, so that whatever ends a request, a hung-up client or a killed process
//! included, is counted exactly once.

use std::sync::Arc;

use events::limits::Used;
use events::price::{Cost, PriceTable};
use events::usage::{Completion, Tokens, UsageRecord};
use events::{Envelope, Event, EventId, KeyPrint, Stamp};
use http::HeaderMap;
use jiff::Timestamp;
use ports::{Clock, Ids, Lease};
use serde_json::Value;

use crate::bill::{Bill, bill};
use crate::limits::{Gate, Pass};
use crate::meter::{Meter, Reading};
use crate::outbox::{Ending, NoRoom, Place};
use crate::providers::{Api, Provider};
use crate::proxy::ActivitySink;
use crate::scan::Found;

/// Says that the client was gone before the provider answered; nginx's word for it.
const STATUS_CLIENT_GONE: u16 = 499;
/// What an answer on a socket has instead of a status of its own: the one that opened the socket.
const STATUS_SOCKET: u16 = 101;
/// The longest model name that a record holds, as in its schema.
const MODEL_LENGTH_MAX: usize = 200;
/// Who says so, in each record.
pub(crate) const SOURCE: &str = "/sidecar";

/// What an account needs of the outside.
pub(crate) struct Books {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) prices: Arc<PriceTable>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) on_activity: ActivitySink,
}

/// One request's account.
pub(crate) struct Tally {
    books: Arc<Books>,
    place: Option<Place>,
    id: EventId,
    lease: Arc<Lease>,
    provider: Arc<Provider>,
    api: Api,
    model: String,
    request_bytes: u64,
    /// What was written down when a key was used, and becomes what is counted.
    record: Option<Box<Envelope>>,
    /// It was written down, so it may have left.
    counts: bool,
    started: Timestamp,
    status: u16,
    failed: bool,
    meter: Option<Meter>,
    /// What the limits of a WebSocket count a response by.
    _pass: Option<Pass>,
}

impl Tally {
    /// Opens an account. Nothing is recorded unless a key is used.
    pub(crate) fn new(
        books: Arc<Books>,
        place: Place,
        lease: Arc<Lease>,
        provider: Arc<Provider>,
        api: Api,
    ) -> Self {
        let started = books.clock.now();
        let id = books.ids.event_id(started);
        (books.on_activity)(&lease, started);
        Self {
            books,
            place: Some(place),
            id,
            lease,
            provider,
            api,
            model: String::new(),
            request_bytes: 0,
            record: None,
            counts: false,
            started,
            status: STATUS_CLIENT_GONE,
            failed: false,
            meter: None,
            _pass: None,
        }
    }

    /// Whose it is.
    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The same account, let through by the gate until it is closed.
    pub(crate) fn let_through(mut self, pass: Pass) -> Self {
        self._pass = Some(pass);
        self
    }

    /// The model that was asked for; the provider's own word replaces it.
    pub(crate) fn asked_for(&mut self, model: &str) {
        self.model = model.to_owned();
    }

    /// How many bytes of text the request has, as far as that is known.
    pub(crate) fn asked_with(&mut self, bytes: u64) {
        self.request_bytes = bytes;
    }

    /// The key that is tried now. From here on the request is counted, whatever becomes of it.
    ///
    /// # Errors
    /// It cannot be written down.
    pub(crate) async fn uses(&mut self, key: &KeyPrint) -> Result<(), NoRoom> {
        let reading = self.reading();
        let before = self.record.take();
        let mut record = before.unwrap_or_else(|| Box::new(self.nothing_yet()));
        self.fill(&mut record, self.started, reading);
        if let Event::UsageRecorded(usage) = &mut record.event {
            usage.key = key.clone();
        }
        let record = self.record.insert(record);
        let written = match &self.place {
            Some(place) => place.begin(record).await,
            None => Ok(()),
        };
        self.counts |= written.is_ok();
        if self.counts { Ok(()) } else { written }
    }

    /// Whether the provider's last word on usage was seen.
    pub(crate) fn is_over(&self) -> bool {
        self.meter.as_ref().is_some_and(Meter::is_over)
    }

    /// The provider answered well; what it used is read from what follows these headers.
    pub(crate) fn answered(&mut self, status: u16, headers: &HeaderMap) {
        self.status = status;
        self.meter = Some(Meter::new(self.api, headers));
    }

    /// It came to nothing, with this status to the client.
    pub(crate) fn failed(&mut self, status: u16) {
        self.status = status;
        self.failed = true;
    }

    /// No answer came; if the provider was `reached`, nobody knows what it bills.
    pub(crate) fn lost(&mut self, status: u16, reached: bool) {
        self.status = status;
        self.failed = !reached;
    }

    /// The next bytes of the answer.
    pub(crate) fn see(&mut self, bytes: &[u8]) {
        if let Some(meter) = &mut self.meter {
            meter.see(bytes);
        }
    }

    /// Closes the account; the record is written down when its ending is over or dropped.
    pub(crate) fn end(mut self) -> Option<Ending> {
        self.close()
    }

    fn close(&mut self) -> Option<Ending> {
        let place = self.place.take()?;
        let now = self.books.clock.now();
        (self.books.on_activity)(&self.lease, now);
        let mut record = self.record.take()?;
        if !self.counts {
            place.withdraw(record.id);
            return None;
        }
        let reading = self.reading();
        #[cfg(feature = "otel")]
        let place = place.asked(bounded(&self.model).to_owned(), self.api);
        self.fill(&mut record, now, reading);
        let used = used(&record);
        let ticket = place.end(record);
        // After it is recorded, so that who reads the ledger meanwhile counts it twice rather than
        // not at all.
        self.books.gate.used(&self.lease.workspace, self.started, now, used);
        ticket
    }

    /// What was found in the next message of an answer that comes on a socket.
    pub(crate) fn told(&mut self, found: Found) {
        self.status = STATUS_SOCKET;
        self.meter.get_or_insert_with(|| Meter::of_messages(self.api)).told(found);
    }

    fn reading(&mut self) -> Reading {
        if let Some(meter) = self.meter.take() {
            return meter.finish();
        }
        Reading::nothing(if self.failed { Completion::Failed } else { Completion::Aborted })
    }

    /// A record that says nothing but whose it is.
    fn nothing_yet(&self) -> Envelope {
        let record = UsageRecord {
            generation: self.lease.generation,
            team: self.lease.team.clone(),
            provider: String::from(&*self.provider.id),
            model: bounded(&self.model).to_owned(),
            key: KeyPrint(String::new()),
            started: self.started,
            duration_ms: 0,
            status: self.status,
            completion: Completion::Aborted,
            tokens: Tokens::default(),
            estimated: false,
            cost: Cost::Unknown { why: String::new() },
            raw: None,
        };
        let stamp = Stamp { id: self.id, time: self.started, cause: None };
        let subject = Some(self.lease.workspace.clone());
        Envelope::new(SOURCE, subject, stamp, Event::UsageRecorded(record))
    }

    /// What is known at `now`.
    fn fill(&self, record: &mut Envelope, now: Timestamp, reading: Reading) {
        record.time = now;
        let Event::UsageRecorded(usage) = &mut record.event else { return };
        // The model by the provider's word, else as it was asked for.
        if let Some(named) = &reading.model
            && bounded(named) != usage.model
        {
            usage.model = bounded(named).to_owned();
        }
        let Bill { tokens, estimated, cost } =
            bill(&self.books.prices, &self.provider, &usage.model, &reading, self.request_bytes);
        let waited = now.duration_since(self.started).as_millis();
        // A clock that was set back gives no negative duration.
        usage.duration_ms = u64::try_from(waited).unwrap_or(0);
        usage.status = self.status;
        usage.completion = reading.completion;
        (usage.tokens, usage.estimated, usage.cost) = (tokens, estimated, cost);
        usage.raw = reading.raw.map(Value::Object);
    }
}

/// A model's name, as long as a record holds.
fn bounded(model: &str) -> &str {
    let end = model.char_indices().nth(MODEL_LENGTH_MAX).map_or(model.len(), |(end, _)| end);
    &model[..end]
}

impl Drop for Tally {
    fn drop(&mut self) {
        // Nobody waits: an ending that is dropped is written.
        drop(self.close());
    }
}

fn used(record: &Envelope) -> Used {
    let Event::UsageRecorded(record) = &record.event else { return Used::default() };
    Used::of(record)
}
