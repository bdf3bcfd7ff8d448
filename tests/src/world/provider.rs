//! A provider that keeps its own count, the truth that the ledger is compared with, and what the
//! sidecars have written down of it on their disks.

use std::collections::BTreeMap;

use events::price::Cost;
use events::usage::{Completion, Tokens};
use events::{Envelope, Event, KeyPrint, Stamp, UsageRecord, WorkspaceId};
use ports::{Clock, Ids, Lease};

use super::Seat;

/// What each workspace really used: requests, tokens.
#[derive(Clone, Debug, Default)]
pub struct Provider {
    used: BTreeMap<WorkspaceId, (u64, u64)>,
}

impl Provider {
    fn count(&mut self, id: &WorkspaceId, tokens: u64) {
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

impl Seat {
    /// The provider answers a request under this lease; what it used is on the sidecar's disk before
    /// the answer is out.
    pub fn answer(&self, lease: &Lease, tokens: u64) {
        let now = self.now();
        let record = UsageRecord {
            generation: lease.generation,
            team: lease.team.clone(),
            provider: "anthropic".to_owned(),
            model: "a-model".to_owned(),
            key: KeyPrint("0123456789ab".to_owned()),
            started: now,
            duration_ms: 1,
            status: 200,
            completion: Completion::Complete,
            tokens: Tokens { output: tokens, ..Tokens::default() },
            estimated: false,
            cost: Cost::Unknown { why: "nobody asked".to_owned() },
            raw: None,
        };
        let stamp = Stamp { id: self.event_id(now), time: now, cause: None };
        let (id, event) = (lease.workspace.clone(), Event::UsageRecorded(record));
        let envelope = Envelope::new("/sidecar", Some(id), stamp, event);
        let mut state = self.world().state();
        state.provider.count(&lease.workspace, tokens);
        state.outbox.push(envelope);
        drop(state);
        self.world().news().usage.notify_waiters();
    }
}
