//! How a batch is cut into parts that each fit one transaction. Pure.
//!
//! A transaction takes a hundred actions and 4 MB
//! (amazondynamodb/latest/APIReference/API_TransactWriteItems.html). A part has a row for its facts,
//! up to 16 for hours, days and months each, and the rows of ids: at the most one that is filled up
//! and one after it for each hour, and two more that 80 records fill. That is 83.

use std::collections::BTreeMap;

use events::{Envelope, Event, UsageRecord, WorkspaceId};
use ports::{BatchBounds, Fault};

use crate::journal::pending::FACTS_BYTES_MAX;
use crate::usage::span::Period;

/// As an operator knows it.
const SERVICE: &str = "usage ledger";
/// How many records a part has at the most: a full message is one part.
pub(crate) const RECORDS_MAX: usize = BatchBounds::MESSAGE.records;
/// In how many hours they may lie. A message of a sidecar that was cut off for a day has more.
pub(crate) const HOURS_MAX: usize = 16;
/// What stands around a record in the array of its part: a comma, or the brackets.
const AROUND: usize = 2;

/// Some of one workspace's records, in their order.
#[derive(Clone, Debug)]
pub(crate) struct Part<'a> {
    pub(crate) user: &'a WorkspaceId,
    pub(crate) records: Vec<Counted<'a>>,
    hours: Vec<String>,
    bytes: usize,
}

/// A record in its envelope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted<'a> {
    pub(crate) envelope: &'a Envelope,
    pub(crate) record: &'a UsageRecord,
}

/// The parts of a batch.
///
/// # Errors
/// [`Fault::Nonsense`] when anything in it is not a person's usage; then nothing of it is counted.
pub(crate) fn parts(batch: &[Envelope]) -> Result<Vec<Part<'_>>, Fault> {
    let mut parts: BTreeMap<&WorkspaceId, Vec<Part<'_>>> = BTreeMap::new();
    for envelope in batch {
        let (Some(user), Event::UsageRecorded(record)) = (&envelope.subject, &envelope.event)
        else {
            return Err(nonsense(format!("event {} is not a person's usage", envelope.id)));
        };
        let length = serde_json::to_string(envelope).map(|json| json.len() + AROUND);
        let length = length.map_err(|error| nonsense(error.to_string()))?;
        let theirs = parts.entry(user).or_default();
        let hour = Period::Hour.of(record.started);
        let counted = Counted { envelope, record };
        match theirs.last_mut().filter(|part| part.takes(&hour, length)) {
            Some(part) => part.push(hour, length, counted),
            None => {
                let mut part = Part { user, records: Vec::new(), hours: Vec::new(), bytes: 0 };
                part.push(hour, length, counted);
                theirs.push(part);
            }
        }
    }
    Ok(parts.into_values().flatten().collect())
}

impl<'a> Part<'a> {
    fn takes(&self, hour: &String, length: usize) -> bool {
        self.records.len() < RECORDS_MAX
            && (self.hours.contains(hour) || self.hours.len() < HOURS_MAX)
            && self.bytes + length <= FACTS_BYTES_MAX
    }

    fn push(&mut self, hour: String, length: usize, counted: Counted<'a>) {
        if !self.hours.contains(&hour) {
            self.hours.push(hour);
        }
        self.bytes += length;
        self.records.push(counted);
    }
}

fn nonsense(words: String) -> Fault {
    Fault::Nonsense { service: SERVICE, words }
}

#[cfg(test)]
mod tests;
