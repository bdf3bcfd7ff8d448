//! What must happen now in a rotation: the only place that decides it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Failed, KEY_STEPS, KeyStep, Number, Policy, Rotation, Rotations};
use crate::event::Event;
use crate::ids::Attempt;
use crate::provider::ProviderId;

/// From when on a failure to take a step back is the last before a human must look.
pub const UNDO_DEADLINE: SignedDuration = SignedDuration::from_mins(60);
/// The first pause after a failed try; it doubles.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
/// The longest: so soon after an outage a rotation goes on.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// What is to be done at once was due long ago, by every clock.
const AT_ONCE: Timestamp = Timestamp::UNIX_EPOCH;

/// What must happen now. There is never more than one thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Run this step.
    Do {
        /// Of which rotation.
        rotation: Number,
        /// For which try.
        attempt: Attempt,
        /// Which step.
        step: KeyStep,
    },
    /// Take this step back.
    Undo {
        /// Of which rotation.
        rotation: Number,
        /// Up to which try.
        attempt: Attempt,
        /// Which step.
        step: KeyStep,
    },
    /// Write this down: it follows from what is known.
    Record(Box<Event>),
    /// Nothing until another fact arrives or this time passes.
    Wait {
        /// When to look again without a fact.
        until: Option<Timestamp>,
    },
}

/// Nothing until somebody asks for something.
const REST: Next = Next::Wait { until: None };

/// Decides what must happen now to a provider's keys, from what is known alone.
pub fn next(provider: &ProviderId, rotations: &Rotations, policy: &Policy, now: Timestamp) -> Next {
    let Some((number, rotation)) = rotations.all.last_key_value() else { return REST };
    let beginning = rotation.requested.is_some();
    if !beginning || rotation.rotated.is_some() || rotation.parking().is_some() {
        return REST;
    }
    let it = It { provider, number: *number, attempt: rotation.attempt(), rotation };
    if rotation.refusal().is_some() { it.unwind(now) } else { it.forward(policy, now) }
}

/// When time alone changes the answer of [`next`], or somebody must look because nobody has: what
/// timers are set to.
pub fn due(
    provider: &ProviderId,
    rotations: &Rotations,
    policy: &Policy,
    now: Timestamp,
) -> Option<Timestamp> {
    let newest = rotations.all.last_key_value().map(|(_, rotation)| rotation);
    let begun = newest.and_then(|rotation| rotation.progressed).unwrap_or(now);
    match next(provider, rotations, policy, now) {
        Next::Wait { until } => until,
        Next::Do { step, .. } => Some(after(begun, step.deadline())),
        Next::Undo { .. } => Some(after(begun, UNDO_DEADLINE)),
        Next::Record(_) => Some(AT_ONCE),
    }
}

/// One rotation at one of its tries.
struct It<'a> {
    provider: &'a ProviderId,
    number: Number,
    attempt: Attempt,
    rotation: &'a Rotation,
}

impl It<'_> {
    fn forward(&self, policy: &Policy, now: Timestamp) -> Next {
        let (attempt, rotation) = (self.attempt, self.number);
        let Some(step) = self.rotation.frontier() else { return self.rotated() };
        if step.only_waits() {
            return self.wait(step, policy, now);
        }
        match self.over(step, false, step.deadline()) {
            // The keys are rotated by then; the next rotation forgets what lies there.
            Some(_) if step == KeyStep::ForgetStaged => self.rotated(),
            Some(failed) => self.refuse(step, false, failed),
            None => self.rests(step, false, now).unwrap_or(Next::Do { rotation, attempt, step }),
        }
    }

    /// Lets the time pass after which every sidecar has looked at the pool again.
    fn wait(&self, step: KeyStep, policy: &Policy, now: Timestamp) -> Next {
        let before = KEY_STEPS.into_iter().rev().find(|before| *before < step);
        let changed = before.and_then(|before| self.rotation.done.get(&before));
        let until = changed.map_or(now, |changed| after(changed.at, policy.refreshed_within));
        if now < until {
            return Next::Wait { until: Some(until) };
        }
        let (provider, rotation) = (self.provider.clone(), self.number);
        let (attempt, keys) = (self.attempt, Vec::new());
        let done = Event::RotationStepDone { provider, rotation, attempt, step, keys };
        Next::Record(Box::new(done))
    }

    /// Takes back what a refused try did, the refused step included: an earlier delivery of it may
    /// have died between acting and recording.
    fn unwind(&self, now: Timestamp) -> Next {
        let (attempt, rotation) = (self.attempt, self.number);
        if let Some(step) = self.left_to_undo() {
            return match self.over(step, true, UNDO_DEADLINE) {
                Some(failed) => self.refuse(step, true, failed),
                None => {
                    self.rests(step, true, now).unwrap_or(Next::Undo { rotation, attempt, step })
                }
            };
        }
        let Some(refused) = self.rotation.refusal().filter(|_| !self.rotation.is_given_up()) else {
            return REST;
        };
        let (step, reason) = (refused.step, refused.reason.clone());
        let provider = self.provider.clone();
        Next::Record(Box::new(Event::RotationRefused { provider, rotation, attempt, step, reason }))
    }

    /// The last step that may have changed the pool and has not been taken back since. An earlier
    /// try may have come further than this one.
    fn left_to_undo(&self) -> Option<KeyStep> {
        let refused = self.rotation.refusal().map(|refused| refused.step);
        KEY_STEPS.into_iter().rev().find(|step| {
            let reached = refused >= Some(*step) || self.attempt > Attempt(1);
            let undone = self.rotation.undone.get(step).is_some_and(|by| *by >= self.attempt);
            step.is_undone() && reached && !undone
        })
    }

    /// The last failure of a step, if that was after its deadline.
    fn over(&self, step: KeyStep, undoing: bool, deadline: SignedDuration) -> Option<&Failed> {
        let begun = self.rotation.progressed?;
        self.rotation.failure(step, undoing).filter(|failed| failed.at >= after(begun, deadline))
    }

    /// What is left of the pause after a failure.
    fn rests(&self, step: KeyStep, undoing: bool, now: Timestamp) -> Option<Next> {
        let failed = self.rotation.failure(step, undoing)?;
        let doublings = failed.failures.saturating_sub(1).min(16);
        let pause = PAUSE_FIRST.saturating_mul(1 << doublings).min(PAUSE_MAX);
        let again = failed.at.saturating_add(pause).unwrap_or(failed.at);
        (now < again).then_some(Next::Wait { until: Some(again) })
    }

    fn refuse(&self, step: KeyStep, undoing: bool, failed: &Failed) -> Next {
        let (provider, rotation, attempt) = (self.provider.clone(), self.number, self.attempt);
        let reason = failed.reason.clone();
        let refused =
            Event::RotationStepRefused { provider, rotation, attempt, step, undoing, reason };
        Next::Record(Box::new(refused))
    }

    fn rotated(&self) -> Next {
        let (provider, rotation) = (self.provider.clone(), self.number);
        Next::Record(Box::new(Event::Rotated { provider, rotation }))
    }
}

fn after(at: Timestamp, time: SignedDuration) -> Timestamp {
    at.saturating_add(time).unwrap_or(at)
}
