//! What others may know of rotations: reading, and nothing else.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{KeyStep, Number, RequestedBy, Rotation, Rotations, Trouble};
use crate::ids::{Attempt, KeyPrint};
use crate::reason::Reason;

/// Where a rotation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// On its way.
    Running,
    /// A step was refused, and what was done is being taken back.
    Unwinding,
    /// The new keys are in force and nobody uses the old ones.
    Rotated,
    /// It did not work, and the old keys are in force; it can be replayed.
    Refused,
    /// What it did could not be taken back; a human must look.
    Parked,
}

impl Standing {
    /// The name on the wire and on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Unwinding => "unwinding",
            Self::Rotated => "rotated",
            Self::Refused => "refused",
            Self::Parked => "parked",
        }
    }

    /// Whether it moves without anybody asking.
    pub fn is_moving(self) -> bool {
        matches!(self, Self::Running | Self::Unwinding)
    }
}

/// One rotation as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RotationView {
    /// Its number.
    pub rotation: Number,
    /// Where it stands.
    pub standing: Standing,
    /// Its try.
    pub attempt: Attempt,
    /// The step at hand, or the one that was refused.
    pub step: Option<KeyStep>,
    /// Why it was refused or parked, or why the step at hand is tried again.
    pub reason: Option<Reason>,
    /// What asked.
    pub requested_by: Option<RequestedBy>,
    /// When it was asked for.
    pub requested_at: Option<Timestamp>,
    /// When it last moved.
    pub moved_at: Option<Timestamp>,
    /// The new keys.
    pub new: Vec<KeyPrint>,
    /// The keys that shall leave, or have left.
    pub retire: Vec<KeyPrint>,
}

impl Rotations {
    /// The number of the newest; 0 when there was none.
    pub fn newest(&self) -> Number {
        self.all.last_key_value().map_or(Number(0), |(number, _)| *number)
    }

    /// The newest as it stands.
    pub fn current(&self) -> Option<RotationView> {
        self.all.last_key_value().map(|(number, rotation)| rotation.view(*number))
    }

    /// All that are remembered, the newest first.
    pub fn views(&self) -> impl Iterator<Item = RotationView> {
        self.all.iter().rev().map(|(number, rotation)| rotation.view(*number))
    }

    /// The new keys of a rotation and those that it retires.
    pub fn keys(&self, rotation: Number) -> Option<(&[KeyPrint], &[KeyPrint])> {
        let request = self.all.get(&rotation)?.requested.as_ref()?;
        Some((&request.new, &request.retire))
    }

    /// How often a step of a rotation has failed within its present try.
    pub fn failures(&self, rotation: Number, step: KeyStep, undoing: bool) -> u32 {
        let rotation = self.all.get(&rotation);
        rotation.and_then(|it| it.failure(step, undoing)).map_or(0, |failed| failed.failures)
    }
}

impl Rotation {
    pub(super) fn standing(&self) -> Standing {
        if self.rotated.is_some() {
            Standing::Rotated
        } else if self.parking().is_some() {
            Standing::Parked
        } else if self.refusal().is_none() {
            Standing::Running
        } else if self.is_given_up() {
            Standing::Refused
        } else {
            Standing::Unwinding
        }
    }

    /// The refusal or parking of its present try. What cannot be taken back is what a human must
    /// look at.
    pub(super) fn trouble(&self) -> Option<&Trouble> {
        self.parking().or_else(|| self.refusal())
    }

    fn view(&self, rotation: Number) -> RotationView {
        let standing = self.standing();
        let trouble = self.trouble().filter(|_| standing != Standing::Rotated);
        let at_hand = self.frontier().filter(|_| standing == Standing::Running);
        let step = trouble.map(|trouble| trouble.step).or(at_hand);
        let failed = at_hand.and_then(|step| self.failure(step, false));
        let reason = trouble
            .map(|trouble| trouble.reason.clone())
            .or_else(|| failed.map(|failed| failed.reason.clone()));
        let request = self.requested.as_ref();
        let given_up = self.given_up.map(|(_, at)| at);
        RotationView {
            rotation,
            standing,
            attempt: self.attempt(),
            step,
            reason,
            requested_by: request.map(|request| request.by),
            requested_at: request.map(|request| request.at),
            moved_at: self.rotated.max(self.progressed).max(given_up),
            new: request.map(|request| request.new.clone()).unwrap_or_default(),
            retire: request.map(|request| request.retire.clone()).unwrap_or_default(),
        }
    }
}
