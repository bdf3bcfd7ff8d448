//! A provider that keeps its own count: the truth that the ledger is compared with.

use std::collections::BTreeMap;

use events::WorkspaceId;

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
