//! How many messages each queue of an environment has set aside, for an operator's first look. What
//! they are, and what becomes of them, is the queue's own business.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use events::Class;
use ports::Fault;

use crate::Environment;
use crate::error::{Said, fault};
use crate::queue::{SERVICE, nonsense};

/// SQS says by either code that there is no such queue: the older one by its query protocol
/// (AWSSimpleQueueService API reference, `GetQueueUrl`).
const ABSENT: [&str; 2] = ["AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"];

/// The names of the queues of what was received too often.
pub fn queues(environment: &Environment) -> Vec<String> {
    let classes = Class::ALL.map(|class| environment.dead_letters(class));
    let usage = format!("{}-dlq", environment.usage_queue());
    classes.into_iter().chain(std::iter::once(usage)).collect()
}

/// About how many messages a queue holds; none when there is no such queue.
///
/// # Errors
/// SQS does not answer, or the credentials may not ask.
pub async fn count(client: &Client, queue: &str) -> Result<Option<u64>, Fault> {
    let url = match client.get_queue_url().queue_name(queue).send().await {
        Ok(answer) => answer.queue_url().unwrap_or_default().to_owned(),
        Err(error) if Said::of(&error).is_some_and(|said| is_absent(&said)) => return Ok(None),
        Err(error) => return Err(fault(SERVICE, &error)),
    };
    let wanted = QueueAttributeName::ApproximateNumberOfMessages;
    let asked = client.get_queue_attributes().queue_url(url).attribute_names(wanted.clone());
    let answer = asked.send().await.map_err(|error| fault(SERVICE, &error))?;
    let text = answer.attributes().and_then(|all| all.get(&wanted));
    let count = text.and_then(|text| text.parse().ok()).map(Some);
    count.ok_or_else(|| nonsense("a count is no number"))
}

fn is_absent(said: &Said) -> bool {
    ABSENT.contains(&said.code.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_and_the_usage_have_a_queue_for_what_failed() {
        let names = queues(&"prod".parse().expect("a good name"));
        assert_eq!(names.len(), Class::ALL.len() + 1);
        assert!(names.contains(&"tc-prod-compute-dlq".to_owned()));
        assert!(names.contains(&"tc-prod-usage-dlq".to_owned()));
    }

    #[test]
    fn a_queue_that_is_not_there_is_no_error() {
        let said = |code: &str| Said { code: code.to_owned(), ..Said::default() };
        assert!(is_absent(&said("QueueDoesNotExist")));
        assert!(is_absent(&said("AWS.SimpleQueueService.NonExistentQueue")));
        assert!(!is_absent(&said("AccessDenied")));
    }
}
