//! Messages that make a consumer look at a workspace, or at a provider's keys. They carry no authority, so nothing breaks
//! when one comes late, twice, out of order or never.
//!
//! The contract is SQS's (AWSSimpleQueueService/latest/SQSDeveloperGuide), standard queues with
//! fair groups, so that what works here works there.

use std::time::Duration;

use async_trait::async_trait;
use events::envelope::Cause;
use events::{Class, Subject, TeamId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Fault;

/// The longest delay of a message: SQS's own limit.
pub const DELAY_MAX: Duration = Duration::from_secs(15 * 60);
/// The most messages in one call: SQS's own limit.
pub const BATCH_MAX: usize = 10;
/// The longest wait of a receive: SQS's own limit.
pub const WAIT_MAX: Duration = Duration::from_secs(20);
/// The longest visibility time-out, counted from the receive: SQS's own limit.
pub const VISIBILITY_MAX: Duration = Duration::from_secs(12 * 60 * 60);
/// How often a message is received before it is set aside as a dead letter.
pub const RECEIVES_MAX: u32 = 20;
/// The most messages of one queue in flight: SQS's own limit.
pub const IN_FLIGHT_MAX: usize = 120_000;

/// "Look at this."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nudge {
    /// At what: `{"workspace":"ann"}` or `{"pool":"anthropic"}`.
    #[serde(flatten)]
    pub about: Subject,
    /// The fact that led to the message, for causation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// What it says.
    pub nudge: Nudge,
    /// The team, whose messages do not hold up another team's.
    pub group: Option<TeamId>,
    /// Not before this has passed; at most [`DELAY_MAX`].
    pub delay: Duration,
}

/// What a receive gives the right to settle. Each receive of a message makes a new one, and only
/// the latest settles it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Handle(pub String);

/// A message as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What settles it.
    pub handle: Handle,
    /// What it says. A body that cannot be read is `None`: it comes back until it is set aside.
    pub nudge: Option<Nudge>,
    /// How often it has been received, this time included.
    pub receives: u32,
    /// When it was sent.
    pub sent: Timestamp,
}

/// A message that was received too often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Letter {
    /// From which queue.
    pub class: Class,
    /// Its body as it was sent.
    pub body: String,
    /// How often it was received.
    pub receives: u32,
    /// When it was sent.
    pub sent: Timestamp,
}

/// One queue for each permission class, each with a dead-letter queue.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Sends up to [`BATCH_MAX`] messages. The answer has one result for each, in order: a batch
    /// may fail in part. A delay above [`DELAY_MAX`] is [`Fault::Nonsense`] for its entry.
    async fn send(
        &self,
        class: Class,
        messages: &[Outgoing],
    ) -> Result<Vec<Result<(), Fault>>, Fault>;

    /// Receives up to `max` (1 to [`BATCH_MAX`]) messages that are visible, waiting up to `wait`
    /// for the first. Each stays invisible for `visibility` and then comes back. Teams take turns.
    /// A message that was received [`RECEIVES_MAX`] times is set aside instead. With
    /// [`IN_FLIGHT_MAX`] messages in flight it gives none.
    async fn receive(
        &self,
        class: Class,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, Fault>;

    /// Removes messages for good. A handle that is not the latest of its message settles nothing
    /// and is no error.
    async fn delete(&self, class: Class, handles: &[Handle]) -> Result<(), Fault>;

    /// Makes a message visible again after `visibility` from now. A stale handle changes nothing
    /// and is no error.
    async fn change_visibility(
        &self,
        class: Class,
        handle: &Handle,
        visibility: Duration,
    ) -> Result<(), Fault>;

    /// Up to `limit` dead letters, oldest first.
    async fn dead_letters(&self, class: Class, limit: usize) -> Result<Vec<Letter>, Fault>;

    /// Sends every dead letter of a queue back to it, with a fresh count. Gives how many.
    async fn redrive(&self, class: Class) -> Result<usize, Fault>;
}
