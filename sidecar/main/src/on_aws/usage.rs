//! Where usage goes, and what was used before: a sidecar sends to the queue and reads no ledger, so
//! the broker tells it what its own workspace has used.

use std::sync::Arc;

use async_trait::async_trait;
use aws::broker::Refusal;
use aws::usage_queue::SqsUsage;
use events::{Envelope, Reason, ReasonClass, WorkspaceId};
use jiff::Timestamp;
use ports::{BatchBounds, Fault, Spending, UsageSink, UsageTotals};

use super::broker::Broker;

/// The usage of one workspace.
pub(super) struct QueuedUsage {
    queue: SqsUsage,
    broker: Arc<Broker>,
}

impl QueuedUsage {
    /// Sends to `queue`, and asks `broker`.
    pub(super) fn new(queue: SqsUsage, broker: Arc<Broker>) -> Self {
        Self { queue, broker }
    }
}

#[async_trait]
impl UsageSink for QueuedUsage {
    fn bounds(&self) -> BatchBounds {
        self.queue.bounds()
    }

    async fn count(&self, batch: &[Envelope]) -> Result<(), Fault> {
        self.queue.count(batch).await
    }
}

#[async_trait]
impl UsageTotals for QueuedUsage {
    /// The token names the workspace, and there is no other here.
    async fn total(&self, _workspace: &WorkspaceId, since: Timestamp) -> Result<Spending, Fault> {
        self.broker.used(since).await.map_err(|refusal| match refusal {
            Refusal::Unavailable(fault) => fault,
            Refusal::Unknown | Refusal::Taken => {
                Fault::Refused(Reason::new(ReasonClass::Internal, "the lease is not good any more"))
            }
        })
    }
}
