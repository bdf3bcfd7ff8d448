//! Batches of usage from sidecars: believed only when SQS says that the workspace's own session sent
//! them, counted once each by their ids.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws::usage_queue::accept;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use jiff::Timestamp;
use ports::UsageSink;

use crate::batch::{self, End};
use crate::message::Message;
use crate::metrics::{Metric, Metrics};

/// Counts a batch of batches within `time`. One that is refused comes back until it is set aside, where
/// an operator sees it; it never will be counted.
pub async fn count(
    ledger: &Arc<dyn UsageSink>,
    event: SqsEvent,
    (time, now): (Duration, Timestamp),
    metrics: &Metrics,
) -> SqsBatchResponse {
    let messages: Vec<Message> = event.records.into_iter().map(Message::of).collect();
    metrics.lag(&messages, now);
    let refused = Arc::new(AtomicUsize::new(0));
    let counted = |message| one(Arc::clone(ledger), Arc::clone(&refused), message);
    let ended = batch::run(messages, time, counted).await;
    metrics.batch(&ended);
    metrics.set(Metric::UsageRefused, refused.load(Ordering::Relaxed));
    ended.answer()
}

async fn one(ledger: Arc<dyn UsageSink>, refused: Arc<AtomicUsize>, message: Message) -> End {
    let records = match accept(&message.body, &message.sender) {
        Ok(records) => records,
        Err(why) => {
            tracing::error!(id = message.id, %why, "a batch of usage is not counted");
            refused.fetch_add(1, Ordering::Relaxed);
            return End::Again;
        }
    };
    match ledger.count(&records).await {
        Ok(()) => End::Done,
        Err(fault) => {
            tracing::warn!(id = message.id, %fault, "a batch of usage is not counted yet");
            End::Again
        }
    }
}
