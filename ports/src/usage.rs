//! Who spent what: every usage event counted exactly once, by its id.

use std::collections::BTreeMap;

use std::time::Duration;

use async_trait::async_trait;
use events::price::Cost;
use events::usage::Completion;
use events::{Envelope, UsageRecord, WorkspaceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Fault;

/// What to add up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grouping {
    /// By person.
    User,
    /// By team.
    Team,
    /// By provider and model.
    Model,
    /// By provider.
    Provider,
    /// By provider and key fingerprint.
    Key,
}

/// One line of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spending {
    /// The person, team, `provider/model`, provider, or `provider/key`.
    pub name: String,
    /// How many requests.
    pub requests: u64,
    /// How many of them ended before the provider's last word on usage.
    pub aborted: u64,
    /// Input tokens, the caches included.
    pub input: u64,
    /// Input tokens that a cache served.
    pub cache_read: u64,
    /// Input tokens written to a cache.
    pub cache_write: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
    /// What it cost, as far as it is known, in pico-dollars.
    pub pico_dollars: i128,
    /// How many requests nobody can price.
    pub unpriced: u64,
}

impl Spending {
    /// What one request used, without a name.
    pub fn of(record: &UsageRecord) -> Self {
        let tokens = &record.tokens;
        let (pico_dollars, unpriced) = match record.cost {
            Cost::Known { pico_dollars, .. } => (i128::from(pico_dollars), 0),
            Cost::Unknown { .. } => (0, 1),
        };
        Self {
            name: String::new(),
            requests: 1,
            aborted: u64::from(record.completion == Completion::Aborted),
            input: tokens.input(),
            cache_read: tokens.cache_read,
            cache_write: tokens.cache_write5m.saturating_add(tokens.cache_write1h),
            output: tokens.output,
            pico_dollars,
            unpriced,
        }
    }

    /// Adds another's numbers to these. A sum that could not be held stays at the largest number.
    pub fn add(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.aborted = self.aborted.saturating_add(other.aborted);
        self.input = self.input.saturating_add(other.input);
        self.cache_read = self.cache_read.saturating_add(other.cache_read);
        self.cache_write = self.cache_write.saturating_add(other.cache_write);
        self.output = self.output.saturating_add(other.output);
        self.pico_dollars = self.pico_dollars.saturating_add(other.pico_dollars);
        self.unpriced = self.unpriced.saturating_add(other.unpriced);
    }

    /// Lines as a report has them: one for each name, the most expensive first, and those that cost
    /// the same in the order of their names.
    pub fn report(lines: BTreeMap<String, Self>) -> Vec<Self> {
        let named = lines.into_iter().map(|(name, line)| Self { name, ..line });
        let mut report: Vec<_> = named.collect();
        report.sort_by_key(|line| std::cmp::Reverse(line.pico_dollars));
        report
    }
}

/// How much one call to a [`UsageSink`] brings at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchBounds {
    /// How many records.
    pub records: usize,
    /// How many bytes of JSON; `None` where nobody minds.
    pub length: Option<usize>,
    /// How long the first record waits for company.
    pub age: Duration,
}

impl BatchBounds {
    /// What makes one message: SQS bills by 64 KiB (aws.amazon.com/sqs/pricing), and with a little
    /// more each the records still fit one transaction of DynamoDB, which takes a hundred actions
    /// (amazondynamodb/latest/APIReference/API_TransactWriteItems.html).
    pub const MESSAGE: Self =
        Self { records: 80, length: Some(60_000), age: Duration::from_millis(250) };
}

/// Where usage goes.
#[async_trait]
pub trait UsageSink: Send + Sync {
    /// How much one call takes.
    fn bounds(&self) -> BatchBounds {
        BatchBounds::MESSAGE
    }

    /// Counts a batch of `usage.recorded` events, each exactly once by its id, and records them in
    /// the feed in the same write. Durable when it returns.
    async fn count(&self, batch: &[Envelope]) -> Result<(), Fault>;
}

/// What limits need of the ledger.
#[async_trait]
pub trait UsageTotals: UsageSink {
    /// Adds up what one workspace used in the hours from `since` on. Its line has its name.
    async fn total(&self, workspace: &WorkspaceId, since: Timestamp) -> Result<Spending, Fault>;
}

/// The ledger.
#[async_trait]
pub trait Usage: UsageSink {
    /// Adds up what was used in the hours from `since` on (all when `None`), most expensive first.
    async fn report(&self, by: Grouping, since: Option<Timestamp>) -> Result<Vec<Spending>, Fault>;
}
