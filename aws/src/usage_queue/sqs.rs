//! The sending half: each batch becomes one message, durable when SQS has it.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use events::{Envelope, Event};
use ports::{BatchBounds, Fault, UsageSink};

use crate::Environment;
use crate::queue::{Address, SERVICE, nonsense, sorted};

/// The longest body: what SQS took everywhere before it took 1 MiB
/// (SQSDeveloperGuide/quotas-messages.html). A batch is far below; a single odd record may not be.
const LENGTH_MAX: usize = 256 * 1024;
/// How long a record waits for company. A message costs the same with one record as with many, and
/// what waits lies in the sidecar's journal.
const AGE_MAX: Duration = Duration::from_secs(10);
/// SQS's words for a body that it will never take. Whatever else it says may pass.
const NEVER: [&str; 3] = ["InvalidMessageContents", "InvalidParameterValue", "MissingParameter"];

/// The queue of usage batches.
pub struct SqsUsage {
    client: Client,
    queue: Address,
}

impl SqsUsage {
    /// The queue that the stacks have made for this environment.
    pub fn new(client: Client, environment: &Environment) -> Self {
        Self { client, queue: Address::of(environment.usage_queue()) }
    }
}

#[async_trait]
impl UsageSink for SqsUsage {
    fn bounds(&self) -> BatchBounds {
        BatchBounds { age: AGE_MAX, ..BatchBounds::MESSAGE }
    }

    async fn count(&self, batch: &[Envelope]) -> Result<(), Fault> {
        let Some(first) = batch.first() else { return Ok(()) };
        let Event::UsageRecorded(record) = &first.event else { return Err(not_usage()) };
        if !batch.iter().all(is_usage) {
            return Err(not_usage());
        }
        let body = serde_json::to_string(batch).map_err(|error| nonsense(error.to_string()))?;
        if body.len() > LENGTH_MAX {
            return Err(nonsense(format!("a batch of {} bytes is too long", body.len())));
        }
        // Usage that can be sent later is never given up: a queue that is not there, or may not be
        // used, is somebody's mistake that will be mended.
        let url = self.queue.url(&self.client).await.map_err(later)?;
        let call = self.client.send_message().queue_url(url).message_body(body);
        let sent = call.message_group_id(record.team.as_str()).send().await;
        sent.map(drop).map_err(|error| {
            let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
            let never = code.is_some_and(|code| NEVER.iter().any(|never| code.ends_with(never)));
            if never { nonsense(code.unwrap_or_default()) } else { later(sorted(&error)) }
        })
    }
}

fn is_usage(envelope: &Envelope) -> bool {
    envelope.subject.is_some() && matches!(envelope.event, Event::UsageRecorded(_))
}

fn not_usage() -> Fault {
    nonsense("only usage of workspaces is sent here")
}

/// The same fault, or one that is asked again.
fn later(fault: Fault) -> Fault {
    match fault {
        Fault::Unavailable { .. } | Fault::Throttled { .. } => fault,
        Fault::Conflict
        | Fault::NoCapacity { .. }
        | Fault::Taken { .. }
        | Fault::Refused(_)
        | Fault::Nonsense { .. } => Fault::unavailable(SERVICE, fault.to_string()),
    }
}
