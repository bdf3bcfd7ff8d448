//! Waits until the task listens. Holds no message: the task observer, the timer or the sweeper
//! makes somebody look again.
//!
//! | | |
//! |---|---|
//! | safe to repeat | it only reads |
//! | taken back by | nothing to take back |

use events::{Output, ReasonClass, TaskId};
use ports::{Compute, Fault, TaskStatus};

use super::{At, Outcome, refused};

/// Which task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    task: TaskId,
}

/// Decides; touches nothing.
///
/// # Errors
/// [`Fault::Nonsense`] when there is no task on record.
pub fn plan(at: At<'_>) -> Result<Plan, Fault> {
    let task = at.workspace.task(at.generation).ok_or_else(|| at.lacks("task"))?;
    Ok(Plan { task: task.clone() })
}

/// Looks once.
///
/// # Errors
/// [`Fault::Refused`] with the agent's own reason when the task has ended.
pub async fn apply(plan: &Plan, compute: &dyn Compute) -> Result<Outcome, Fault> {
    // A task that is not known yet may be one that a stale inventory missed; the deadline decides.
    let Some(task) = compute.describe(&plan.task).await? else { return Ok(Outcome::Wait) };
    match task.status {
        TaskStatus::Starting => Ok(Outcome::Wait),
        TaskStatus::Listening(address) => Ok(Outcome::Done(Output::Address { address })),
        TaskStatus::Stopping => Err(refused(ReasonClass::AgentExited, "the agent was stopped")),
        TaskStatus::Stopped(reason) => Err(Fault::Refused(reason)),
    }
}
