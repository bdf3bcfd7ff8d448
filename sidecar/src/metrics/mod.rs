//! What the sidecar counts about itself. A request finds its cells once and then touches atomic
//! numbers alone; names, formats and all that takes time belong to the scrape, in [`exposition`].
//!
//! Absences: nothing is by workspace, for whoever reads metrics need not know who asks how much;
//! no key but by its fingerprint; no header, no body, no address.

mod cells;
mod exposition;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

use events::price::Cost;
use events::usage::{Completion, UsageRecord};
use http::StatusCode;

use cells::{Count, Histogram, Table};
pub(crate) use cells::{Level, Line, Open};
pub(crate) use exposition::{Format, Scrape};
pub(crate) use watch::Watch;

/// How many models of one provider have numbers of their own; the rest are `other`. Companies use
/// a handful; a provider's whole list in all its dated names has about eighty.
const MODELS_MAX: usize = 48;
/// How many kinds of refusals have numbers of their own; there are about ten.
const REFUSALS_MAX: usize = 24;
/// Bounds of what the sidecar adds, in microseconds: 50 µs to a second.
const ADDED: [u64; 12] =
    [50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 51_200, 204_800, 1_000_000];
/// Bounds of a provider's time to the head of its answer, in microseconds: 5 ms to ten minutes.
const UPSTREAM: [u64; 14] = [
    5_000,
    20_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    180_000_000,
    600_000_000,
];

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    providers: BTreeMap<Box<str>, Arc<OfProvider>>,
    /// Requests that name no provider that is served.
    nowhere: Arc<OfProvider>,
    refusals: Table<Count>,
    /// From a request's head to the request to the provider, the client's body included.
    before: Histogram,
    /// From the head of the provider's answer to ours.
    after: Histogram,
    /// Requests that were let in and are not over.
    pub(crate) requests: Level,
    /// Those of them whose answer streams.
    pub(crate) streams: Level,
    /// Connections of clients.
    pub(crate) connections: Level,
    pub(crate) usage: OfUsage,
}

/// What is counted of one provider.
#[derive(Debug)]
pub(crate) struct OfProvider {
    /// Answers by the first digit of their status, 1 to 5.
    statuses: [Count; 5],
    /// Requests sent to it; what is beyond a request's first is a retry as well.
    attempts: Count,
    retries: Count,
    upstream: Histogram,
    models: Table<OfModel>,
}

/// What a model was used for.
#[derive(Debug, Default)]
struct OfModel {
    input: Count,
    cache_read: Count,
    cache_write: Count,
    output: Count,
    pico_dollars: Count,
    /// Requests whose cost nobody knows.
    unpriced: Count,
}

/// What becomes of usage.
#[derive(Debug, Default)]
pub(crate) struct OfUsage {
    /// What waits in memory, and what waits in the journal alone.
    pub(crate) in_memory: Line,
    pub(crate) on_disk: Line,
    pub(crate) batches_sent: Count,
    /// Tries to hand over a batch that failed.
    pub(crate) batches_failed: Count,
    pub(crate) records_sent: Count,
    /// Records that the ledger refused for good, and that are in the log alone.
    pub(crate) records_refused: Count,
    /// Times that something could not be written down and the request went on.
    pub(crate) unkept: Count,
    /// Records for which there was no room at all, and that are in the log alone.
    pub(crate) dropped: Count,
}

impl Metrics {
    /// Nothing counted yet, for providers of these ids.
    pub(crate) fn new(providers: &[&str]) -> Arc<Self> {
        let row = |id: &&str| ((*id).into(), Arc::new(OfProvider::default()));
        Arc::new(Self {
            providers: providers.iter().map(row).collect(),
            nowhere: Arc::default(),
            refusals: Table::new(REFUSALS_MAX),
            before: Histogram::new(&ADDED),
            after: Histogram::new(&ADDED),
            requests: Level::default(),
            streams: Level::default(),
            connections: Level::default(),
            usage: OfUsage::default(),
        })
    }

    /// The numbers of a provider, or of none.
    pub(crate) fn of(&self, provider: &str) -> &Arc<OfProvider> {
        self.providers.get(provider).unwrap_or(&self.nowhere)
    }

    /// A request was refused by us, for this reason.
    pub(crate) fn refused(&self, code: &'static str) {
        self.refusals.row(code).one();
    }

    /// A request is over, and this is what the ledger will get.
    pub(crate) fn recorded(&self, record: &UsageRecord) {
        let models = &self.of(&record.provider).models;
        // A model gets numbers of its own by its provider's word, so that nobody who asks for
        // names that do not exist can use up the room.
        let believed = record.completion == Completion::Complete && !record.estimated;
        let of = if believed { models.row(&record.model) } else { models.known(&record.model) };
        let tokens = &record.tokens;
        of.input.add(tokens.uncached_input);
        of.cache_read.add(tokens.cache_read);
        of.cache_write.add(tokens.cache_write5m.saturating_add(tokens.cache_write1h));
        of.output.add(tokens.output);
        match record.cost {
            Cost::Known { pico_dollars, .. } => of.pico_dollars.add(pico_dollars),
            Cost::Unknown { .. } => of.unpriced.one(),
        }
    }
}

impl Default for OfProvider {
    fn default() -> Self {
        Self {
            statuses: Default::default(),
            attempts: Count::default(),
            retries: Count::default(),
            upstream: Histogram::new(&UPSTREAM),
            models: Table::new(MODELS_MAX),
        }
    }
}

impl OfProvider {
    /// A client got an answer with this status.
    pub(crate) fn answered(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100);
        // No other status can be sent.
        if let Some(count) = self.statuses.get(class.wrapping_sub(1)) {
            count.one();
        }
    }
}
