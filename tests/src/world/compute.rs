//! Compute: the tasks are the [`super::ecs`] cluster's, and what runs in a task lives by a plan made
//! at its start. The port's own promises (fences, one live task of a workspace, tokens that never
//! start a second task) are kept in one of two ways: by a table that is read and written with the
//! task itself, as on one machine, or by the many calls of [`super::fargate`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use events::{Attempt, Gen, Reason, ReasonClass, TaskId, WorkspaceId};
use ports::{Compute, Fault, Task, TaskSpec, TaskStatus, async_trait};
use tokio::time::{Instant, timeout_at};

use super::ecs::{Cluster, EcsError, LastStatus, RunAnswer, RunTask};
use super::fargate::Records;
use super::homes::refused;
use super::seat::Call;
use super::tasks::{Running, is_alive};
use super::{Hazard, Pace, Seat, State, Weather};

/// How long a fresh task may be missed.
const UNSEEN_MAX_MS: i64 = 30_000;
/// When a task whose troubles are over listens at the latest.
const HEALED_WITHIN_MS: i64 = 10_000;
/// How long nobody hears of any task when that goes wrong.
const DEAF_MS: i64 = 60 * 60 * 1_000;
/// The port on which OpenClaw listens.
const PORT: u16 = 18_789;

/// Tasks, the adapter's table, and what is still to be told.
#[derive(Clone, Debug, Default)]
pub struct Cloud {
    /// Where the tasks run.
    pub cluster: Cluster,
    /// What the adapter to Fargate writes down, in a world on AWS.
    pub fargate: Option<Records>,
    /// Which version of the task's template the functions have.
    pub template: u32,
    pub(super) tasks: BTreeMap<TaskId, Running>,
    tokens: BTreeMap<String, TaskId>,
    fences: BTreeMap<WorkspaceId, (Gen, Attempt)>,
    /// Which generation registered last.
    registered: BTreeMap<WorkspaceId, Gen>,
    deregistered: BTreeMap<WorkspaceId, Gen>,
    /// No change is told before this.
    deaf_until_ms: i64,
    /// What is to be told, and when.
    changes: Vec<(i64, Task)>,
    addresses: u32,
    /// How many tasks were ever started.
    pub starts: u64,
}

impl Cloud {
    /// Tasks that are not gone.
    pub fn alive(&self) -> impl Iterator<Item = &Task> {
        self.tasks.values().map(|running| &running.task).filter(|task| is_alive(task))
    }

    /// Every task that is not gone, of one workspace.
    pub fn alive_of<'a>(&'a self, id: &'a WorkspaceId) -> impl Iterator<Item = &'a Task> {
        self.alive().filter(move |task| task.workspace == *id)
    }

    /// Whose tasks are registered.
    pub fn registered(&self) -> impl Iterator<Item = &WorkspaceId> {
        self.registered.keys()
    }

    /// When something happens by itself next.
    pub fn next_ms(&self) -> Option<i64> {
        let plans = self.tasks.values().filter_map(|running| match running.task.status {
            TaskStatus::Starting => Some(running.ends_at().min(running.listens_ms)),
            TaskStatus::Listening(_) | TaskStatus::Stopping => running.ends_ms.map(|(at, _)| at),
            TaskStatus::Stopped(_) => None,
        });
        plans.filter(|at| *at < i64::MAX).min()
    }

    /// When the next change of a task is told.
    pub fn next_change_ms(&self) -> Option<i64> {
        self.changes.iter().map(|(at, _)| *at).min()
    }

    /// No change of any task is told before this, nor later.
    pub fn hear_nothing_until(&mut self, at_ms: i64) {
        self.deaf_until_ms = self.deaf_until_ms.max(at_ms);
    }

    /// Ends a workspace's live task as if it had crashed.
    pub fn crash(&mut self, id: &WorkspaceId, now: i64) {
        for running in self.tasks.values_mut() {
            if running.task.workspace == *id && is_alive(&running.task) {
                running.ends_ms = Some((now, "it crashed"));
            }
        }
        self.tick(now);
    }

    /// A workspace's task ends without a word, and its address goes to another's at once.
    pub fn give_away(&mut self, id: &WorkspaceId, other: &WorkspaceId, now: i64) {
        let mut given = None;
        for running in self.tasks.values_mut().filter(|running| running.task.workspace == *id) {
            if is_alive(&running.task) {
                let reason = Reason::new(ReasonClass::AgentExited, "it ended without a word");
                running.task.status = TaskStatus::Stopped(reason);
                running.task.version += 1;
                given = Some((running.address, running.task.id.clone()));
            }
        }
        let Some((address, ended)) = given else { return };
        self.cluster.stopped(&ended.0, now);
        for running in self.tasks.values_mut().filter(|it| it.task.workspace == *other) {
            running.address = address;
            running.task.status = TaskStatus::Listening(address);
        }
    }

    /// Lets everything happen that is due by now.
    pub fn tick(&mut self, now: i64) {
        let mut news = Vec::new();
        for running in self.tasks.values_mut() {
            if let Some(task) = running.advance(now) {
                if matches!(task.status, TaskStatus::Stopped(_)) {
                    self.cluster.stopped(&task.id.0, now);
                }
                if self.deaf_until_ms <= now {
                    news.extend(running.told_at(now).map(|at| (at, task.clone())));
                }
            }
        }
        self.changes.extend(news);
    }

    /// What was to go wrong with tasks that run does not: they listen soon, and end only when they
    /// are stopped.
    pub fn heal(&mut self, now: i64) {
        for running in self.tasks.values_mut().filter(|running| is_alive(&running.task)) {
            if running.task.status != TaskStatus::Stopping {
                running.ends_ms = None;
            }
            running.listens_ms = running.listens_ms.min(now + HEALED_WITHIN_MS);
            running.agent.heal(now + HEALED_WITHIN_MS);
        }
    }

    fn address(&mut self, weather: &mut Weather) -> SocketAddr {
        let used = |address: &SocketAddr, tasks: &BTreeMap<TaskId, Running>| {
            tasks.values().any(|other| other.address == *address && is_alive(&other.task))
        };
        if weather.strikes(Hazard::ReusedAddress) {
            let free = self.tasks.values().rev().map(|other| other.address);
            if let Some(address) = free.clone().find(|address| !used(address, &self.tasks)) {
                return address;
            }
        }
        self.addresses += 1;
        let [_, b, c, d] = self.addresses.to_be_bytes();
        SocketAddr::from(([10, b, c, d], PORT))
    }

    fn run(&mut self, spec: &TaskSpec, now: i64, weather: &mut Weather) -> Result<TaskId, Fault> {
        if let Some(known) = self.tokens.get(&spec.client_token) {
            return Ok(known.clone());
        }
        let fence = self.fences.get(&spec.workspace);
        if fence.is_some_and(|fence| *fence >= (spec.generation, spec.attempt)) {
            let words = "a stop was faster";
            return Err(Fault::Refused(Reason::new(ReasonClass::Internal, words)));
        }
        if self.alive_of(&spec.workspace).next().is_some() {
            return Err(Fault::Taken { resource: format!("the workspace {}", spec.workspace) });
        }
        let started = self.launch(spec, now, weather).map_err(|error| match error {
            Unstarted::Failure(words) => {
                Fault::NoCapacity { what: "Fargate", words: words.to_owned() }
            }
            Unstarted::Error(EcsError::Throttled) => {
                Fault::Throttled { service: "ECS", after: None }
            }
            Unstarted::Error(EcsError::Conflict { resource_ids }) => {
                Fault::Taken { resource: resource_ids.join(", ") }
            }
            Unstarted::Error(EcsError::InvalidParameter(words)) => {
                Fault::Nonsense { service: "ECS", words: words.to_owned() }
            }
        })?;
        self.tokens.insert(spec.client_token.clone(), started.clone());
        Ok(started)
    }

    /// `RunTask`, and with a task that is new what becomes of it.
    pub(super) fn launch(
        &mut self,
        spec: &TaskSpec,
        now: i64,
        weather: &mut Weather,
    ) -> Result<TaskId, Unstarted> {
        let request = RunTask {
            client_token: spec.client_token.clone(),
            started_by: spec.workspace.to_string(),
            task_definition: format!("{}:{}", spec.home, self.template),
        };
        let full = weather.strikes(Hazard::NoCapacity);
        let room = if full { Err("Capacity is unavailable at this time") } else { Ok(()) };
        let fresh = weather.strikes(Hazard::MissedTask);
        let unseen = if fresh { weather.between(1, UNSEEN_MAX_MS) } else { 0 };
        match self.cluster.run_task(&request, now, room, unseen) {
            Ok(RunAnswer::Task(arn)) => {
                let id = TaskId(arn);
                if !self.tasks.contains_key(&id) {
                    self.starts += 1;
                    let address = self.address(weather);
                    let running = Running::plan(&id, spec, address, now, weather);
                    if weather.strikes(Hazard::DeafHour) {
                        self.hear_nothing_until(now + DEAF_MS);
                    }
                    self.tasks.insert(id.clone(), running);
                    self.tick(now);
                }
                Ok(id)
            }
            Ok(RunAnswer::Failure(words)) => Err(Unstarted::Failure(words)),
            Err(error) => Err(Unstarted::Error(error)),
        }
    }

    fn stop(&mut self, id: &WorkspaceId, up_to: (Gen, Attempt), now: i64, gone_ms: i64) -> bool {
        let fence = self.fences.entry(id.clone()).or_default();
        *fence = (*fence).max(up_to);
        let meant = |task: &Task| task.workspace == *id && (task.generation, task.attempt) <= up_to;
        let tasks: Vec<TaskId> =
            self.alive().filter(|task| meant(task)).map(|task| task.id.clone()).collect();
        tasks.iter().for_each(|task| self.stop_task(task, gone_ms));
        self.tick(now);
        !self.alive().any(meant)
    }

    /// `StopTask`: it ends by then.
    pub(super) fn stop_task(&mut self, id: &TaskId, gone_ms: i64) {
        let Some(running) = self.tasks.get_mut(id) else { return };
        if matches!(running.task.status, TaskStatus::Starting | TaskStatus::Listening(_)) {
            running.task.status = TaskStatus::Stopping;
            running.task.version += 1;
            running.ends_ms = Some((gone_ms, "it was stopped"));
        }
    }

    /// The tasks that `ListTasks` and `DescribeTasks` show of a workspace.
    pub(super) fn listed(&self, id: Option<&WorkspaceId>, now: i64) -> Vec<Task> {
        let by = id.map(WorkspaceId::as_str);
        let arns = self.cluster.list_tasks(by, now);
        arns.into_iter().filter_map(|arn| self.described(&TaskId(arn), now)).collect()
    }

    pub(super) fn described(&self, id: &TaskId, now: i64) -> Option<Task> {
        let seen = self.cluster.describe_task(&id.0, now)?;
        let task = self.tasks.get(id).map(|running| running.task.clone())?;
        debug_assert_eq!(seen.last_status == LastStatus::Alive, is_alive(&task));
        Some(task)
    }

    fn told(&mut self, now: i64) -> Vec<Task> {
        let changes = std::mem::take(&mut self.changes);
        let (due, later): (Vec<_>, Vec<_>) = changes.into_iter().partition(|(at, _)| *at <= now);
        self.changes = later;
        due.into_iter().map(|(_, task)| task).collect()
    }
}

/// Why `RunTask` gave no task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unstarted {
    /// It answered with a failure: nothing was started.
    Failure(&'static str),
    /// It did not answer well.
    Error(EcsError),
}

#[async_trait]
impl Compute for Seat {
    async fn register(&self, id: &WorkspaceId, generation: Gen) -> Result<(), Fault> {
        let register = |state: &mut State, _| {
            let cloud = &mut state.cloud;
            if cloud.deregistered.get(id).is_some_and(|fence| *fence >= generation) {
                return Err(refused("it was deregistered"));
            }
            let known = cloud.registered.entry(id.clone()).or_default();
            *known = (*known).max(generation);
            Ok(())
        };
        self.call(Call::RegisterTask, register).await
    }

    async fn deregister(&self, id: &WorkspaceId, generation: Gen) -> Result<(), Fault> {
        let deregister = |state: &mut State, _| {
            let cloud = &mut state.cloud;
            let fence = cloud.deregistered.entry(id.clone()).or_default();
            *fence = (*fence).max(generation);
            cloud.registered.retain(|known, by| known != id || *by > generation);
            Ok(())
        };
        self.call(Call::DeregisterTask, deregister).await
    }

    async fn run(&self, spec: &TaskSpec) -> Result<TaskId, Fault> {
        if self.world().state().cloud.fargate.is_some() {
            return self.run_on_fargate(spec).await;
        }
        let run = |state: &mut State, now| {
            let State { cloud, weather, .. } = state;
            cloud.run(spec, now, weather)
        };
        let ran = self.call(Call::RunTask, run).await;
        self.world().news().changes.notify_waiters();
        ran
    }

    async fn describe(&self, task: &TaskId) -> Result<Option<Task>, Fault> {
        let describe = |state: &mut State, now| {
            state.cloud.tick(now);
            Ok(state.cloud.described(task, now))
        };
        self.call(Call::DescribeTask, describe).await
    }

    async fn stop(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        attempt: Attempt,
        grace: Duration,
    ) -> Result<bool, Fault> {
        if self.world().state().cloud.fargate.is_some() {
            return self.stop_on_fargate(id, (generation, attempt), grace).await;
        }
        let stop = |state: &mut State, now| {
            let State { cloud, weather, .. } = state;
            let grace = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX);
            let gone = now + weather.between(0, grace);
            Ok(cloud.stop(id, (generation, attempt), now, gone))
        };
        let gone = self.call(Call::StopTask, stop).await;
        self.world().news().changes.notify_waiters();
        gone
    }

    async fn list(&self) -> Result<Vec<Task>, Fault> {
        let list = |state: &mut State, now| {
            state.cloud.tick(now);
            Ok(state.cloud.listed(None, now))
        };
        self.call(Call::ListTasks, list).await
    }

    async fn changes(&self, wait: Duration) -> Result<Vec<Task>, Fault> {
        let until = Instant::now() + wait;
        loop {
            let news = self.world().news().changes.notified();
            let take = |state: &mut State, now| {
                state.cloud.tick(now);
                let next = state.cloud.next_ms().into_iter().chain(state.cloud.next_change_ms());
                Ok((state.cloud.told(now), next.filter(|at| *at > now).min()))
            };
            let (told, next) = self.call(Call::Changes, take).await?;
            let over = self.world().pace() != Pace::Live || Instant::now() >= until;
            if !told.is_empty() || over {
                return Ok(told);
            }
            let next = next.map_or(until, |next| self.world().instant(next).min(until));
            // Whether news came or the time did: look again.
            let _ = timeout_at(next, news).await;
        }
    }
}
