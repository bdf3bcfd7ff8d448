//! Writes down what the compute says of tasks, so that whoever waits for it is nudged.
//!
//! What it says may come twice, late or in disorder: the version decides. What changes nothing is
//! not written down.

use events::{Event, TaskState};
use ports::{Fault, Task, TaskStatus};
use producers::Bus;

const SOURCE: &str = "/consumers/observer";

/// Records one change of a task. Gives whether it was news.
///
/// # Errors
/// What the journal or the queue said.
pub async fn observe(bus: &Bus, task: &Task) -> Result<bool, Fault> {
    let state = match &task.status {
        // Nobody waits for these.
        TaskStatus::Starting | TaskStatus::Stopping => return Ok(false),
        TaskStatus::Listening(address) => TaskState::Listening { address: *address },
        TaskStatus::Stopped(reason) => TaskState::Stopped { reason: reason.clone() },
    };
    let changed = Event::TaskChanged {
        generation: task.generation,
        attempt: task.attempt,
        task: task.id.clone(),
        version: task.version,
        state,
    };
    let put = bus.put(SOURCE, &task.workspace, None, |workspace, now| {
        // A task of a generation that nobody asked for is no life's beginning: the sweeper's.
        if task.generation > workspace.generation() {
            return Vec::new();
        }
        let mut after = workspace.clone();
        after.absorb(now, &changed);
        if after == *workspace { Vec::new() } else { vec![changed.clone()] }
    });
    Ok(put.await?.cause.is_some())
}
