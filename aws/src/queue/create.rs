//! The queues as the stacks make them, for tests. What is written here is what `infra/` sets.

use std::collections::BTreeMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use events::Class;
use ports::Fault;
use ports::queue::RECEIVES_MAX;
use serde_json::json;

use super::address::arn;
use super::sorted;
use crate::Environment;

/// How long a message stays hidden from others unless its receive says otherwise, in seconds: six
/// times the longest time-out of a function (lambda/latest/dg/services-sqs-configure.html).
const VISIBILITY: u32 = 360;
/// For how long a message is kept, in seconds: SQS's most, 14 days. A dead letter's time goes on from
/// when it was sent.
const RETENTION: u32 = 14 * 24 * 60 * 60;

/// Makes the queues of every class, each with its dead-letter queue.
///
/// # Errors
/// What SQS says.
pub async fn create(client: &Client, environment: &Environment) -> Result<(), Fault> {
    for class in Class::ALL {
        let dead = make(client, environment.dead_letters(class), None).await?;
        make(client, environment.queue(class), Some(&dead)).await?;
    }
    Ok(())
}

/// Makes the queue of usage batches and where those are set aside that cannot be counted.
///
/// # Errors
/// What SQS says.
pub async fn create_usage(client: &Client, environment: &Environment) -> Result<(), Fault> {
    let dead = make(client, format!("{}-dlq", environment.usage_queue()), None).await?;
    make(client, environment.usage_queue(), Some(&dead)).await.map(drop)
}

/// Makes a queue; gives its ARN.
async fn make(client: &Client, name: String, dead: Option<&str>) -> Result<String, Fault> {
    let mut all = BTreeMap::from([
        ("VisibilityTimeout", VISIBILITY.to_string()),
        ("MessageRetentionPeriod", RETENTION.to_string()),
    ]);
    if let Some(arn) = dead {
        let policy = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": RECEIVES_MAX });
        all.insert("RedrivePolicy", policy.to_string());
    }
    let all = all.into_iter().map(|(name, value)| (Attribute::from(name), value)).collect();
    let call = client.create_queue().queue_name(name).set_attributes(Some(all));
    let made = call.send().await.map_err(|error| sorted(&error))?;
    let url = made.queue_url().unwrap_or_default();
    arn(client, url).await
}
