//! `Compute` on ECS with Fargate: a task for each start, a role and a definition for each person.
//!
//! ECS keeps the tasks; what it cannot promise (one live task a workspace, starts that never come
//! true after a stop, tokens for longer than a day) is a row of the table [`TASKS`]. No call here
//! waits for a task: the observer is told by EventBridge ([`task_of`]).

#[cfg(test)]
mod canonical;
mod definition;
mod look;
mod names;
mod record;
mod register;
mod role;
mod run;
mod seen;
mod settings;
mod sorting;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ecs::Client;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use events::{Attempt, Gen, Sight, TaskId, WorkspaceId};
use jiff::SignedDuration;
use ports::{Clock, Compute, Fault, Task, TaskSpec, TaskStatus};
use tokio::time::{Instant, sleep};

pub use record::TASKS;
pub use seen::task_of;
pub use settings::{Architecture, TaskSettings};

use crate::Environment;
use crate::conditions::Rows;
use crate::error::{Said, fault};
use crate::homes::FindHome;
use crate::leases::Openings;
use crate::marks::mark;
use record::Record;
use role::Roles;

/// The service, as an operator knows it.
const SERVICE: &str = "ECS";
/// How long a task's sidecar may take until it has asked for its lease: all deadlines of a boot together
/// are eight minutes.
const OPEN_FOR: SignedDuration = SignedDuration::from_mins(15);
/// How often everything is looked at by who has no events.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Tasks of one environment.
pub struct EcsCompute {
    ecs: Client,
    environment: Environment,
    settings: TaskSettings,
    record: Record,
    homes: FindHome,
    openings: Openings,
    roles: Roles,
    clock: Arc<dyn Clock>,
    /// The versions that [`Compute::changes`] has given.
    given: Mutex<BTreeMap<TaskId, u64>>,
}

impl EcsCompute {
    /// The tasks of an environment.
    pub fn new(
        ecs: Client,
        environment: &Environment,
        iam: aws_sdk_iam::Client,
        dynamodb: aws_sdk_dynamodb::Client,
        settings: TaskSettings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            ecs,
            environment: environment.clone(),
            settings,
            record: Record(Rows::new(dynamodb.clone(), environment, &TASKS)),
            homes: FindHome::new(dynamodb.clone(), environment),
            openings: Openings::new(dynamodb, environment),
            roles: Roles::new(iam, environment.clone()),
            clock,
            given: Mutex::new(BTreeMap::new()),
        }
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    /// Those changes of these tasks that were not given yet. What ECS shows no more is forgotten.
    fn news(&self, tasks: Vec<Task>) -> Vec<Task> {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let mut shown = BTreeMap::new();
        let mut news = Vec::new();
        for task in tasks {
            shown.insert(task.id.clone(), task.version);
            if given.get(&task.id).is_none_or(|version| *version < task.version) {
                news.push(task);
            }
        }
        *given = shown;
        news
    }
}

/// What a failed call means when it has nothing of its own to say.
fn failed<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Fault {
    match Said::of(error) {
        Some(said) => said.fault(SERVICE),
        None => fault(SERVICE, error),
    }
}

#[async_trait]
impl Compute for EcsCompute {
    async fn register(&self, id: &WorkspaceId, generation: Gen) -> Result<(), Fault> {
        self.register_task(id, generation).await.map(drop)
    }

    async fn deregister(&self, id: &WorkspaceId, generation: Gen) -> Result<(), Fault> {
        self.deregister_task(id, generation).await
    }

    async fn run(&self, spec: &TaskSpec) -> Result<TaskId, Fault> {
        self.run_task(spec).await
    }

    async fn describe(&self, task: &TaskId) -> Result<Option<Task>, Fault> {
        self.describe_task(task).await
    }

    /// The grace is the definition's `stopTimeout`: `StopTask` takes none.
    async fn stop(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        attempt: Attempt,
        _grace: Duration,
    ) -> Result<bool, Fault> {
        let state = self.record.fence(id, generation, attempt).await?;
        let up_to = (generation, attempt);
        let start = state.start.filter(|start| start.mark <= mark(generation, attempt));
        let mut tasks = self.tasks_of(id).await?;
        tasks.retain(|task| (task.generation, task.attempt) <= up_to);
        let mut gone = true;
        for task in tasks.iter().filter(|task| !matches!(task.status, TaskStatus::Stopped(_))) {
            gone = false;
            if task.status != TaskStatus::Stopping {
                self.ask_to_stop(&task.id.0).await?;
            }
        }
        let Some(start) = start.filter(|_| gone) else { return Ok(gone) };
        match self.sight(id, &start).await? {
            Sight::Gone => self.record.release(id, &start).await.map(|()| true),
            Sight::Alive | Sight::Unseen => {
                // The list missed it, or it is still on its way.
                if let Some(arn) = &start.arn {
                    self.ask_to_stop(arn).await?;
                }
                Ok(false)
            }
        }
    }

    async fn list(&self) -> Result<Vec<Task>, Fault> {
        let mut tasks = self.list_tasks(None).await?;
        tasks.retain(|task| !matches!(task.status, TaskStatus::Stopped(_)));
        Ok(tasks)
    }

    /// For a root without EventBridge: looks at everything until something has changed.
    async fn changes(&self, wait: Duration) -> Result<Vec<Task>, Fault> {
        let until = Instant::now() + wait;
        loop {
            let news = self.news(self.list_tasks(None).await?);
            if !news.is_empty() || Instant::now() >= until {
                return Ok(news);
            }
            sleep(LOOK_EVERY.min(until.saturating_duration_since(Instant::now()))).await;
        }
    }
}
