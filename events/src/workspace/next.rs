//! What must happen now: the only place that decides it.
//!
//! A lost message can always be derived again from here, and a late, doubled or reordered one
//! finds nothing to do.

use jiff::{SignedDuration, Timestamp};

use super::idle::idle;
use super::{Life, Retried, Workspace};
use crate::event::{Event, StartCause, StopReason, TaskState};
use crate::ids::{Attempt, Gen};
use crate::policy::Policy;
use crate::reason::{Reason, ReasonClass};
use crate::step::{Class, STEPS, Step};

/// How often one step may fail within a try before it is refused or, going back, parked.
pub const FAILURES_MAX: u32 = 8;
/// How long taking one step back may last before a human must look.
pub const UNDO_DEADLINE: SignedDuration = SignedDuration::from_mins(5);
/// How often within a generation the system replays by itself after the agent ended unexpectedly.
pub const CRASH_RESTARTS_MAX: usize = 1;
/// How long it waits before it does: long enough to not hide a crash, short enough to be patient.
const CRASH_BACKOFF: SignedDuration = SignedDuration::from_secs(5);

/// What must happen now. There is never more than one thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one is made, looked at and dropped; a box would be an allocation for nothing"
)]
pub enum Next {
    /// Run this step.
    Do {
        /// Of which generation.
        generation: Gen,
        /// For which try.
        attempt: Attempt,
        /// Which step.
        step: Step,
    },
    /// Take this step back.
    Undo {
        /// Of which generation.
        generation: Gen,
        /// Up to which try.
        attempt: Attempt,
        /// Which step.
        step: Step,
    },
    /// Ask the agent to finish what it is doing, before it is stopped.
    Quiesce {
        /// Of which generation.
        generation: Gen,
        /// From when on it is stopped even if busy.
        until: Timestamp,
    },
    /// Ask the agent whether it is as idle as it looks.
    AskIdle {
        /// Of which generation.
        generation: Gen,
        /// Idle since when.
        idle_since: Timestamp,
        /// Whether the notice is over, so that a "ready" leads to the stop.
        stop: bool,
    },
    /// Write this down: it follows from what is known.
    Record(Event),
    /// Nothing until another fact arrives or this time passes.
    Wait {
        /// When to look again without a fact.
        until: Option<Timestamp>,
    },
}

/// Decides what must happen now, from what is known alone.
pub fn next(workspace: &Workspace, policy: &Policy, now: Timestamp) -> Next {
    if let Some(next) = workspace.next_of_purge(now) {
        return next;
    }
    // A start waits for the teardown before it: the oldest generation that is not over decides.
    let Some((&generation, life)) = workspace.lives.first_key_value() else {
        return asleep(workspace, policy, now);
    };
    let superseded = generation < workspace.generation();
    if life.requested.is_none() && life.stop.is_none() && !superseded {
        // Facts of a generation whose beginning has not arrived yet.
        return Next::Wait { until: None };
    }
    if life.is_parked() {
        return Next::Wait { until: None };
    }
    let stop = life
        .stop
        .clone()
        .or_else(|| superseded.then(|| (life.progressed.unwrap_or(now), StopReason::Superseded)));
    match stop {
        Some(stop) => tear_down(generation, life, stop, policy, now),
        None => bring_up(workspace, generation, life, policy, now),
    }
}

/// When what is to be done at once is due: long ago, so that it is overdue by every clock. Somebody
/// whose clock is ahead may write it down, and somebody else must find it.
const AT_ONCE: Timestamp = Timestamp::UNIX_EPOCH;

/// When time alone changes the answer of [`next`]; what timers are set to.
pub fn due(workspace: &Workspace, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
    match next(workspace, policy, now) {
        Next::Wait { until } => until,
        Next::Do { generation, step, .. } => workspace
            .lives
            .get(&generation)
            .map(|life| deadline(workspace, life, step, policy, now)),
        Next::Undo { step, .. } if step.is_kept() => Some(workspace.purge_deadline(now)),
        Next::Undo { generation, .. } => {
            workspace.lives.get(&generation).map(|life| undo_deadline(life, now))
        }
        Next::Quiesce { until, .. } => Some(until),
        Next::AskIdle { .. } | Next::Record(_) => Some(AT_ONCE),
    }
}

/// The queue whose consumer may do what is next.
pub fn class_of(next: &Next) -> Class {
    match next {
        Next::Do { step, .. } | Next::Undo { step, .. } => step.class(),
        Next::Quiesce { .. } | Next::AskIdle { .. } => Class::Routing,
        Next::Record(_) | Next::Wait { .. } => Class::Compute,
    }
}

fn bring_up(
    workspace: &Workspace,
    generation: Gen,
    life: &Life,
    policy: &Policy,
    now: Timestamp,
) -> Next {
    let attempt = life.attempt();
    if life.refusal().is_some() {
        return unwind(generation, life, now);
    }
    // The end of a task that this try takes back says nothing about this try.
    if let Some(refusal) = task_ended(generation, life).filter(|_| !life.is_stale(Step::RunTask)) {
        return Next::Record(refusal);
    }
    // What an earlier try left standing and this one makes anew is taken back first: there is never
    // a second task beside the first.
    let stale = |step: &Step| step.is_torn_down() && life.is_stale(*step);
    if let Some(step) = STEPS.into_iter().rev().find(stale) {
        return undo(generation, life, step, attempt.previous(), now);
    }
    match life.frontier() {
        Some(step) => forward(workspace, generation, life, step, policy, now),
        None if !life.is_ready() => Next::Record(Event::Ready { generation, attempt }),
        None => idle(workspace, generation, life, policy, now),
    }
}

fn forward(
    workspace: &Workspace,
    generation: Gen,
    life: &Life,
    step: Step,
    policy: &Policy,
    now: Timestamp,
) -> Next {
    let attempt = life.attempt();
    let refuse = |reason| Next::Record(Event::StepRefused { generation, attempt, step, reason });
    let retried = life.retried.as_ref().filter(|_| life.failures(step, false) > 0);
    // Time alone refuses nothing: after an outage of ours nobody has looked. Past its deadline a
    // step is tried once more.
    let deadline = deadline(workspace, life, step, policy, now);
    let over = |by: &&Retried| by.failures >= FAILURES_MAX || by.at >= deadline;
    if let Some(retried) = retried.filter(over) {
        return refuse(retried.reason.clone());
    }
    // What seems to have been written down in the future was so by a clock that is ahead.
    match life.turn(step).filter(|turn| turn.at <= now && now < turn.until) {
        Some(turn) => Next::Wait { until: Some(turn.until) },
        None => Next::Do { generation, attempt, step },
    }
}

/// The current try's task has ended although nobody asked it to.
fn task_ended(generation: Gen, life: &Life) -> Option<Event> {
    let running = life.done.get(&Step::RunTask).filter(|_| life.in_effect(Step::RunTask))?;
    let seen = life.task.as_ref().filter(|seen| seen.attempt == running.attempt)?;
    let TaskState::Stopped { reason } = &seen.state else { return None };
    let attempt = life.attempt();
    let step = life.frontier().unwrap_or(Step::RunTask);
    Some(Event::StepRefused { generation, attempt, step, reason: reason.clone() })
}

/// Takes back what a refused try made, the refused step included: an earlier delivery of it may
/// have died between acting and recording.
fn unwind(generation: Gen, life: &Life, now: Timestamp) -> Next {
    let attempt = life.attempt();
    if let Some(step) = left_to_undo(life) {
        return undo(generation, life, step, attempt, now);
    }
    let Some(refused) = life.refusal() else { return Next::Wait { until: None } };
    let Some((_, failed_at)) = life.failed.filter(|_| life.is_failed()) else {
        let (step, reason) = (refused.step, refused.reason.clone());
        return Next::Record(Event::Failed { generation, attempt, step, reason });
    };
    let was_ready = life.ready.is_some_and(|(ready, _)| ready == attempt);
    if !was_ready || life.restarts.len() >= CRASH_RESTARTS_MAX {
        return Next::Wait { until: None };
    }
    let again = failed_at.saturating_add(CRASH_BACKOFF).unwrap_or(failed_at);
    if now < again {
        return Next::Wait { until: Some(again) };
    }
    Next::Record(Event::ReplayRequested {
        generation,
        attempt: attempt.next(),
        from: Step::GrantLease,
        automatic: true,
    })
}

fn tear_down(
    generation: Gen,
    life: &Life,
    (asked, reason): (Timestamp, StopReason),
    policy: &Policy,
    now: Timestamp,
) -> Next {
    let gone = task_ended(generation, life).is_some();
    let was_up = life.ready.is_some_and(|(attempt, _)| attempt == life.attempt())
        && life.in_effect(Step::OpenRoute);
    if was_up && !life.quiesced && !gone && life.refusal().is_none() {
        let until = asked.saturating_add(policy.quiesce_max).unwrap_or(asked);
        return Next::Quiesce { generation, until };
    }
    match left_to_undo(life) {
        Some(step) => undo(generation, life, step, life.attempt(), now),
        None => Next::Record(Event::Stopped { generation, reason }),
    }
}

/// The last step that may have left something behind and has not been taken back since.
fn left_to_undo(life: &Life) -> Option<Step> {
    let frontier = life.refusal().map(|refused| refused.step).max(life.frontier());
    // An earlier try may have come further than this one and half done what it came to.
    let replayed = life.attempt() > Attempt(1);
    STEPS.into_iter().rev().find(|step| {
        let came = frontier.is_none_or(|frontier| *step <= frontier);
        let reached = came || replayed || life.done.contains_key(step);
        let undone = life.undone.get(step).is_some_and(|undone| *undone >= life.attempt());
        step.is_torn_down() && reached && !undone
    })
}

fn undo(generation: Gen, life: &Life, step: Step, attempt: Attempt, now: Timestamp) -> Next {
    let retried = life.retried.as_ref().filter(|_| life.failures(step, true) > 0);
    // Time alone parks nothing, for the same reason.
    let over = |by: &&Retried| by.failures >= FAILURES_MAX || by.at >= undo_deadline(life, now);
    let Some(retried) = retried.filter(over) else {
        return Next::Undo { generation, attempt, step };
    };
    let reason = retried.reason.clone();
    Next::Record(Event::Parked { generation, attempt: life.attempt(), step, undoing: true, reason })
}

fn asleep(workspace: &Workspace, policy: &Policy, now: Timestamp) -> Next {
    let Some(ending) = &workspace.ended else { return Next::Wait { until: None } };
    // Only an idle stop is lifted by the schedule: who stopped it on purpose meant it, and who was
    // deleted has no schedule.
    let idle = matches!(ending.reason, StopReason::Idle { .. })
        && !workspace.purge.covers(ending.generation);
    let planned = workspace.wake.filter(|(by, ..)| idle && *by == ending.generation);
    let Some(due) = planned.and_then(|(_, _, at)| at) else { return Next::Wait { until: None } };
    let wake = due.saturating_sub(policy.wake_lead).unwrap_or(due);
    if now < wake {
        return Next::Wait { until: Some(wake) };
    }
    let generation = ending.generation.next();
    Next::Record(Event::StartRequested { generation, cause: StartCause::Cron })
}

fn deadline(
    workspace: &Workspace,
    life: &Life,
    step: Step,
    policy: &Policy,
    now: Timestamp,
) -> Timestamp {
    // A start that waited for an older generation's teardown, or for a purge, begins when that is
    // over.
    let ended = workspace.ended.as_ref().map(|ending| ending.at);
    // Its time begins with its turn.
    let turn = life.turn(step).map(|turn| turn.until);
    let base = life.progressed.max(ended).max(workspace.purge.progressed()).max(turn);
    let base = base.unwrap_or(now);
    base.saturating_add(step.deadline(policy)).unwrap_or(base)
}

fn undo_deadline(life: &Life, now: Timestamp) -> Timestamp {
    let base = life.progressed.unwrap_or(now);
    base.saturating_add(UNDO_DEADLINE).unwrap_or(base)
}

/// Why a step that still waits at its deadline is refused.
pub fn too_late(step: Step, policy: &Policy) -> Reason {
    let (class, words) = match step {
        Step::ProbeReady => (
            ReasonClass::NotReadyInTime,
            format!("the agent started but was not ready within {:#}", step.deadline(policy)),
        ),
        Step::AwaitAddress => (
            ReasonClass::NotReadyInTime,
            format!("the agent started but did not listen within {:#}", step.deadline(policy)),
        ),
        Step::PrepareHome
        | Step::RegisterTask
        | Step::GrantLease
        | Step::RunTask
        | Step::OpenRoute => {
            (ReasonClass::DeadlinePassed, format!("{} was not done in time", step.name()))
        }
    };
    Reason::new(class, words).with_hint("look at the agent's log, then replay")
}
