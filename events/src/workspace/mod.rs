//! What is known about one workspace: the fold of its journal.
//!
//! [`absorb`](Workspace::absorb) takes facts in, [`next`] says what must happen now. Both are
//! pure. Queues promise neither order nor uniqueness, so every field here is a join: the largest
//! attempt, the latest time, the set of what was seen. The same facts give the same workspace in
//! any order and however often each is repeated.

mod absorb;
mod idle;
mod next;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod story;
#[cfg(test)]
mod transcripts;

pub use next::{
    CRASH_RESTARTS_MAX, FAILURES_MAX, Next, UNDO_DEADLINE, class_of, due, next, replayable,
};

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

use crate::event::{Activity, StartCause, StopReason, TaskState};
use crate::ids::{Attempt, Gen, TaskId, TeamId};
use crate::policy::Policy;
use crate::reason::Reason;
use crate::step::{Output, STEPS, Step};

/// One workspace, as far as its journal tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// When and as a member of which team the person logged in last.
    team: Option<(Timestamp, TeamId)>,
    /// The last settings: revision, idle time-out.
    settings: Option<(u64, Option<SignedDuration>)>,
    /// The highest generation of which nothing is left; facts about it or older ones are void.
    ended: Option<Ending>,
    /// What is known of later generations.
    lives: BTreeMap<Gen, Life>,
    /// The last use.
    active: Option<(Timestamp, Activity)>,
    /// What the agent last said about its schedule: by which generation, when, and what.
    wake: Option<(Gen, Timestamp, Option<Timestamp>)>,
}

/// How the last generation that is over ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ending {
    /// Which.
    pub generation: Gen,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: StopReason,
}

/// What is known of one generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Life {
    /// When and by what it was asked for; the earliest counts.
    requested: Option<(Timestamp, StartCause)>,
    /// When and why it was asked to end; the earliest counts.
    stop: Option<(Timestamp, StopReason)>,
    /// The latest replay: its number, first step, whether automatic, and when.
    replay: Option<(Attempt, Step, bool, Timestamp)>,
    /// How many replays the system asked for itself.
    restarts: BTreeMap<Attempt, ()>,
    /// What each step made, by the latest try.
    done: BTreeMap<Step, Done>,
    /// Up to which try what a step made is gone.
    undone: BTreeMap<Step, Attempt>,
    /// The latest refusal.
    refused: Option<Trouble>,
    /// The latest parking.
    parked: Option<Trouble>,
    /// The latest failed try of the step at hand.
    retried: Option<Retried>,
    /// When a try was ready.
    ready: Option<(Attempt, Timestamp)>,
    /// Which try was declared failed, and when.
    failed: Option<(Attempt, Timestamp)>,
    /// Whether the agent has been asked to finish.
    quiesced: bool,
    /// What the compute said last.
    task: Option<TaskSeen>,
    /// The latest notice: idle since, given at, stops at.
    notice: Option<Notice>,
    /// No idle stop before this.
    snoozed: Option<Timestamp>,
    /// The latest busy answer: when, and how many in a row.
    busy: Option<(Timestamp, u32)>,
    /// When the last step forward or back was made.
    progressed: Option<Timestamp>,
}

/// What a step made, and by which try.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Done {
    attempt: Attempt,
    output: Output,
}

/// A refusal or a parking.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Trouble {
    /// In which try.
    pub attempt: Attempt,
    /// When.
    pub at: Timestamp,
    /// At which step.
    pub step: Step,
    /// Whether it was being taken back.
    pub undoing: bool,
    /// Why.
    pub reason: Reason,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Retried {
    attempt: Attempt,
    at: Timestamp,
    step: Step,
    undoing: bool,
    failures: u32,
    reason: Reason,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct TaskSeen {
    attempt: Attempt,
    version: u64,
    task: TaskId,
    state: TaskState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Notice {
    given: Timestamp,
    idle_since: Timestamp,
    stop_at: Timestamp,
}

/// Where a workspace stands, for people and for searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing runs; a login wakes it.
    Asleep,
    /// On its way up.
    Starting,
    /// In use, or ready to be.
    Ready,
    /// On its way down.
    Stopping,
    /// The last start did not work and was unwound; it can be replayed.
    Failed,
    /// A human must look.
    Parked,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 6] =
        [Self::Asleep, Self::Starting, Self::Ready, Self::Stopping, Self::Failed, Self::Parked];

    /// The name on the wire and on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Asleep => "asleep",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Stopping => "stopping",
            Self::Failed => "failed",
            Self::Parked => "parked",
        }
    }
}

/// What a notice tells the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopNotice {
    /// Since when it has been idle.
    pub idle_since: Timestamp,
    /// When it will stop.
    pub stop_at: Timestamp,
}

impl Workspace {
    /// The highest generation that was ever mentioned; 0 before the first start.
    pub fn generation(&self) -> Gen {
        let ended = self.ended.as_ref().map_or(Gen(0), |ending| ending.generation);
        self.lives.last_key_value().map_or(ended, |(generation, _)| (*generation).max(ended))
    }

    /// The try that the highest generation is at; 1 before the first replay.
    pub fn attempt(&self) -> Attempt {
        self.lives.last_key_value().map_or(Attempt(1), |(_, life)| life.attempt())
    }

    /// The person's team, once they have logged in.
    pub fn team(&self) -> Option<&TeamId> {
        self.team.as_ref().map(|(_, team)| team)
    }

    /// The idle time-out that the person asked for.
    pub fn idle_wish(&self) -> Option<SignedDuration> {
        self.settings.and_then(|(_, wish)| wish)
    }

    /// The revision that the next change of settings must carry.
    pub fn settings_revision(&self) -> u64 {
        self.settings.map_or(1, |(revision, _)| revision.saturating_add(1))
    }

    /// How the last generation that is over ended.
    pub fn ending(&self) -> Option<&Ending> {
        self.ended.as_ref()
    }

    /// The last use of the workspace.
    pub fn last_active(&self) -> Option<Timestamp> {
        self.active.map(|(at, _)| at)
    }

    /// When the agent's next scheduled work is due, as far as it said.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.wake.and_then(|(_, _, at)| at)
    }

    /// What a generation's agent last said about its schedule; `None` when it has said nothing.
    pub fn known_wake(&self, generation: Gen) -> Option<Option<Timestamp>> {
        self.wake.filter(|(by, ..)| *by == generation).map(|(_, _, at)| at)
    }

    /// Where it stands. The oldest generation that is not over decides: a start waits for the
    /// teardown before it.
    pub fn status(&self) -> Status {
        let newest = self.generation();
        for (generation, life) in &self.lives {
            if life.requested.is_none() && life.stop.is_none() {
                continue;
            }
            if life.is_parked() {
                return Status::Parked;
            }
            if life.stop.is_some() {
                if *generation == newest {
                    return Status::Stopping;
                }
                continue;
            }
            if *generation < newest {
                continue;
            }
            return match (life.is_failed(), life.is_ready()) {
                (true, _) => Status::Failed,
                (false, true) => Status::Ready,
                (false, false) => Status::Starting,
            };
        }
        Status::Asleep
    }

    /// The step that is next on the way up, while starting.
    pub fn current_step(&self) -> Option<Step> {
        let (_, life) = self.lives.last_key_value()?;
        if life.refusal().is_some() || life.stop.is_some() { None } else { life.frontier() }
    }

    /// The newest generation's refusal or parking, while it stands.
    pub fn trouble(&self) -> Option<&Trouble> {
        let parked =
            self.lives.values().find_map(|life| life.parked.as_ref().filter(|_| life.is_parked()));
        parked.or_else(|| self.lives.last_key_value().and_then(|(_, life)| life.refusal()))
    }

    /// The failed try of the step at hand, with how often it has failed.
    pub fn last_retry(&self) -> Option<(Step, u32, &Reason)> {
        let (_, life) = self.lives.last_key_value()?;
        let retried = life.retried.as_ref().filter(|r| r.attempt == life.attempt())?;
        Some((retried.step, retried.failures, &retried.reason))
    }

    /// How often the step at hand has failed within this try.
    pub fn failures(&self, generation: Gen, step: Step, undoing: bool) -> u32 {
        self.lives.get(&generation).map_or(0, |life| life.failures(step, undoing))
    }

    /// What a step of a generation made, while it is in effect.
    pub fn output(&self, generation: Gen, step: Step) -> Option<&Output> {
        let life = self.lives.get(&generation)?;
        life.done.get(&step).filter(|_| life.in_effect(step)).map(|done| &done.output)
    }

    /// The task of a generation, while it is in effect.
    pub fn task(&self, generation: Gen) -> Option<&TaskId> {
        match self.output(generation, Step::RunTask)? {
            Output::Task { task } => Some(task),
            _ => None,
        }
    }

    /// The try that started the task of a generation; the current one when none has.
    pub fn task_attempt(&self, generation: Gen) -> Attempt {
        let life = self.lives.get(&generation);
        let done = life.and_then(|life| life.done.get(&Step::RunTask));
        done.map_or_else(|| self.attempt(), |done| done.attempt)
    }

    /// The try whose token a generation's sidecar and pass go by.
    pub fn lease_attempt(&self, generation: Gen) -> Option<Attempt> {
        match self.output(generation, Step::GrantLease)? {
            Output::Lease { attempt } => Some(*attempt),
            _ => None,
        }
    }

    /// Where the task of a generation listens.
    pub fn address(&self, generation: Gen) -> Option<SocketAddr> {
        match self.output(generation, Step::AwaitAddress)? {
            Output::Address { address } => Some(*address),
            _ => None,
        }
    }

    /// Whether this generation is wanted up: asked for, not asked to stop, and the newest.
    pub fn wants_up(&self, generation: Gen) -> bool {
        let wanted = |life: &Life| life.requested.is_some() && life.stop.is_none();
        self.generation() == generation && self.lives.get(&generation).is_some_and(wanted)
    }

    /// When the newest generation was asked for and what for, while it is not over.
    pub fn requested(&self) -> Option<(Timestamp, StartCause)> {
        self.lives.last_key_value().and_then(|(_, life)| life.requested)
    }

    /// When the newest generation became ready, while it is.
    pub fn ready_since(&self) -> Option<Timestamp> {
        let (_, life) = self.lives.last_key_value()?;
        life.ready.filter(|_| life.is_ready()).map(|(_, at)| at)
    }

    /// How often in a row the agent has just said that it is busy. An answer that is older than
    /// twice the time between two looks begins a new row.
    pub fn busy_looks(&self, policy: &Policy, now: Timestamp) -> u32 {
        let busy = self.lives.last_key_value().and_then(|(_, life)| life.busy);
        let row = policy.busy_again.saturating_mul(2);
        busy.filter(|(at, _)| now.duration_since(*at) <= row).map_or(0, |(_, looks)| looks)
    }
}

impl Life {
    fn attempt(&self) -> Attempt {
        self.replay.map_or(Attempt(1), |(attempt, ..)| attempt)
    }

    /// The first step that this try runs again even if it was done.
    fn from(&self) -> Step {
        self.replay.map_or(Step::PrepareHome, |(_, from, ..)| from)
    }

    fn in_effect(&self, step: Step) -> bool {
        let done = self.done.get(&step).map(|done| done.attempt);
        done > self.undone.get(&step).copied()
    }

    /// Whether this try may go on to the step after `step`.
    fn is_done(&self, step: Step) -> bool {
        let this_try = self.done.get(&step).is_some_and(|done| done.attempt == self.attempt());
        // An address or a readiness that an earlier try saw says nothing about this one's task.
        let of_its_time = matches!(step, Step::AwaitAddress | Step::ProbeReady);
        if step >= self.from() || of_its_time { this_try } else { self.in_effect(step) }
    }

    /// The first step that is not done; `None` when all are.
    fn frontier(&self) -> Option<Step> {
        STEPS.into_iter().find(|step| !self.is_done(*step))
    }

    fn refusal(&self) -> Option<&Trouble> {
        self.refused.as_ref().filter(|refused| refused.attempt == self.attempt())
    }

    fn is_parked(&self) -> bool {
        let parked = self.parked.as_ref().filter(|parked| parked.attempt == self.attempt());
        // Stop wins over a parked start: it takes back what there is. Only a parked undo blocks it.
        parked.is_some_and(|parked| parked.undoing || self.stop.is_none())
    }

    fn is_failed(&self) -> bool {
        self.failed.is_some_and(|(attempt, _)| attempt == self.attempt())
    }

    fn is_ready(&self) -> bool {
        self.ready.is_some_and(|(attempt, _)| attempt == self.attempt()) && self.refusal().is_none()
    }

    fn failures(&self, step: Step, undoing: bool) -> u32 {
        let same =
            |r: &&Retried| r.attempt == self.attempt() && r.step == step && r.undoing == undoing;
        self.retried.as_ref().filter(same).map_or(0, |retried| retried.failures)
    }
}
