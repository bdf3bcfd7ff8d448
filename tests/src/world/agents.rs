//! What runs in a task: an agent that is asked things at its address. It may be deaf, busy, or
//! somebody else's, when an address was given away.

use events::WorkspaceId;
use jiff::Timestamp;
use ports::{Agents, Fault, Probe, Quiesce, Reach, TaskSpec, TaskStatus, async_trait};

use super::seat::Call;
use super::tasks::Running;
use super::{Hazard, START_MS, Seat, State, Weather};

/// How long an agent that was asked to finish takes no new work.
const HELD_MS: i64 = 120_000;

/// One agent.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    pass: String,
    /// Of the token that its sidecar goes by.
    token_hash: String,
    ready_ms: i64,
    /// From when on it does not answer.
    deaf_ms: i64,
    busy_ms: i64,
    held: Option<(String, i64)>,
    /// When its scheduled work is due.
    wakes_ms: Vec<i64>,
}

impl Agent {
    pub(super) fn new(spec: &TaskSpec, listens_ms: i64, weather: &mut Weather) -> Self {
        let ready_ms = listens_ms.saturating_add(weather.between(0, 4_000));
        let deaf = weather.strikes(Hazard::DeafAgent);
        let deaf_ms =
            if deaf { ready_ms.saturating_add(weather.between(0, 600_000)) } else { i64::MAX };
        let pass = spec.pass.expose().to_owned();
        let token_hash = events::token::token_hash(spec.token.expose());
        Self { pass, token_hash, ready_ms, deaf_ms, busy_ms: 0, held: None, wakes_ms: Vec::new() }
    }

    /// From then on it is well.
    pub(super) fn heal(&mut self, by_ms: i64) {
        self.deaf_ms = i64::MAX;
        self.ready_ms = self.ready_ms.min(by_ms);
        self.busy_ms = self.busy_ms.min(by_ms);
    }

    /// Whether it takes no new work now.
    pub(super) fn is_held(&self, now: i64) -> bool {
        self.held.as_ref().is_some_and(|(_, until)| *until > now)
    }
}

impl super::compute::Cloud {
    /// Whether a workspace's live agent has been asked to finish and not been let go.
    pub fn is_held(&self, id: &WorkspaceId, now: i64) -> bool {
        self.tasks.values().any(|running| {
            let listens = matches!(running.task.status, TaskStatus::Listening(_));
            running.task.workspace == *id && listens && running.agent.is_held(now)
        })
    }

    /// The hash of the token with which a workspace's live agent calls models.
    pub fn token_hash_of(&self, id: &WorkspaceId) -> Option<String> {
        let listens = |running: &&Running| {
            running.task.workspace == *id && matches!(running.task.status, TaskStatus::Listening(_))
        };
        self.tasks.values().find(listens).map(|running| running.agent.token_hash.clone())
    }

    /// What a workspace's live agent says when it is asked for its schedule.
    pub fn schedule(&mut self, id: &WorkspaceId, wakes_ms: &[i64]) {
        for running in self.tasks.values_mut() {
            if running.task.workspace == *id {
                running.agent.wakes_ms = wakes_ms.to_vec();
            }
        }
    }

    /// Makes a workspace's live agent busy until then.
    pub fn keep_busy(&mut self, id: &WorkspaceId, until_ms: i64) {
        for running in self.tasks.values_mut() {
            if running.task.workspace == *id {
                running.agent.busy_ms = until_ms;
            }
        }
    }

    /// Who listens where `reach` leads, and whether it is whom it means.
    fn at(&mut self, reach: &Reach, now: i64) -> Option<(&mut Running, bool)> {
        self.tick(now);
        let there = |running: &&mut Running| {
            running.task.status == TaskStatus::Listening(reach.address)
                && running.agent.deaf_ms > now
        };
        let running = self.tasks.values_mut().find(there)?;
        let meant = running.agent.pass == reach.pass.expose();
        Some((running, meant))
    }

    fn ask(&mut self, reach: &Reach, now: i64) -> Result<&mut Agent, Fault> {
        match self.at(reach, now) {
            Some((running, true)) => Ok(&mut running.agent),
            Some((_, false)) => Err(Fault::unavailable("the agent", "it does not know its router")),
            None => Err(Fault::unavailable("the agent", "nobody answers")),
        }
    }
}

#[async_trait]
impl Agents for Seat {
    async fn probe(&self, reach: &Reach) -> Result<Probe, Fault> {
        let probe = |state: &mut State, now| {
            Ok(match state.cloud.at(reach, now) {
                Some((_, false)) => Probe::Stranger("somebody else's agent answers".to_owned()),
                Some((running, true)) if running.agent.ready_ms <= now => Probe::Ready,
                Some(_) => Probe::NotYet("it is still starting".to_owned()),
                None => Probe::NotYet("nobody answers".to_owned()),
            })
        };
        self.call(Call::Probe, probe).await
    }

    async fn quiesce(&self, reach: &Reach, request: &str) -> Result<Quiesce, Fault> {
        let quiesce = |state: &mut State, now| {
            let State { cloud, weather, .. } = state;
            let agent = cloud.ask(reach, now)?;
            if agent.busy_ms <= now && weather.strikes(Hazard::BusyAgent) {
                agent.busy_ms = now + weather.between(1_000, 300_000);
            }
            if agent.busy_ms > now {
                return Ok(Quiesce::Busy("a turn".to_owned()));
            }
            agent.held = Some((request.to_owned(), now + HELD_MS));
            Ok(Quiesce::Ready)
        };
        self.call(Call::Quiesce, quiesce).await
    }

    async fn resume(&self, reach: &Reach, request: &str) -> Result<(), Fault> {
        let resume = |state: &mut State, now| {
            let agent = state.cloud.ask(reach, now)?;
            agent.held = agent.held.take().filter(|(held, _)| held != request);
            Ok(())
        };
        self.call(Call::Resume, resume).await
    }

    async fn wake_times(&self, reach: &Reach) -> Result<Vec<Timestamp>, Fault> {
        let tell = |state: &mut State, now| {
            let agent = state.cloud.ask(reach, now)?;
            let times = agent.wakes_ms.iter().map(|at| Timestamp::from_millisecond(START_MS + at));
            Ok(times.filter_map(Result::ok).collect())
        };
        self.call(Call::WakeTimes, tell).await
    }
}
