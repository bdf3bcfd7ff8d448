//! A batch of messages, side by side: each succeeds or fails alone, and all of it ends before Lambda
//! would end it. Knows no queue: what is to come back is the caller's to say there.
//!
//! What is reported as failed stays in its queue
//! (docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html).

use std::time::Duration;

use aws_lambda_events::sqs::SqsBatchResponse;
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::message::Message;

/// How long before Lambda's own deadline a handler ends what is not finished: enough to put ten
/// messages off and to answer, with a pause of the machine in between.
const MARGIN: Duration = Duration::from_secs(2);
/// How much of the margin is for what a handler does at its end, such as putting off what was lost.
pub const LAST: Duration = Duration::from_millis(1_500);

/// What became of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is done with.
    Done,
    /// It is to come back.
    Again,
}

/// What became of a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// How many are done with.
    pub done: usize,
    /// Those that their handler wants to come back.
    pub again: Vec<Message>,
    /// Those whose handler did not finish in time, or panicked. They may have acted.
    pub lost: Vec<Message>,
}

impl Ended {
    /// The answer to Lambda. None means that all are done.
    pub fn answer(&self) -> SqsBatchResponse {
        let mut answer = SqsBatchResponse::default();
        answer.set_failures(self.again.iter().chain(&self.lost).map(|message| message.id.clone()));
        answer
    }
}

/// How long a handler may go on: until a margin before the deadline, in Unix milliseconds.
pub fn time_left(deadline_ms: u64, now: Timestamp) -> Duration {
    let now_ms = u64::try_from(now.as_millisecond()).unwrap_or(0);
    Duration::from_millis(deadline_ms.saturating_sub(now_ms)).saturating_sub(MARGIN)
}

/// Handles all messages at once, for as long as `time`.
pub async fn run<H, F>(messages: Vec<Message>, time: Duration, handle: H) -> Ended
where
    H: Fn(Message) -> F,
    F: Future<Output = End> + Send + 'static,
{
    let until = Instant::now() + time;
    let mut handling = JoinSet::new();
    for (index, message) in messages.iter().enumerate() {
        let one = handle(message.clone());
        handling.spawn(async move { (index, one.await) });
    }
    let mut ends: Vec<Option<End>> = vec![None; messages.len()];
    while let Ok(Some(joined)) = timeout_at(until, handling.join_next()).await {
        match joined {
            Ok((index, end)) => ends[index] = Some(end),
            // It never says how it ended, which is what tells it from the others.
            Err(error) => tracing::error!(%error, "the handling of a message ended in a panic"),
        }
    }
    if !handling.is_empty() {
        tracing::warn!(left = handling.len(), "messages are not handled in time and come back");
    }
    let mut ended = Ended::default();
    for (message, end) in messages.into_iter().zip(ends) {
        match end {
            Some(End::Done) => ended.done += 1,
            Some(End::Again) => ended.again.push(message),
            None => ended.lost.push(message),
        }
    }
    ended
}

#[cfg(test)]
mod tests;
