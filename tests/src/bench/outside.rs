//! Homes, tasks and agents that do nothing and answer at once, so that only the engine is measured.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use events::{Attempt, Gen, ProviderId, Reason, ReasonClass, Secret, TaskId, WorkspaceId};
use jiff::Timestamp;
use ports::{
    Agents, Compute, Fault, Homes, Probe, Quiesce, Reach, Task, TaskSpec, TaskStatus, Trial, Tried,
    async_trait,
};
use tokio::sync::Notify;
use tokio::time::timeout;

/// Where every agent is said to listen. Nobody goes there.
const ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 1], 9);

/// What exists.
#[derive(Default)]
pub(super) struct Outside {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    tasks: BTreeMap<TaskId, Task>,
    changes: Vec<Task>,
}

impl Outside {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, state: &mut State, task: Task) {
        state.changes.push(task.clone());
        state.tasks.insert(task.id.clone(), task);
        self.changed.notify_one();
    }
}

fn name(id: &WorkspaceId, generation: Gen, attempt: Attempt) -> TaskId {
    TaskId(format!("{id}-{generation}-{attempt}"))
}

#[async_trait]
impl Homes for Outside {
    async fn ensure(&self, id: &WorkspaceId, _: Gen) -> Result<String, Fault> {
        Ok(format!("/homes/{id}"))
    }

    async fn purge(&self, _: &WorkspaceId, _: Gen) -> Result<(), Fault> {
        Ok(())
    }
}

#[async_trait]
impl Compute for Outside {
    async fn register(&self, _: &WorkspaceId, _: Gen) -> Result<(), Fault> {
        Ok(())
    }

    async fn deregister(&self, _: &WorkspaceId, _: Gen) -> Result<(), Fault> {
        Ok(())
    }

    async fn run(&self, spec: &TaskSpec) -> Result<TaskId, Fault> {
        let id = name(&spec.workspace, spec.generation, spec.attempt);
        let mut state = self.state();
        if !state.tasks.contains_key(&id) {
            let task = Task {
                id: id.clone(),
                workspace: spec.workspace.clone(),
                generation: spec.generation,
                attempt: spec.attempt,
                version: 1,
                status: TaskStatus::Listening(SocketAddr::from(ADDRESS)),
            };
            self.tell(&mut state, task);
        }
        Ok(id)
    }

    async fn describe(&self, task: &TaskId) -> Result<Option<Task>, Fault> {
        Ok(self.state().tasks.get(task).cloned())
    }

    async fn stop(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        attempt: Attempt,
        _: Duration,
    ) -> Result<bool, Fault> {
        let mut state = self.state();
        if let Some(mut task) = state.tasks.remove(&name(id, generation, attempt)) {
            task.version += 1;
            let words = "it was stopped";
            task.status = TaskStatus::Stopped(Reason::new(ReasonClass::AgentExited, words));
            state.changes.push(task);
            self.changed.notify_one();
        }
        Ok(true)
    }

    async fn list(&self) -> Result<Vec<Task>, Fault> {
        Ok(self.state().tasks.values().cloned().collect())
    }

    async fn changes(&self, wait: Duration) -> Result<Vec<Task>, Fault> {
        let changes = std::mem::take(&mut self.state().changes);
        if !changes.is_empty() {
            return Ok(changes);
        }
        // A word that came since the look is kept for the one who waits for it.
        let _late = timeout(wait, self.changed.notified()).await;
        Ok(std::mem::take(&mut self.state().changes))
    }
}

#[async_trait]
impl Agents for Outside {
    async fn probe(&self, _: &Reach) -> Result<Probe, Fault> {
        Ok(Probe::Ready)
    }

    async fn quiesce(&self, _: &Reach, _: &str) -> Result<Quiesce, Fault> {
        Ok(Quiesce::Ready)
    }

    async fn resume(&self, _: &Reach, _: &str) -> Result<(), Fault> {
        Ok(())
    }

    async fn wake_times(&self, _: &Reach) -> Result<Vec<Timestamp>, Fault> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Trial for Outside {
    async fn try_key(&self, _: &ProviderId, _: &Secret) -> Result<Tried, Fault> {
        Ok(Tried::Unasked)
    }
}
