//! What becomes of a task: a plan that is made at its start, by the weather.

use std::net::SocketAddr;

use events::{Reason, ReasonClass, TaskId};
use ports::{Task, TaskSpec, TaskStatus};

use super::agents::Agent;
use super::{Hazard, Weather};

/// A change that is told twice comes again after this.
const AGAIN_MS: i64 = 45_000;
/// The version that a task has after its first change.
const FIRST_CHANGE: u64 = 2;

/// A task and what becomes of it.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) task: Task,
    pub(super) address: SocketAddr,
    pub(super) listens_ms: i64,
    pub(super) ends_ms: Option<(i64, &'static str)>,
    pub(super) agent: Agent,
    /// Whether its changes are told: once, twice or never.
    told: u8,
    /// How late its first change is told: events come in any order.
    late_ms: i64,
}

impl Running {
    /// What will become of a task.
    pub(super) fn plan(
        id: &TaskId,
        spec: &TaskSpec,
        address: SocketAddr,
        now: i64,
        weather: &mut Weather,
    ) -> Self {
        let mut listens_ms = now + weather.between(0, 12_000);
        if weather.strikes(Hazard::SlowTask) {
            listens_ms += weather.between(10_000, 170_000);
        }
        if weather.strikes(Hazard::SilentTask) {
            listens_ms = i64::MAX;
        }
        let mut ends_ms = None;
        if weather.strikes(Hazard::TaskDiesStarting) {
            ends_ms = Some((now + weather.between(0, 10_000), "it ended before it listened"));
        } else if weather.strikes(Hazard::TaskDiesReady) {
            let at = listens_ms.saturating_add(weather.between(0, 30_000));
            ends_ms = Some((at, "it ran out of memory"));
        }
        let told =
            match (weather.strikes(Hazard::LostChange), weather.strikes(Hazard::DoubledChange)) {
                (true, _) => 0,
                (false, true) => 2,
                (false, false) => 1,
            };
        let task = Task {
            id: id.clone(),
            workspace: spec.workspace.clone(),
            generation: spec.generation,
            attempt: spec.attempt,
            version: 1,
            status: TaskStatus::Starting,
        };
        let agent = Agent::new(spec, listens_ms, weather);
        let late = weather.strikes(Hazard::LateChange);
        let late_ms = if late { weather.between(1_000, 300_000) } else { 0 };
        Self { task, address, listens_ms, ends_ms, agent, told, late_ms }
    }

    pub(super) fn ends_at(&self) -> i64 {
        self.ends_ms.map_or(i64::MAX, |(at, _)| at)
    }

    /// The change that has come by now, if any: at most one, the last.
    pub(super) fn advance(&mut self, now: i64) -> Option<Task> {
        let ended = self.ends_ms.filter(|(at, _)| *at <= now && is_alive(&self.task));
        if let Some((_, words)) = ended {
            let reason = Reason::new(ReasonClass::AgentExited, words);
            self.task.status = TaskStatus::Stopped(reason);
        } else if self.task.status == TaskStatus::Starting && self.listens_ms <= now {
            self.task.status = TaskStatus::Listening(self.address);
        } else {
            return None;
        }
        self.task.version += 1;
        Some(self.task.clone())
    }

    /// When its last change is told, each time.
    pub(super) fn told_at(&self, now: i64) -> impl Iterator<Item = i64> + use<> {
        let late = if self.task.version == FIRST_CHANGE { self.late_ms } else { 0 };
        (0..self.told).map(move |copy| now + late + i64::from(copy) * AGAIN_MS)
    }
}

pub(super) fn is_alive(task: &Task) -> bool {
    !matches!(task.status, TaskStatus::Stopped(_))
}
