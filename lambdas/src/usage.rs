//! Batches of usage from sidecars: believed only when SQS says that the workspace's own session sent
//! them, counted once each by their ids.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws::usage_queue::accept;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use events::{Activity, Envelope, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use ports::{Fault, UsageSink};
use producers::{Bus, activity};

use crate::batch::{self, End};
use crate::message::Message;
use crate::metrics::{Metric, Metrics};

/// A model call is activity: so often it is written down at the most. The shortest idle time-out is
/// many times longer, and an append costs as much as counting a message.
const NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// Where usage goes, and where it is noted that somebody's agent works.
#[derive(Clone)]
pub struct Books {
    /// The ledger.
    pub ledger: Arc<dyn UsageSink>,
    /// The journal.
    pub bus: Bus,
}

/// Counts a batch of batches within `time`. One that is refused comes back until it is set aside, where
/// an operator sees it; it never will be counted.
pub async fn count(
    books: &Books,
    event: SqsEvent,
    (time, now): (Duration, Timestamp),
    metrics: &Metrics,
) -> SqsBatchResponse {
    let messages: Vec<Message> = event.records.into_iter().map(Message::of).collect();
    metrics.lag(&messages, now);
    let refused = Arc::new(AtomicUsize::new(0));
    let counted = |message| one(books.clone(), Arc::clone(&refused), message);
    let ended = batch::run(messages, time, counted).await;
    metrics.batch(&ended);
    metrics.set(Metric::UsageRefused, refused.load(Ordering::Relaxed));
    ended.answer()
}

async fn one(books: Books, refused: Arc<AtomicUsize>, message: Message) -> End {
    let records = match accept(&message.body, &message.sender) {
        Ok(records) => records,
        Err(why) => {
            tracing::error!(id = message.id, %why, "a batch of usage is not counted");
            refused.fetch_add(1, Ordering::Relaxed);
            return End::Again;
        }
    };
    match books.ledger.count(&records).await {
        Ok(()) => {
            for (id, at) in latest(&records) {
                if let Err(fault) = note(&books.bus, &id, at).await {
                    tracing::warn!(%id, %fault, "that an agent works could not be written down");
                }
            }
            End::Done
        }
        Err(fault) => {
            tracing::warn!(id = message.id, %fault, "a batch of usage is not counted yet");
            End::Again
        }
    }
}

/// When each workspace's latest call ended.
fn latest(records: &[Envelope]) -> BTreeMap<WorkspaceId, Timestamp> {
    let mut latest = BTreeMap::new();
    for record in records {
        let Some(id) = &record.subject else { continue };
        let at = latest.entry(id.clone()).or_insert(record.time);
        *at = record.time.max(*at);
    }
    latest
}

/// Notes that an agent works, unless somebody's use of about that time is on record.
async fn note(bus: &Bus, id: &WorkspaceId, at: Timestamp) -> Result<(), Fault> {
    let loaded = bus.journal().load(id).await?;
    let known = loaded.workspace.last_active();
    if known.is_none_or(|known| at.duration_since(known) >= NOTED_EVERY) {
        activity::note(bus, id, Activity::AgentTurn, at).await?;
    }
    Ok(())
}
