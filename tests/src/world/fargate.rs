//! The adapter to Fargate, as many calls as it makes: a place on record, `RunTask`, the task's name
//! on record. Between any two of them the process may die, the record may be fenced, the answer be
//! lost and the functions be replaced by newer ones.
//!
//! It is a model of what an adapter must do where ECS forgets a client token after a day, shows a
//! fresh task late and a stopped one for an hour, and has no fences. `aws::compute` is the real one.

use std::collections::BTreeMap;
use std::time::Duration;

use events::sight::token_is_believed;
use events::{Attempt, Gen, Sight, TaskId, WorkspaceId};
use ports::{Fault, Task, TaskSpec};

use super::compute::Unstarted;
use super::ecs::EcsError;
use super::homes::refused;
use super::seat::Call;
use super::tasks::is_alive;
use super::{Hazard, Seat, State};

type Mark = (Gen, Attempt);

/// A start that has its workspace's one place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Start {
    token: String,
    mark: Mark,
    at_ms: i64,
    /// When ECS was asked last: its task may be seen late from then on.
    asked_ms: i64,
    task: Option<TaskId>,
}

/// One workspace's row.
#[derive(Clone, Debug, Default)]
struct Record {
    stopped: Mark,
    start: Option<Start>,
    /// The last that led to a task and has the place no more.
    last: Option<Start>,
}

impl Record {
    /// The task that a token led to, if it is the last that did.
    fn task_of(&self, token: &str) -> Option<TaskId> {
        let starts = self.start.iter().chain(&self.last);
        starts.filter(|start| start.token == token).find_map(|start| start.task.clone())
    }

    /// Whether a start after this mark has or had the place.
    fn is_past(&self, mark: Mark) -> bool {
        self.start.iter().chain(&self.last).any(|start| start.mark > mark)
    }
}

/// The adapter's table.
#[derive(Clone, Debug, Default)]
pub struct Records {
    rows: BTreeMap<WorkspaceId, Record>,
}

/// What a claim came to.
enum Claim {
    /// It was started before.
    Known(TaskId),
    /// The place is this start's, since then.
    Ours { at_ms: i64 },
    /// Another start has it.
    Others(Start),
}

impl Records {
    /// Takes the place for a start, from the one that is over if one is.
    fn claim(&mut self, spec: &TaskSpec, over: Option<&str>, now: i64) -> Result<Claim, Fault> {
        let (token, mark) = (spec.client_token.clone(), (spec.generation, spec.attempt));
        let row = self.rows.entry(spec.workspace.clone()).or_default();
        if let Some(known) = row.task_of(&token) {
            return Ok(Claim::Known(known));
        }
        if row.stopped >= mark {
            return Err(refused("a stop was faster"));
        }
        if row.is_past(mark) {
            return Err(refused("a later start was faster"));
        }
        match &mut row.start {
            Some(start) if start.token == token => {
                start.asked_ms = now;
                Ok(Claim::Ours { at_ms: start.at_ms })
            }
            Some(other) if Some(other.token.as_str()) != over => Ok(Claim::Others(other.clone())),
            Some(_) | None => {
                row.last = row.start.take().filter(|it| it.task.is_some()).or(row.last.take());
                row.start = Some(Start { token, mark, at_ms: now, asked_ms: now, task: None });
                Ok(Claim::Ours { at_ms: now })
            }
        }
    }

    /// Writes a task's name down. Gives whether it may live: not when it was stopped or replaced.
    fn name(&mut self, spec: &TaskSpec, task: &TaskId) -> bool {
        let row = self.rows.entry(spec.workspace.clone()).or_default();
        let ours = row.start.as_mut().filter(|start| start.token == spec.client_token);
        let Some(start) = ours else { return false };
        start.task = Some(task.clone());
        row.stopped < (spec.generation, spec.attempt)
    }

    fn release(&mut self, spec: &TaskSpec) {
        if let Some(row) = self.rows.get_mut(&spec.workspace) {
            let ours = |start: &Start| start.token == spec.client_token && start.task.is_none();
            row.start = row.start.take().filter(|start| !ours(start));
        }
    }

    fn fence(&mut self, id: &WorkspaceId, up_to: Mark) -> Option<Start> {
        let row = self.rows.entry(id.clone()).or_default();
        row.stopped = row.stopped.max(up_to);
        row.start.clone().filter(|start| start.mark <= up_to)
    }
}

impl Seat {
    pub(super) async fn run_on_fargate(&self, spec: &TaskSpec) -> Result<TaskId, Fault> {
        let at_ms = match self.claim(spec, None).await? {
            Claim::Known(task) => return Ok(task),
            Claim::Ours { at_ms } => at_ms,
            Claim::Others(other) => match self.sight(&spec.workspace, &other).await?.0 {
                Sight::Alive => {
                    return Err(Fault::Taken {
                        resource: format!("the agent of {}", spec.workspace),
                    });
                }
                Sight::Unseen => return Err(Fault::unavailable("ECS", "not seen yet")),
                Sight::Gone => match self.claim(spec, Some(&other.token)).await? {
                    Claim::Known(task) => return Ok(task),
                    Claim::Ours { at_ms } => at_ms,
                    Claim::Others(_) => return Err(Fault::Conflict),
                },
            },
        };
        if !token_is_believed(at_ms, self.world().now_ms()) {
            return self.adopt(spec).await;
        }
        let run = |state: &mut State, now| {
            let State { cloud, weather, .. } = state;
            cloud.template += u32::from(weather.strikes(Hazard::Deploy));
            Ok(cloud.launch(spec, now, weather))
        };
        let ran = self.call(Call::RunTask, run).await;
        self.world().news().changes.notify_waiters();
        match ran? {
            Ok(task) => self.name(spec, task).await,
            // Other parameters, as after a deploy between two deliveries: the task is named there.
            Err(Unstarted::Error(EcsError::Conflict { .. })) => self.adopt(spec).await,
            Err(Unstarted::Error(EcsError::Throttled)) => {
                self.release(spec).await?;
                Err(Fault::Throttled { service: "ECS", after: None })
            }
            Err(Unstarted::Error(EcsError::InvalidParameter(words))) => {
                Err(Fault::Nonsense { service: "ECS", words: words.to_owned() })
            }
            Err(Unstarted::Failure(words)) => {
                self.release(spec).await?;
                Err(Fault::NoCapacity { what: "Fargate", words: words.to_owned() })
            }
        }
    }

    pub(super) async fn stop_on_fargate(
        &self,
        id: &WorkspaceId,
        up_to: Mark,
        grace: Duration,
    ) -> Result<bool, Fault> {
        let fence = |state: &mut State, _| Ok(records(state).fence(id, up_to));
        let start = self.call(Call::FenceStarts, fence).await?;
        let list = |state: &mut State, now| {
            state.cloud.tick(now);
            Ok(state.cloud.listed(Some(id), now))
        };
        let listed = self.call(Call::ListTasks, list).await?;
        let meant = |task: &Task| (task.generation, task.attempt) <= up_to && is_alive(task);
        let mut tasks: Vec<TaskId> = listed.into_iter().filter(meant).map(|task| task.id).collect();
        let mut sure = true;
        if let Some(start) = &start {
            let (sight, task) = self.sight(id, start).await?;
            match sight {
                Sight::Alive => tasks.extend(task),
                Sight::Unseen => {
                    tasks.extend(start.task.clone());
                    sure = false;
                }
                Sight::Gone => {}
            }
        }
        for task in &tasks {
            self.stop_task(task, grace).await?;
        }
        Ok(sure && tasks.is_empty())
    }

    async fn claim(&self, spec: &TaskSpec, over: Option<&str>) -> Result<Claim, Fault> {
        self.call(Call::ClaimStart, |state, now| records(state).claim(spec, over, now)).await
    }

    async fn release(&self, spec: &TaskSpec) -> Result<(), Fault> {
        let release = |state: &mut State, _| {
            records(state).release(spec);
            Ok(())
        };
        self.call(Call::ReleaseStart, release).await
    }

    /// A task is there; it may live only if its start still has the place.
    async fn name(&self, spec: &TaskSpec, task: TaskId) -> Result<TaskId, Fault> {
        let name = |state: &mut State, _| Ok(records(state).name(spec, &task));
        if self.call(Call::NameStart, name).await? {
            return Ok(task);
        }
        self.stop_task(&task, Duration::ZERO).await?;
        Err(refused("a stop was faster"))
    }

    /// Looks for the task that this start may have led to.
    async fn adopt(&self, spec: &TaskSpec) -> Result<TaskId, Fault> {
        let mark = (spec.generation, spec.attempt);
        let list = |state: &mut State, now| {
            state.cloud.tick(now);
            Ok(state.cloud.listed(Some(&spec.workspace), now))
        };
        let listed = self.call(Call::ListTasks, list).await?;
        match listed.into_iter().find(|task| (task.generation, task.attempt) == mark) {
            Some(task) => self.name(spec, task.id).await,
            None if self.is_fresh(spec) => Err(Fault::unavailable("ECS", "not seen yet")),
            None => Err(refused("it may have been started and have ended unseen")),
        }
    }

    /// Whether a start is so young that ECS may not show its task yet.
    fn is_fresh(&self, spec: &TaskSpec) -> bool {
        let now = self.world().now_ms();
        let state = self.world().state();
        let row = state.cloud.fargate.as_ref().and_then(|all| all.rows.get(&spec.workspace));
        let start = row.and_then(|row| row.start.as_ref());
        start.is_some_and(|start| Sight::of(None, start.asked_ms, now) == Sight::Unseen)
    }

    /// What is seen of a start, and its task if that is shown.
    async fn sight(
        &self,
        id: &WorkspaceId,
        start: &Start,
    ) -> Result<(Sight, Option<TaskId>), Fault> {
        let look = |state: &mut State, now| {
            state.cloud.tick(now);
            let task = match &start.task {
                Some(task) => state.cloud.described(task, now),
                None => {
                    let of = |task: &Task| (task.generation, task.attempt) == start.mark;
                    state.cloud.listed(Some(id), now).into_iter().find(of)
                }
            };
            let sight = Sight::of(task.as_ref().map(is_alive), start.asked_ms, now);
            Ok((sight, task.map(|task| task.id)))
        };
        self.call(Call::DescribeTask, look).await
    }

    async fn stop_task(&self, task: &TaskId, grace: Duration) -> Result<(), Fault> {
        let stop = |state: &mut State, now: i64| {
            let State { cloud, weather, .. } = state;
            let grace = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX);
            cloud.stop_task(task, now + weather.between(0, grace));
            cloud.tick(now);
            Ok(())
        };
        let stopped = self.call(Call::StopTask, stop).await;
        self.world().news().changes.notify_waiters();
        stopped
    }
}

fn records(state: &mut State) -> &mut Records {
    state.cloud.fargate.get_or_insert_default()
}
