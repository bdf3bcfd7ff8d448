//! Homes, compute and agents in memory, with faults on demand. They keep the ports' promises.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use events::{
    Attempt, Gen, KeyPrint, ProviderId, Reason, ReasonClass, Secret, TaskId, WorkspaceId,
};
use jiff::Timestamp;
use ports::{
    Agents, Compute, Fault, Homes, Probe, Quiesce, Reach, Task, TaskSpec, TaskStatus, Trial, Tried,
    async_trait,
};

/// The outside world of a test.
#[derive(Default)]
pub(crate) struct Outside(Mutex<State>);

#[derive(Default)]
pub(crate) struct State {
    /// The homes, with the generation that asked for each last.
    pub(crate) homes: BTreeMap<WorkspaceId, Gen>,
    purged: BTreeMap<WorkspaceId, Gen>,
    pub(crate) registered: BTreeMap<WorkspaceId, Gen>,
    deregistered: BTreeMap<WorkspaceId, Gen>,
    pub(crate) tasks: BTreeMap<TaskId, Task>,
    tokens: BTreeMap<String, TaskId>,
    fences: BTreeMap<WorkspaceId, (Gen, Attempt)>,
    changes: VecDeque<Task>,
    /// Tasks that were ever started.
    pub(crate) starts: usize,
    /// The most tasks of one workspace that were ever alive at once.
    pub(crate) most_alive: usize,
    /// What the named call answers next, each once.
    pub(crate) faults: BTreeMap<&'static str, VecDeque<Fault>>,
    /// What the agent says when it is asked to finish.
    pub(crate) busy: Option<String>,
    /// Whether it takes new work.
    pub(crate) held: bool,
    pub(crate) wakes: Vec<Timestamp>,
    /// So many probes are told "not yet".
    pub(crate) not_yet: usize,
    /// Whether a task stays whoever stops it.
    pub(crate) stays: bool,
    /// The call that panics.
    pub(crate) panics: Option<&'static str>,
    /// Tasks run and do not listen.
    pub(crate) silent: bool,
    /// Effects that were made, in order.
    pub(crate) calls: Vec<&'static str>,
    /// The keys that their providers do not take.
    pub(crate) refused_keys: BTreeSet<KeyPrint>,
}

impl Outside {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the next call of this name answer with a fault.
    pub(crate) fn fail(&self, call: &'static str, fault: Fault) {
        self.state().faults.entry(call).or_default().push_back(fault);
    }

    /// Ends a workspace's task as if it had crashed.
    pub(crate) fn crash(&self, id: &WorkspaceId) {
        let mut state = self.state();
        let alive = state.tasks.values().find(|task| task.workspace == *id && alive(task)).cloned();
        let mut task = alive.expect("a live task");
        task.version += 1;
        task.status = TaskStatus::Stopped(Reason::new(ReasonClass::AgentExited, "it crashed"));
        state.tasks.insert(task.id.clone(), task.clone());
        state.changes.push_back(task);
    }

    /// Lets the silent tasks listen, without a word about it.
    pub(crate) fn listen(&self) {
        let mut state = self.state();
        for task in state.tasks.values_mut().filter(|task| task.status == TaskStatus::Starting) {
            task.version += 1;
            task.status = TaskStatus::Listening(SocketAddr::from(([127, 0, 0, 1], 30_000)));
        }
    }

    /// Every call gives way once first, so that a test can drive two handlers call by call.
    async fn enter(&self, call: &'static str) -> Result<MutexGuard<'_, State>, Fault> {
        tokio::task::yield_now().await;
        let mut state = self.state();
        state.calls.push(call);
        assert_ne!(state.panics, Some(call), "a bug, as the test wants it");
        match state.faults.get_mut(call).and_then(VecDeque::pop_front) {
            Some(fault) => Err(fault),
            None => Ok(state),
        }
    }
}

pub(crate) fn alive(task: &Task) -> bool {
    !matches!(task.status, TaskStatus::Stopped(_))
}

impl State {
    pub(crate) fn live_tasks(&self) -> Vec<&Task> {
        self.tasks.values().filter(|task| alive(task)).collect()
    }
}

#[async_trait]
impl Homes for Outside {
    async fn ensure(&self, id: &WorkspaceId, generation: Gen) -> Result<String, Fault> {
        let mut state = self.enter("prepare_home").await?;
        let State { homes, purged, .. } = &mut *state;
        put(homes, purged, id, generation)?;
        Ok(format!("/homes/{id}"))
    }

    async fn purge(&self, id: &WorkspaceId, generation: Gen) -> Result<(), Fault> {
        let mut state = self.enter("remove_home").await?;
        let State { homes, purged, .. } = &mut *state;
        remove(homes, purged, id, generation);
        Ok(())
    }
}

/// Makes what outlives its generation, unless it was removed for good.
fn put(
    all: &mut BTreeMap<WorkspaceId, Gen>,
    gone: &BTreeMap<WorkspaceId, Gen>,
    id: &WorkspaceId,
    generation: Gen,
) -> Result<(), Fault> {
    if gone.get(id).is_some_and(|gone| *gone >= generation) {
        let words = "a purge was faster";
        return Err(Fault::Refused(Reason::new(ReasonClass::Internal, words)));
    }
    let by = all.entry(id.clone()).or_default();
    *by = (*by).max(generation);
    Ok(())
}

fn remove(
    all: &mut BTreeMap<WorkspaceId, Gen>,
    gone: &mut BTreeMap<WorkspaceId, Gen>,
    id: &WorkspaceId,
    generation: Gen,
) {
    let fence = gone.entry(id.clone()).or_default();
    *fence = (*fence).max(generation);
    all.retain(|other, by| other != id || *by > generation);
}

#[async_trait]
impl Compute for Outside {
    async fn register(&self, id: &WorkspaceId, generation: Gen) -> Result<(), Fault> {
        let mut state = self.enter("register_task").await?;
        let State { registered, deregistered, .. } = &mut *state;
        put(registered, deregistered, id, generation)
    }

    async fn deregister(&self, id: &WorkspaceId, generation: Gen) -> Result<(), Fault> {
        let mut state = self.enter("deregister_task").await?;
        let State { registered, deregistered, .. } = &mut *state;
        remove(registered, deregistered, id, generation);
        Ok(())
    }

    async fn run(&self, spec: &TaskSpec) -> Result<TaskId, Fault> {
        let mut state = self.enter("run_task").await?;
        if let Some(known) = state.tokens.get(&spec.client_token) {
            return Ok(known.clone());
        }
        let (generation, attempt) = (spec.generation, spec.attempt);
        if state.fences.get(&spec.workspace).is_some_and(|fence| *fence >= (generation, attempt)) {
            let words = "a stop was faster";
            return Err(Fault::Refused(Reason::new(ReasonClass::Internal, words)));
        }
        let mine = |task: &&Task| task.workspace == spec.workspace && alive(task);
        let others = state.tasks.values().filter(mine).count();
        if others > 0 {
            return Err(Fault::Taken { resource: "the workspace".to_owned() });
        }
        state.starts += 1;
        // It is another agent, and nobody has asked it to finish.
        state.held = false;
        state.most_alive = state.most_alive.max(others + 1);
        let id = TaskId(format!("task-{}", state.starts));
        let port = 20_000 + u16::try_from(state.starts).expect("few tasks");
        let task = Task {
            id: id.clone(),
            workspace: spec.workspace.clone(),
            generation,
            attempt,
            version: 1,
            status: match state.silent {
                true => TaskStatus::Starting,
                false => TaskStatus::Listening(SocketAddr::from(([127, 0, 0, 1], port))),
            },
        };
        state.tokens.insert(spec.client_token.clone(), id.clone());
        state.changes.push_back(task.clone());
        state.tasks.insert(id.clone(), task);
        Ok(id)
    }

    async fn describe(&self, task: &TaskId) -> Result<Option<Task>, Fault> {
        Ok(self.enter("await_address").await?.tasks.get(task).cloned())
    }

    async fn stop(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        attempt: Attempt,
        _: Duration,
    ) -> Result<bool, Fault> {
        let mut state = self.enter("stop_task").await?;
        if state.stays {
            return Ok(false);
        }
        let fence = state.fences.entry(id.clone()).or_default();
        *fence = (*fence).max((generation, attempt));
        for task in state.tasks.values_mut() {
            if task.workspace == *id && (task.generation, task.attempt) <= (generation, attempt) {
                let words = "it was stopped";
                task.status = TaskStatus::Stopped(Reason::new(ReasonClass::AgentExited, words));
            }
        }
        Ok(true)
    }

    async fn list(&self) -> Result<Vec<Task>, Fault> {
        let state = self.enter("list").await?;
        Ok(state.tasks.values().filter(|task| alive(task)).cloned().collect())
    }

    async fn changes(&self, _: Duration) -> Result<Vec<Task>, Fault> {
        Ok(self.enter("changes").await?.changes.drain(..).collect())
    }
}

#[async_trait]
impl Agents for Outside {
    async fn probe(&self, reach: &Reach) -> Result<Probe, Fault> {
        let mut state = self.enter("probe_ready").await?;
        if state.not_yet > 0 {
            state.not_yet -= 1;
            return Ok(Probe::NotYet("it is still starting".to_owned()));
        }
        let there = |task: &&Task| task.status == TaskStatus::Listening(reach.address);
        Ok(match state.tasks.values().find(there) {
            Some(task) if task.workspace == reach.workspace => Probe::Ready,
            Some(_) => Probe::Stranger("somebody else's agent answered".to_owned()),
            None => Probe::NotYet("nobody answers".to_owned()),
        })
    }

    async fn quiesce(&self, reach: &Reach, _: &str) -> Result<Quiesce, Fault> {
        let mut state = self.enter("quiesce").await?;
        if let Some(what) = state.busy.clone() {
            return Ok(Quiesce::Busy(what));
        }
        // Who asks late asks an agent that is gone, and not the one that came after it.
        let there = |task: &&Task| task.status == TaskStatus::Listening(reach.address);
        state.held |= state.tasks.values().any(|task| there(&task));
        Ok(Quiesce::Ready)
    }

    async fn resume(&self, _: &Reach, _: &str) -> Result<(), Fault> {
        self.enter("resume").await?.held = false;
        Ok(())
    }

    async fn wake_times(&self, _: &Reach) -> Result<Vec<Timestamp>, Fault> {
        Ok(self.enter("wake_times").await?.wakes.clone())
    }
}

#[async_trait]
impl Trial for Outside {
    async fn try_key(&self, _: &ProviderId, key: &Secret) -> Result<Tried, Fault> {
        let refused = self.state().refused_keys.contains(&events::token::key_print(key));
        Ok(if refused { Tried::Refused(401) } else { Tried::Taken })
    }
}
