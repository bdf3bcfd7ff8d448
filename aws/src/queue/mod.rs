//! [`Queue`] on SQS: a standard queue for each permission class, with the team as
//! `MessageGroupId` (fair queues), and a dead-letter queue beside each.
//!
//! What SQS does not promise, nobody here makes up: a standard queue delivers at least once, and a
//! handle that is not the latest of its message may still delete it
//! (AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html). A nudge carries no authority,
//! so a message that is lost that way is one that the sweeper sends again.

mod address;
mod answers;
mod create;
mod letters;
mod redrive;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, MessageSystemAttributeName, SendMessageBatchRequestEntry,
};
use events::Class;
use ports::queue::{BATCH_MAX, DELAY_MAX, VISIBILITY_MAX, WAIT_MAX};
use ports::{Delivery, Fault, Handle, Letter, Outgoing, Queue};

pub(crate) use address::Address;
pub(crate) use answers::{SERVICE, sorted};
pub use create::{create, create_usage};

use crate::Environment;

/// The queues of an environment.
pub struct SqsQueue {
    client: Client,
    queues: BTreeMap<Class, (Address, Address)>,
}

impl SqsQueue {
    /// The queues that the stacks have made for this environment.
    pub fn new(client: Client, environment: &Environment) -> Self {
        let pair = |class| {
            let queue = Address::of(environment.queue(class));
            (class, (queue, Address::of(environment.dead_letters(class))))
        };
        Self { client, queues: Class::ALL.into_iter().map(pair).collect() }
    }

    async fn url(&self, class: Class) -> Result<&str, Fault> {
        self.pair(class)?.0.url(&self.client).await
    }

    async fn dead_letters_url(&self, class: Class) -> Result<&str, Fault> {
        self.pair(class)?.1.url(&self.client).await
    }

    fn pair(&self, class: Class) -> Result<&(Address, Address), Fault> {
        self.queues.get(&class).ok_or_else(|| nonsense("there is no such class"))
    }
}

/// What we should not have asked for.
pub(crate) fn nonsense(words: impl Into<String>) -> Fault {
    Fault::Nonsense { service: SERVICE, words: words.into() }
}

/// SQS counts in whole seconds; a begun one counts, so that nothing is visible too early.
fn seconds(span: Duration) -> i32 {
    let begun = u64::from(span.subsec_nanos() > 0);
    i32::try_from(span.as_secs().saturating_add(begun)).unwrap_or(i32::MAX)
}

fn check_count(count: usize) -> Result<(), Fault> {
    if count > BATCH_MAX {
        return Err(nonsense(format!("{count} are more than the {BATCH_MAX} of one call")));
    }
    Ok(())
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(
        &self,
        class: Class,
        messages: &[Outgoing],
    ) -> Result<Vec<Result<(), Fault>>, Fault> {
        check_count(messages.len())?;
        let url = self.url(class).await?;
        let entries = messages.iter().enumerate().filter(|(_, message)| message.delay <= DELAY_MAX);
        let entries: Vec<_> =
            entries.map(|(at, message)| entry(at, message)).collect::<Result<_, _>>()?;
        // Whoever is not told of was not sent.
        let mut answers: Vec<_> = messages.iter().map(answers::unsent).collect();
        if entries.is_empty() {
            return Ok(answers);
        }
        let call = self.client.send_message_batch().queue_url(url).set_entries(Some(entries));
        let told = call.send().await.map_err(|error| sorted(&error))?;
        answers::settle(&mut answers, told.successful(), told.failed());
        Ok(answers)
    }

    async fn receive(
        &self,
        class: Class,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, Fault> {
        check_count(max)?;
        if max == 0 || wait > WAIT_MAX || visibility > VISIBILITY_MAX {
            return Err(nonsense(
                "a receive of none, or beyond the most of its wait or visibility",
            ));
        }
        let call = self.client.receive_message().queue_url(self.url(class).await?);
        let call = call.max_number_of_messages(i32::try_from(max).unwrap_or(1));
        let call = call.wait_time_seconds(seconds(wait)).visibility_timeout(seconds(visibility));
        let call = call
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
        match call.send().await {
            Ok(got) => got.messages().iter().map(answers::delivery).collect(),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_over_limit()) => {
                // As many as may be in flight are in flight.
                Ok(Vec::new())
            }
            Err(error) => Err(sorted(&error)),
        }
    }

    async fn delete(&self, class: Class, handles: &[Handle]) -> Result<(), Fault> {
        check_count(handles.len())?;
        let url = self.url(class).await?;
        // SQS takes a request with an empty handle for malformed, all of it.
        let handles = handles.iter().enumerate().filter(|(_, handle)| !handle.0.is_empty());
        let entry = |(at, handle): (usize, &Handle)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(at.to_string());
            entry.receipt_handle(&handle.0).build().map_err(|error| nonsense(error.to_string()))
        };
        let entries: Vec<_> = handles.map(entry).collect::<Result<_, _>>()?;
        if entries.is_empty() {
            return Ok(());
        }
        let call = self.client.delete_message_batch().queue_url(url).set_entries(Some(entries));
        let told = call.send().await.map_err(|error| sorted(&error))?;
        // One that is stale settles nothing; the others are deleted again by who asks again.
        let failed = told.failed().iter().find(|failed| !answers::is_stale(failed.code()));
        failed.map_or(Ok(()), |failed| Err(answers::entry_fault(failed)))
    }

    async fn change_visibility(
        &self,
        class: Class,
        handle: &Handle,
        visibility: Duration,
    ) -> Result<(), Fault> {
        if visibility > VISIBILITY_MAX {
            return Err(nonsense("a visibility beyond the most"));
        }
        let url = self.url(class).await?;
        if handle.0.is_empty() {
            return Ok(());
        }
        let call = self.client.change_message_visibility().queue_url(url);
        let call = call.receipt_handle(&handle.0).visibility_timeout(seconds(visibility));
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let said = error.as_service_error();
                let code = said.and_then(ProvideErrorMetadata::code).unwrap_or_default();
                let words = said.and_then(ProvideErrorMetadata::message).unwrap_or_default();
                answers::unchanged(code, words).unwrap_or_else(|| Err(sorted(&error)))
            }
        }
    }

    async fn dead_letters(&self, class: Class, limit: usize) -> Result<Vec<Letter>, Fault> {
        letters::peek(&self.client, self.dead_letters_url(class).await?, class, limit).await
    }

    async fn redrive(&self, class: Class) -> Result<usize, Fault> {
        redrive::all(&self.client, self.dead_letters_url(class).await?).await
    }
}

fn entry(at: usize, message: &Outgoing) -> Result<SendMessageBatchRequestEntry, Fault> {
    let body =
        serde_json::to_string(&message.nudge).map_err(|error| nonsense(error.to_string()))?;
    let group = message.group.as_ref().map(|team| team.as_str().to_owned());
    let entry = SendMessageBatchRequestEntry::builder().id(at.to_string()).message_body(body);
    let entry = entry.delay_seconds(seconds(message.delay)).set_message_group_id(group);
    entry.build().map_err(|error| nonsense(error.to_string()))
}
