//! The consumer of one permission class: every message of a batch is the engine's to judge, and what is
//! to come back becomes visible again when the engine says, not when the batch ends.

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use consumers::{Verdict, World};
use events::Class;
use futures_util::future::join_all;
use ports::Handle;

use crate::batch::{self, End};
use crate::message::Message;
use crate::metrics::Metrics;

/// When a message comes back whose handling did not finish: the engine's longest pause.
const LOST_AFTER: Duration = Duration::from_secs(8);
/// How long that may take to be said, within the margin before the deadline. What is not said comes
/// back after the queue's own time-out.
pub(crate) const PUT_OFF_MAX: Duration = Duration::from_secs(1);

/// Handles a batch of a class's queue within `time`.
pub async fn consume(
    world: &World,
    class: Class,
    event: SqsEvent,
    time: Duration,
    metrics: &Metrics,
) -> SqsBatchResponse {
    let messages: Vec<Message> = event.records.into_iter().map(Message::of).collect();
    metrics.lag(&messages, world.bus.now());
    let ended = batch::run(messages, time, |message| one(world.clone(), class, message)).await;
    metrics.batch(&ended);
    let lost = ended.lost.iter().map(|message| put_off(world, class, &message.handle, LOST_AFTER));
    // Whoever is not heard in time comes back later.
    let _ = tokio::time::timeout(PUT_OFF_MAX, join_all(lost)).await;
    ended.answer()
}

async fn one(world: World, class: Class, message: Message) -> End {
    let delivery = message.delivery(world.bus.now());
    match consumers::handle(&world, class, &delivery).await {
        Verdict::Delete => End::Done,
        Verdict::ComeBack(after) => {
            put_off(&world, class, &delivery.handle, after).await;
            End::Again
        }
    }
}

/// A message that cannot be put off comes back by itself.
async fn put_off(world: &World, class: Class, handle: &Handle, after: Duration) {
    if let Err(fault) = world.bus.queue().change_visibility(class, handle, after).await {
        tracing::warn!(class = class.name(), %fault, "a message could not be put off");
    }
}
