//! What it costs to write down a million model calls, in batches of several sizes, beside one item
//! put for each call.
//!
//! A batch is one message, one invocation and one transaction: each call is counted once by its id,
//! added to the sums, has its place in the feed and lies in S3. The plain item has none of that.

use ports::BatchBounds;
use serde::Serialize;

use super::prices::Prices;
use super::{functions, people, writes};

/// Firehose rounds a record up to this.
const FIREHOSE_ROUND_KB: f64 = 5.0;
const KB_A_GB: f64 = 1_024.0 * 1_024.0;
/// As many calls as the costs are for.
const CALLS: f64 = 1_000_000.0;

/// One way to write calls down.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Way {
    /// In words.
    pub name: String,
    /// Dollars for messages, for a million calls.
    pub queue_usd: f64,
    /// Dollars for functions.
    pub function_usd: f64,
    /// Dollars for tables.
    pub table_usd: f64,
    /// Dollars for the announcement on the bus and for the raw records in S3, each once.
    pub bus_usd: f64,
}

impl Way {
    /// Dollars for a million calls.
    pub fn usd(&self) -> f64 {
        self.queue_usd + self.function_usd + self.table_usd + self.bus_usd
    }
}

/// The ways, the cheapest batch first.
pub fn ways(prices: &Prices) -> Vec<Way> {
    let full = records_a_batch();
    let mut ways: Vec<Way> =
        [full, 10.0, 1.0].into_iter().map(|records| batched(prices, records)).collect();
    ways.push(Way {
        name: "one PutItem a call: no sums, no feed, a doubled call counts twice".to_owned(),
        queue_usd: 0.0,
        function_usd: 0.0,
        table_usd: prices.dynamo_writes.of(CALLS * writes::plain()),
        bus_usd: 0.0,
    });
    ways
}

/// How many records fill a message: its bound in number, or in bytes.
pub(super) fn records_a_batch() -> f64 {
    let BatchBounds { records, length, .. } = BatchBounds::MESSAGE;
    let by_number = f64::from(u32::try_from(records).unwrap_or(u32::MAX));
    let bytes = length.and_then(|length| u32::try_from(length).ok()).map_or(f64::MAX, f64::from);
    by_number.min((bytes / (writes::RECORD_KB * 1_024.0)).floor()).max(1.0)
}

/// What Firehose counts for a batch of so many records, in KB.
pub(super) fn firehose_kb(records: f64) -> f64 {
    (records * writes::RECORD_KB / FIREHOSE_ROUND_KB).ceil() * FIREHOSE_ROUND_KB
}

fn batched(prices: &Prices, records: f64) -> Way {
    let (messages, functions) = (CALLS / records, functions::functions());
    let name = if records > 1.0 {
        format!("batches of {records}")
    } else {
        "batches of 1: a lone call, after ten seconds".to_owned()
    };
    let kb = records * writes::RECORD_KB;
    let announced = messages * (kb / people::EVENT_CHUNK_KB).ceil();
    let requests = messages * people::REQUESTS_A_MESSAGE;
    Way {
        name,
        queue_usd: prices.sqs_requests.of(requests) + prices.sqs_fair_requests.of(requests),
        function_usd: prices.lambda_requests.of(messages)
            + prices.lambda_gb_seconds.of(messages * functions.message_gb_seconds),
        table_usd: prices.dynamo_writes.of(messages * writes::batch(records)),
        bus_usd: prices.bus_events.of(announced)
            + prices.pipe_events.of(announced)
            + prices.firehose_gb.of(messages * firehose_kb(records) / KB_A_GB)
            + prices.s3_gb_month.of(CALLS * writes::RECORD_KB / KB_A_GB),
    }
}
