//! Counts what was used: batches from sidecars become the ledger.
//!
//! One bad item never blocks the others, and nothing is counted twice: the ledger counts by id.

use std::sync::Arc;

use async_trait::async_trait;
use events::{Envelope, Event};
use ports::{Fault, UsageSink};

/// The ledger as sidecars see it: a [`UsageSink`] that leaves out of a batch what the one behind it
/// would turn the whole batch away for, with an error in the log each.
pub struct RollUp {
    ledger: Arc<dyn UsageSink>,
}

impl RollUp {
    /// In front of this ledger.
    pub fn new(ledger: Arc<dyn UsageSink>) -> Self {
        Self { ledger }
    }
}

#[async_trait]
impl UsageSink for RollUp {
    async fn count(&self, batch: &[Envelope]) -> Result<(), Fault> {
        let good: Vec<Envelope> = batch.iter().filter(|item| is_usage(item)).cloned().collect();
        if good.is_empty() {
            return Ok(());
        }
        self.ledger.count(&good).await
    }
}

fn is_usage(envelope: &Envelope) -> bool {
    let good = envelope.subject.is_some() && matches!(envelope.event, Event::UsageRecorded(_));
    if !good {
        tracing::error!(id = %envelope.id, "a usage batch holds something else; left out");
    }
    good
}

#[cfg(test)]
mod tests;
