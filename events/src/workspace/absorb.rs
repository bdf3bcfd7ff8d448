//! Taking facts in. Every arm is a join: commutative, associative, idempotent.

use std::cmp::Reverse;

use jiff::Timestamp;

use super::{Deferred, Done, Ending, Life, Notice, Retried, TaskSeen, Trouble, Workspace};
use crate::admission::Deferral;
use crate::event::{Activity, Event, StopReason};
use crate::ids::{Attempt, Gen};
use crate::step::{Output, Step};

/// So many busy answers in a row are real work. A heartbeat's turn is over sooner.
pub(super) const BUSY_LOOKS_REAL: u32 = 3;

/// What is said of the key pool, and says nothing of any workspace.
macro_rules! about_a_pool {
    () => {
        Event::KeyAdded { .. }
            | Event::KeyRemoved { .. }
            | Event::RotationRequested { .. }
            | Event::RotationReplayRequested { .. }
            | Event::RotationStepDone { .. }
            | Event::RotationStepRetried { .. }
            | Event::RotationStepRefused { .. }
            | Event::RotationStepUndone { .. }
            | Event::Rotated { .. }
            | Event::RotationRefused { .. }
    };
}

impl Workspace {
    /// Takes one fact into account. `at` is the time in its envelope.
    pub fn absorb(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::Invited { team } | Event::LoggedIn { team } => {
                join_max(&mut self.team, (at, team.clone()));
            }
            Event::SettingsChanged { revision, idle_timeout } => {
                join_max(&mut self.settings, (*revision, *idle_timeout));
            }
            Event::Stopped { generation, reason } => self.end(*generation, at, reason),
            Event::Active { activity, .. } => join_max(&mut self.active, (at, *activity)),
            Event::WakePlanned { generation, at: due } => {
                join_max(&mut self.wake, (*generation, at, *due));
            }
            Event::Busy { generation, looks, .. } => {
                if *looks >= BUSY_LOOKS_REAL {
                    join_max(&mut self.active, (at, Activity::ToolRunning));
                }
                self.live(*generation, |life| join_max(&mut life.busy, (at, *looks)));
            }
            Event::PurgeRequested { generation, attempt } => {
                self.purge.ask(at, *generation, *attempt);
                // What is to be deleted is to end.
                let stop =
                    Event::StopRequested { generation: *generation, reason: StopReason::Admin };
                self.live(*generation, |life| life.absorb(at, &stop));
            }
            Event::Purged { generation } => self.purge.end(*generation),
            Event::StepUndone { generation, step, .. } if step.is_kept() => {
                self.purge.step_undone(at, *generation, *step);
            }
            Event::StepRetried { generation, attempt, step, undoing: true, failures, reason }
                if step.is_kept() =>
            {
                let (attempt, step, undoing, failures) = (*attempt, *step, true, *failures);
                let reason = reason.clone();
                let retried = Retried { attempt, at, step, undoing, failures, reason };
                self.purge.fail(*generation, retried);
            }
            Event::Parked { generation, attempt, step, undoing: true, reason }
                if step.is_kept() =>
            {
                self.purge.park(*generation, trouble(*attempt, at, *step, true, reason));
            }
            Event::StartRequested { generation, .. }
            | Event::StopRequested { generation, .. }
            | Event::ReplayRequested { generation, .. }
            | Event::StepDone { generation, .. }
            | Event::StepRetried { generation, .. }
            | Event::StepRefused { generation, .. }
            | Event::StepUndone { generation, .. }
            | Event::StepSkipped { generation, .. }
            | Event::Parked { generation, .. }
            | Event::Quiesced { generation, .. }
            | Event::TaskChanged { generation, .. }
            | Event::Ready { generation, .. }
            | Event::Failed { generation, .. }
            | Event::NoticeGiven { generation, .. }
            | Event::Snoozed { generation, .. }
            | Event::StepDeferred(Deferral { generation, .. }) => {
                self.live(*generation, |life| life.absorb(at, event));
            }
            Event::UsageRecorded(_) | about_a_pool!() => {}
        }
    }

    /// Changes what is known of a generation, unless it is over.
    fn live(&mut self, generation: Gen, change: impl FnOnce(&mut Life)) {
        if self.ended.as_ref().is_none_or(|ending| ending.generation < generation) {
            change(self.lives.entry(generation).or_default());
        }
    }

    fn end(&mut self, generation: Gen, at: Timestamp, reason: &StopReason) {
        join_ending(&mut self.ended, Ending { generation, at, reason: reason.clone() });
        let over = self.ended.as_ref().map_or(Gen(0), |ending| ending.generation);
        self.lives.retain(|generation, _| *generation > over);
    }
}

impl Life {
    fn absorb(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::StartRequested { cause, .. } => {
                join_min(&mut self.requested, (at, *cause));
                self.progress(at);
            }
            Event::StopRequested { reason, .. } => {
                join_stop(&mut self.stop, (at, reason.clone()));
                self.progress(at);
            }
            Event::ReplayRequested { attempt, from, automatic, .. } => {
                join_max(&mut self.replay, (*attempt, *from, *automatic, at));
                if *automatic {
                    self.restarts.insert(*attempt, ());
                }
                self.progress(at);
            }
            Event::StepDone { attempt, step, output, .. } => {
                self.step_done(at, *step, Done { attempt: *attempt, output: output.clone() });
            }
            Event::StepRetried { attempt, step, undoing, failures, reason, .. } => {
                let (attempt, step, undoing, failures) = (*attempt, *step, *undoing, *failures);
                let reason = reason.clone();
                let new = Retried { attempt, at, step, undoing, failures, reason };
                join_max(&mut self.retried, new);
            }
            Event::StepDeferred(wait) => self.step_deferred(at, wait),
            Event::StepRefused { attempt, step, reason, .. } => {
                join_first(&mut self.refused, trouble(*attempt, at, *step, false, reason));
                self.progress(at);
            }
            Event::StepUndone { attempt, step, .. }
            | Event::StepSkipped { attempt, step, undoing: true, .. } => {
                self.step_undone(at, *step, *attempt);
            }
            Event::StepSkipped { attempt, step, undoing: false, .. } => {
                self.step_done(at, *step, Done { attempt: *attempt, output: Output::Nothing });
            }
            Event::Parked { attempt, step, undoing, reason, .. } => {
                join_first(&mut self.parked, trouble(*attempt, at, *step, *undoing, reason));
            }
            Event::Quiesced { .. } => {
                self.quiesced = true;
                self.progress(at);
            }
            Event::Ready { attempt, .. } => join_max(&mut self.ready, (*attempt, at)),
            Event::Failed { attempt, .. } => join_max(&mut self.failed, (*attempt, at)),
            Event::TaskChanged { attempt, task, version, state, .. } => {
                let (attempt, version, task) = (*attempt, *version, task.clone());
                join_max(&mut self.task, TaskSeen { attempt, version, task, state: state.clone() });
            }
            Event::NoticeGiven { idle_since, stop_at, .. } => {
                let new = Notice { given: at, idle_since: *idle_since, stop_at: *stop_at };
                join_max(&mut self.notice, new);
            }
            Event::Snoozed { until, .. } => join_max(&mut self.snoozed, *until),
            // About the workspace as a whole, or about none.
            Event::Invited { .. }
            | Event::LoggedIn { .. }
            | Event::SettingsChanged { .. }
            | Event::Stopped { .. }
            | Event::PurgeRequested { .. }
            | Event::Purged { .. }
            | Event::Active { .. }
            | Event::WakePlanned { .. }
            | Event::Busy { .. }
            | Event::UsageRecorded(_)
            | about_a_pool!() => {}
        }
    }

    fn step_deferred(&mut self, at: Timestamp, wait: &Deferral) {
        let Deferral { attempt, step, until, place, .. } = *wait;
        join_max(&mut self.deferred, Deferred { attempt, step, at, until, place });
    }

    fn step_undone(&mut self, at: Timestamp, step: Step, attempt: Attempt) {
        self.progress(at);
        let undone = self.undone.entry(step).or_default();
        *undone = (*undone).max(attempt);
    }

    fn step_done(&mut self, at: Timestamp, step: Step, done: Done) {
        self.progress(at);
        match self.done.get_mut(&step) {
            Some(known) if *known >= done => {}
            Some(known) => *known = done,
            None => {
                self.done.insert(step, done);
            }
        }
    }

    fn progress(&mut self, at: Timestamp) {
        join_max(&mut self.progressed, at);
    }
}

fn trouble(
    attempt: Attempt,
    at: Timestamp,
    step: Step,
    undoing: bool,
    reason: &crate::reason::Reason,
) -> Trouble {
    Trouble { attempt, at, step, undoing, reason: reason.clone() }
}

pub(super) fn join_max<T: Ord>(known: &mut Option<T>, new: T) {
    if known.as_ref().is_none_or(|known| *known < new) {
        *known = Some(new);
    }
}

fn join_min<T: Ord>(known: &mut Option<T>, new: T) {
    if known.as_ref().is_none_or(|known| *known > new) {
        *known = Some(new);
    }
}

/// Of the latest try the first trouble: what was refused first is why the try unwinds. A parked
/// undo comes before what was parked on the way up, because no stop lifts it.
fn join_first(known: &mut Option<Trouble>, new: Trouble) {
    fn first(trouble: &Trouble) -> impl Ord + '_ {
        (trouble.attempt, trouble.undoing, Reverse(trouble))
    }
    if known.as_ref().is_none_or(|known| first(known) < first(&new)) {
        *known = Some(new);
    }
}

/// Of the highest generation the latest ending, and before one for idleness any that somebody meant:
/// clocks differ, and what stopped for idleness is woken by its schedule.
fn join_ending(known: &mut Option<Ending>, new: Ending) {
    fn last(ending: &Ending) -> impl Ord + '_ {
        (ending.generation, !matches!(ending.reason, StopReason::Idle { .. }), ending)
    }
    if known.as_ref().is_none_or(|known| last(known) < last(&new)) {
        *known = Some(new);
    }
}

/// The earliest stop, and before one for idleness any that somebody meant: what stops for idleness
/// is woken by its schedule.
fn join_stop(known: &mut Option<(Timestamp, StopReason)>, new: (Timestamp, StopReason)) {
    fn first((at, reason): &(Timestamp, StopReason)) -> impl Ord + '_ {
        (matches!(reason, StopReason::Idle { .. }), *at, reason)
    }
    if known.as_ref().is_none_or(|known| first(&new) < first(known)) {
        *known = Some(new);
    }
}
