//! What is known about one workspace: the fold of its journal.
//!
//! [`absorb`](Workspace::absorb) takes facts in, [`next`] says what must happen now. Both are
//! pure. Queues promise neither order nor uniqueness, so every field here is a join: the largest
//! attempt, the latest time, the set of what was seen. The same facts give the same workspace in
//! any order and however often each is repeated.

mod absorb;
mod idle;
mod next;
mod purge;
mod view;
mod ways;

#[cfg(test)]
mod dues;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod run;
#[cfg(test)]
mod story;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod transcripts;
#[cfg(test)]
mod troubles;

pub use next::{
    CRASH_RESTARTS_MAX, FAILURES_MAX, Next, UNDO_DEADLINE, class_of, due, next, too_late,
};
pub use purge::delete;
pub use ways::{WayOut, leave, replayable, ways_out};

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::event::{Activity, StartCause, StopReason, TaskState};
use crate::ids::{Attempt, Gen, TaskId, TeamId};
use crate::reason::Reason;
use crate::step::{Output, STEPS, Step};

/// The number of the rules by which a journal is folded into a [`Workspace`]. A store keeps it with
/// each fold and makes the fold anew from the events when it was made by other rules.
///
/// Raise it whenever [`absorb`](Workspace::absorb) comes to another result for the same facts, or
/// the shape of [`Workspace`] changes: else what older rules folded is taken for the truth.
pub const RULES: u32 = 4;

/// One workspace, as far as its journal tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// As a member of which team the person was invited or logged in last, and when.
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
    /// What is known of deleting what outlives generations.
    purge: purge::Purge,
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
    /// When and why it was asked to end; the earliest counts, and before any for idleness one that
    /// somebody meant.
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
    /// The latest wait for one's turn.
    deferred: Option<Deferred>,
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

/// A step's turn comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Deferred {
    attempt: Attempt,
    step: Step,
    at: Timestamp,
    until: Timestamp,
    place: u32,
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

impl Life {
    fn attempt(&self) -> Attempt {
        self.replay.map_or(Attempt(1), |(attempt, ..)| attempt)
    }

    /// The first step that this try runs again even if it was done.
    fn from(&self) -> Step {
        let from = self.replay.map_or(Step::PrepareHome, |(_, from, ..)| from);
        // A route goes by the try of its lease, and one that was closed opens no more: it needs a
        // new lease, and with it a task that knows the new token. A parked undo may have closed it.
        let lease = self.done.get(&Step::GrantLease).map(|done| done.attempt);
        let closed = self.undone.get(&Step::OpenRoute).copied();
        let torn = self.parked.as_ref().filter(|parked| parked.undoing).map(|by| by.attempt);
        if lease.is_some() && lease <= closed.max(torn) { from.min(Step::GrantLease) } else { from }
    }

    /// Whether an earlier try left something of this step that this one does not build on.
    fn is_stale(&self, step: Step) -> bool {
        let undone = self.undone.get(&step).copied();
        let earlier = |by: Attempt| by < self.attempt() && Some(by) > undone;
        let done = self.done.get(&step).map(|done| done.attempt).filter(|_| step >= self.from());
        // One that was refused or parked may have acted: no second task may come beside that, and no
        // second token. A second route takes the place of the first.
        let trouble = self.refused.iter().chain(&self.parked);
        let half = trouble.filter(|by| by.step == step && step != Step::OpenRoute);
        half.map(|trouble| trouble.attempt).chain(done).any(earlier)
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

    /// The turn that this try's step was given, if it had to wait for one.
    fn turn(&self, step: Step) -> Option<Deferred> {
        self.deferred.filter(|turn| turn.attempt == self.attempt() && turn.step == step)
    }

    fn last_failure(&self, step: Step, undoing: bool) -> Option<&Retried> {
        let same =
            |r: &&Retried| r.attempt == self.attempt() && r.step == step && r.undoing == undoing;
        self.retried.as_ref().filter(same)
    }

    fn failures(&self, step: Step, undoing: bool) -> u32 {
        self.last_failure(step, undoing).map_or(0, |retried| retried.failures)
    }
}
