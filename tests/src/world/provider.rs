//! A provider that keeps its own count, the truth that the ledger is compared with, and what the
//! sidecars have written down of it on their disks.

use std::collections::BTreeMap;

use events::{Envelope, WorkspaceId};

/// What each workspace really used: requests, tokens.
#[derive(Clone, Debug, Default)]
pub struct Provider {
    used: BTreeMap<WorkspaceId, (u64, u64)>,
}

impl Provider {
    /// Answers a request, and counts it.
    pub fn answer(&mut self, id: &WorkspaceId, tokens: u64) {
        let (requests, sum) = self.used.entry(id.clone()).or_default();
        *requests += 1;
        *sum += tokens;
    }

    /// What each workspace used: requests, tokens.
    pub fn used(&self) -> &BTreeMap<WorkspaceId, (u64, u64)> {
        &self.used
    }
}

/// Usage that was written down before it was forgotten, and that the ledger may not have yet.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    records: Vec<Envelope>,
}

impl Outbox {
    /// Writes a record down.
    pub fn push(&mut self, record: Envelope) {
        self.records.push(record);
    }

    /// Whether the ledger has all of it.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The first records, up to so many.
    pub fn first(&self, count: usize) -> Vec<Envelope> {
        self.records.iter().take(count).cloned().collect()
    }

    /// Forgets what the ledger has.
    pub fn settle(&mut self, counted: &[Envelope]) {
        self.records.retain(|record| !counted.iter().any(|known| known.id == record.id));
    }
}
