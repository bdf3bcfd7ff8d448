//! Looking at tasks: one, a workspace's, all of ours; and asking one to stop.
//!
//! ECS shows what it has a moment late, so nothing here proves that a task is not there.

use aws_sdk_ecs::types::{DesiredStatus, TaskField};
use events::{TaskId, WorkspaceId};
use ports::{Fault, Task};

use super::names;
use super::register::code;
use super::seen::described;
use super::{EcsCompute, failed};

/// The most tasks that one `DescribeTasks` names (`API_DescribeTasks`).
const DESCRIBED_MAX: usize = 100;
/// Why a task is stopped, as a person reads it in the console.
const STOP_REASON: &str = "teamclaw: the workspace is to sleep";

impl EcsCompute {
    /// One task. `None`: not known, forgotten or not seen yet.
    pub(super) async fn describe_task(&self, task: &TaskId) -> Result<Option<Task>, Fault> {
        let ask = self.ecs.describe_tasks().cluster(self.environment.cluster());
        match ask.tasks(&task.0).include(TaskField::Tags).send().await {
            Ok(answer) => Ok(answer.tasks().iter().find_map(described)),
            // What is no task's name is not known.
            Err(error) if code(&error) == Some("InvalidParameterException") => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Those of these tasks that ECS shows and that are ours.
    pub(super) async fn describe_all(&self, arns: &[String]) -> Result<Vec<Task>, Fault> {
        let mut tasks = Vec::new();
        for some in arns.chunks(DESCRIBED_MAX) {
            let ask = self.ecs.describe_tasks().cluster(self.environment.cluster());
            let answer = ask.set_tasks(Some(some.to_vec())).send().await;
            let answer = answer.map_err(|error| failed(&error))?;
            tasks.extend(answer.tasks().iter().filter_map(described));
        }
        Ok(tasks)
    }

    /// Every task of ours that ECS shows, those included that have stopped of late; of one
    /// workspace or of all. `ListTasks` gives no stopping task among those that are to run, so both
    /// are asked for. All pages or a fault.
    pub(super) async fn list_tasks(&self, of: Option<&WorkspaceId>) -> Result<Vec<Task>, Fault> {
        let mut arns = Vec::new();
        for desired in [DesiredStatus::Running, DesiredStatus::Stopped] {
            let ask = self.ecs.list_tasks().cluster(self.environment.cluster());
            let family = of.map(|id| names::family(&self.environment, id));
            let ask = ask.set_family(family).desired_status(desired);
            let mut pages = ask.into_paginator().items().send();
            while let Some(arn) = pages.next().await {
                arns.push(arn.map_err(|error| failed(&error))?);
            }
        }
        // A task may have begun to stop between the two.
        arns.sort_unstable();
        arns.dedup();
        let mut tasks = self.describe_all(&arns).await?;
        tasks.retain(|task| of.is_none_or(|id| task.workspace == *id));
        Ok(tasks)
    }

    /// Every task of a workspace that ECS shows.
    pub(super) async fn tasks_of(&self, id: &WorkspaceId) -> Result<Vec<Task>, Fault> {
        self.list_tasks(Some(id)).await
    }

    /// SIGTERM to everything in it, in the order of its definition, and SIGKILL when the time that
    /// the definition gives is over. One that is not there is a success; asking again changes
    /// nothing.
    pub(super) async fn ask_to_stop(&self, arn: &str) -> Result<(), Fault> {
        let ask = self.ecs.stop_task().cluster(self.environment.cluster()).task(arn);
        match ask.reason(STOP_REASON).send().await {
            Ok(_) => Ok(()),
            Err(error) if code(&error) == Some("InvalidParameterException") => Ok(()),
            Err(error) => Err(failed(&error)),
        }
    }
}
