//! Taking facts in. Every arm is a join: commutative, associative, idempotent.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Done, Failed, KEPT, KeyStep, Number, Request, Rotation, Rotations, Trouble};
use crate::event::Event;
use crate::provider::ProviderId;

/// What is said of workspaces or of single keys, and of no rotation.
macro_rules! about_no_rotation {
    () => {
        Event::UsageRecorded(_)
            | Event::Invited { .. }
            | Event::LoggedIn { .. }
            | Event::SettingsChanged { .. }
            | Event::StartRequested { .. }
            | Event::StopRequested { .. }
            | Event::ReplayRequested { .. }
            | Event::StepDone { .. }
            | Event::StepRetried { .. }
            | Event::StepDeferred(_)
            | Event::StepRefused { .. }
            | Event::StepUndone { .. }
            | Event::StepSkipped { .. }
            | Event::Parked { .. }
            | Event::Quiesced { .. }
            | Event::TaskChanged { .. }
            | Event::Ready { .. }
            | Event::Failed { .. }
            | Event::Stopped { .. }
            | Event::PurgeRequested { .. }
            | Event::Purged { .. }
            | Event::Active { .. }
            | Event::Busy { .. }
            | Event::NoticeGiven { .. }
            | Event::Snoozed { .. }
            | Event::WakePlanned { .. }
            | Event::KeyAdded { .. }
            | Event::KeyRemoved { .. }
    };
}

/// Of which provider's which rotation a fact tells, if of any.
pub(super) fn of(event: &Event) -> Option<(&ProviderId, Number)> {
    match event {
        Event::RotationRequested { provider, rotation, .. }
        | Event::RotationReplayRequested { provider, rotation, .. }
        | Event::RotationStepDone { provider, rotation, .. }
        | Event::RotationStepRetried { provider, rotation, .. }
        | Event::RotationStepRefused { provider, rotation, .. }
        | Event::RotationStepUndone { provider, rotation, .. }
        | Event::Rotated { provider, rotation }
        | Event::RotationRefused { provider, rotation, .. } => Some((provider, *rotation)),
        about_no_rotation!() => None,
    }
}

impl Rotations {
    /// The provider whose list a fact belongs to, if it is about a rotation.
    pub fn list_of(event: &Event) -> Option<&ProviderId> {
        of(event).map(|(provider, _)| provider)
    }

    /// Takes one fact into account. `at` is the time in its envelope.
    pub fn absorb(&mut self, at: Timestamp, event: &Event) {
        let Some((_, number)) = of(event) else { return };
        self.all.entry(number).or_default().absorb(at, event);
        // The highest numbers of all are the same in whatever order they came.
        while self.all.len() > KEPT {
            self.all.pop_first();
        }
    }
}

impl Rotation {
    fn absorb(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::RotationRequested { requested_by, new, retire, .. } => {
                let (by, new, retire) = (*requested_by, new.clone(), retire.clone());
                join_min(&mut self.requested, Request { at, by, new, retire });
                join_max(&mut self.progressed, at);
            }
            Event::RotationReplayRequested { attempt, from, .. } => {
                join_max(&mut self.replay, (*attempt, *from, at));
                join_max(&mut self.progressed, at);
            }
            Event::RotationStepDone { attempt, step, keys, .. } => {
                let done = Done { attempt: *attempt, at, keys: keys.clone() };
                join_in(&mut self.done, *step, done);
                join_max(&mut self.progressed, at);
            }
            Event::RotationStepUndone { attempt, step, .. } => {
                join_in(&mut self.undone, *step, *attempt);
                join_max(&mut self.progressed, at);
            }
            Event::RotationStepRetried { attempt, step, undoing, failures, reason, .. } => {
                let failed = if *undoing { &mut self.failed_back } else { &mut self.failed };
                let (attempt, failures, reason) = (*attempt, *failures, reason.clone());
                join_in(failed, *step, Failed { attempt, failures, at, reason });
            }
            Event::RotationStepRefused { attempt, step, undoing, reason, .. } => {
                let (attempt, step, reason) = (*attempt, *step, reason.clone());
                let trouble = if *undoing { &mut self.parked } else { &mut self.refused };
                join_max(trouble, Trouble { attempt, at, step, reason });
            }
            Event::RotationRefused { attempt, .. } => {
                join_max(&mut self.given_up, (*attempt, at));
            }
            Event::Rotated { .. } => join_min(&mut self.rotated, at),
            about_no_rotation!() => {}
        }
    }
}

fn join_in<T: Ord>(known: &mut BTreeMap<KeyStep, T>, step: KeyStep, new: T) {
    match known.get_mut(&step) {
        Some(known) if *known >= new => {}
        Some(known) => *known = new,
        None => {
            known.insert(step, new);
        }
    }
}

fn join_max<T: Ord>(known: &mut Option<T>, new: T) {
    if known.as_ref().is_none_or(|known| *known < new) {
        *known = Some(new);
    }
}

fn join_min<T: Ord>(known: &mut Option<T>, new: T) {
    if known.as_ref().is_none_or(|known| *known > new) {
        *known = Some(new);
    }
}
