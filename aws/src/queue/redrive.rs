//! Sends dead letters back to the queue from which they came, as new messages with a fresh count
//! (AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html). SQS allows one such
//! task for a queue at a time, and moves 500 a second at the most.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::ListMessageMoveTasksResultEntry;
use ports::Fault;
use tokio::time::sleep;

use super::address::arn;
use super::{SERVICE, sorted};

/// How often a task is looked at, and how many times at the most: half a minute, which is 15,000
/// letters.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const LOOKS_MAX: u32 = 60;
/// When who finds a task under way may come again.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Moves all letters; gives how many have been moved when the task has ended, or after half a
/// minute, when the rest goes on without us.
pub(super) async fn all(client: &Client, url: &str) -> Result<usize, Fault> {
    let arn = arn(client, url).await?;
    // The list may be late to tell of a task that has just begun.
    let before = latest(client, &arn).await?.map(|task| task.started_timestamp());
    let started = client.start_message_move_task().source_arn(&arn).send().await;
    if let Err(error) = started {
        let running = latest(client, &arn).await?.is_some_and(|task| under_way(&task));
        let after = Some(AGAIN_AFTER);
        return Err(if running {
            Fault::Throttled { service: SERVICE, after }
        } else {
            sorted(&error)
        });
    }
    let mut moved = 0;
    for _ in 0..LOOKS_MAX {
        let task = latest(client, &arn).await?;
        if let Some(task) = task.filter(|task| Some(task.started_timestamp()) != before) {
            moved = count(&task);
            if !under_way(&task) {
                return ended(&task);
            }
        }
        sleep(LOOK_EVERY).await;
    }
    Ok(moved)
}

/// The newest task of the queue.
async fn latest(
    client: &Client,
    arn: &str,
) -> Result<Option<ListMessageMoveTasksResultEntry>, Fault> {
    let call = client.list_message_move_tasks().source_arn(arn).max_results(1);
    let told = call.send().await.map_err(|error| sorted(&error))?;
    Ok(told.results.unwrap_or_default().into_iter().next())
}

fn under_way(task: &ListMessageMoveTasksResultEntry) -> bool {
    matches!(task.status(), Some("RUNNING" | "CANCELLING"))
}

fn count(task: &ListMessageMoveTasksResultEntry) -> usize {
    usize::try_from(task.approximate_number_of_messages_moved()).unwrap_or(0)
}

fn ended(task: &ListMessageMoveTasksResultEntry) -> Result<usize, Fault> {
    match task.failure_reason() {
        Some(why) if task.status() == Some("FAILED") => {
            Err(Fault::unavailable(SERVICE, format!("the move of dead letters failed: {why}")))
        }
        _ => Ok(count(task)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_ended_tells_how_many_it_moved_or_why_it_failed() {
        let task = |status: &str| {
            let task = ListMessageMoveTasksResultEntry::builder().status(status);
            task.approximate_number_of_messages_moved(7).failure_reason("AccessDenied").build()
        };
        assert!(matches!(ended(&task("COMPLETED")), Ok(7)));
        assert!(matches!(ended(&task("CANCELLED")), Ok(7)));
        assert!(matches!(ended(&task("FAILED")), Err(Fault::Unavailable { .. })));
        assert!(under_way(&task("RUNNING")) && !under_way(&task("COMPLETED")));
    }
}
