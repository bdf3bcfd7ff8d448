//! Counts what was used: batches from sidecars become the ledger.
//!
//! One bad item never blocks the others, and nothing is counted twice: the ledger counts by id.

use events::{Envelope, Event};
use ports::{Fault, Usage};

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// How many events are in the ledger now, those that were there before included.
    pub counted: usize,
    /// How many are no usage of a workspace and were left out, with a log line each.
    pub left_out: usize,
}

/// Counts a batch.
///
/// # Errors
/// What the ledger said; then nothing of the batch counts yet and it may be sent again.
pub async fn count(usage: &dyn Usage, batch: &[Envelope]) -> Result<Counted, Fault> {
    let is_usage = |envelope: &&Envelope| {
        let good = envelope.subject.is_some() && matches!(envelope.event, Event::UsageRecorded(_));
        if !good {
            tracing::error!(id = %envelope.id, "a usage batch holds something else; left out");
        }
        good
    };
    let good: Vec<Envelope> = batch.iter().filter(is_usage).cloned().collect();
    usage.count(&good).await?;
    Ok(Counted { counted: good.len(), left_out: batch.len() - good.len() })
}
