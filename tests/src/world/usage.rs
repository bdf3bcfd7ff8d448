//! The ledger: counts by id, in batches that may come twice.

use std::collections::{BTreeMap, BTreeSet};

use events::{Envelope, Event, EventId, UsageRecord, WorkspaceId};
use jiff::Timestamp;
use ports::{Fault, Grouping, Spending, Usage, UsageSink, async_trait};

use super::seat::Call;
use super::{Hazard, Seat, State};

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    ids: BTreeSet<EventId>,
    used: BTreeMap<WorkspaceId, (u64, u64)>,
}

impl Ledger {
    /// What each workspace used as far as was counted: requests, tokens.
    pub fn used(&self) -> &BTreeMap<WorkspaceId, (u64, u64)> {
        &self.used
    }

    fn count(&mut self, envelope: &Envelope) -> Result<(), Fault> {
        let (Some(id), Event::UsageRecorded(record)) = (&envelope.subject, &envelope.event) else {
            let words = "a batch holds something else".to_owned();
            return Err(Fault::Nonsense { service: "the ledger", words });
        };
        if self.ids.insert(envelope.id) {
            let (requests, sum) = self.used.entry(id.clone()).or_default();
            *requests += 1;
            *sum += tokens(record);
        }
        Ok(())
    }
}

fn tokens(record: &UsageRecord) -> u64 {
    record.tokens.input() + record.tokens.output
}

#[async_trait]
impl UsageSink for Seat {
    async fn count(&self, batch: &[Envelope]) -> Result<(), Fault> {
        let count = |state: &mut State, _| {
            let twice = state.weather.strikes(Hazard::DoubledUsage);
            for _ in 0..=usize::from(twice) {
                batch.iter().try_for_each(|envelope| state.ledger.count(envelope))?;
            }
            Ok(())
        };
        self.call(Call::CountUsage, count).await
    }
}

#[async_trait]
impl Usage for Seat {
    async fn report(&self, _: Grouping, _: Option<Timestamp>) -> Result<Vec<Spending>, Fault> {
        let report = |state: &mut State, _| {
            let line = |(id, (requests, tokens)): (&WorkspaceId, &(u64, u64))| Spending {
                name: id.to_string(),
                requests: *requests,
                output: *tokens,
                ..Spending::default()
            };
            Ok(state.ledger.used.iter().map(line).collect())
        };
        self.call(Call::Report, report).await
    }
}
