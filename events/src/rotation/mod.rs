//! What is known about the rotations of one provider's keys: the fold of its list, and the rules of
//! a rotation. A rotation is to the pool what a start is to a workspace: a process of steps that are
//! retried, taken back and replayed, of which a message says only "look".
//!
//! **One list for each provider.** An append is conditional on the list's version, so that there is
//! never a second rotation of the same keys beside the first. A rotation's [`Number`] is to it what a
//! generation is to a workspace; a replay is its next [`Attempt`].
//!
//! **Steps**: `try_keys` → `write_version` → `await_refresh` → `retire_old` → `await_retired` →
//! `forget_staged` → rotated. The old keys are in force until `retire_old`, and whatever is refused
//! before the end is taken back: what was retired comes back, what was written goes, as far as it
//! is ours. `await_refresh` lets every sidecar learn the new keys before the old ones go;
//! `await_retired` lets every sidecar forget the old ones before anybody is told that they are used
//! no more. Both are times of the rules and hold no message.
//!
//! **No key is here**: a fact names a key by its fingerprint. The keys themselves lie beside the
//! pool, in its own store, as Secrets Manager has `AWSPENDING` and `AWSPREVIOUS` beside
//! `AWSCURRENT` (docs.aws.amazon.com/secretsmanager, "Secret versions").
//!
//! Every field of the fold is a join, so that the same facts in any order, however often each is
//! repeated, are the same rotation.

mod absorb;
mod next;
mod request;
mod step;
mod view;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{Attempt, KeyPrint};
use crate::provider::ProviderId;
use crate::reason::Reason;

pub use next::{Next, UNDO_DEADLINE, due, next};
pub use request::{NEW_KEYS_MAX, Wish, replay, request};
pub use step::{KEY_STEPS, KeyStep};
pub use view::{RotationView, Standing};

/// The number of the rules by which a list is folded; see [`crate::workspace::RULES`].
pub const RULES: u32 = 1;
/// How many rotations of a provider are remembered: only the newest is acted on, the others are
/// history for people.
pub const KEPT: usize = 20;
/// How much later than a snapshot of the pool may be believed a request may still be sent with a key
/// of it: a request takes its keys first and may then read its body.
const SENT_LATER: SignedDuration = SignedDuration::from_secs(2);

/// The number of a rotation among those of its provider. The first is 1.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct Number(pub u64);

impl Number {
    /// The one after this.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Names one rotation to people: `anthropic-3`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RotationId {
    /// Whose keys.
    pub provider: ProviderId,
    /// Which of its rotations.
    pub rotation: Number,
}

impl fmt::Display for RotationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.provider, self.rotation)
    }
}

impl std::str::FromStr for RotationId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = "a rotation is named by its provider and number, such as anthropic-3";
        let (provider, number) = text.rsplit_once('-').ok_or(bad)?;
        let provider = provider.parse().map_err(|_| bad)?;
        let rotation = Number(number.parse().map_err(|_| bad)?);
        Ok(Self { provider, rotation })
    }
}

/// What asked for a rotation.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RequestedBy {
    /// An administrator.
    Command,
    /// The calendar.
    Schedule,
    /// Something that happened, such as a key that was found where it should not be.
    Event,
}

/// How long the pool is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// After so long no sidecar goes by what the pool was before.
    pub refreshed_within: SignedDuration,
}

impl Policy {
    /// For sidecars that believe a look at the pool for so long, less or more by a tenth.
    pub fn believing(belief: SignedDuration) -> Self {
        let longest = belief.saturating_add(belief / 10);
        Self { refreshed_within: longest.saturating_add(SENT_LATER) }
    }
}

/// The rotations of one provider's keys, as far as its list tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotations {
    /// The newest [`KEPT`].
    all: BTreeMap<Number, Rotation>,
}

/// What is known of one rotation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// What was asked for; the earliest counts.
    requested: Option<Request>,
    /// The latest replay: its number, first step, and when.
    replay: Option<(Attempt, KeyStep, Timestamp)>,
    /// What each step did, by the latest try.
    done: BTreeMap<KeyStep, Done>,
    /// Up to which try what a step changed is as it was.
    undone: BTreeMap<KeyStep, Attempt>,
    /// The latest refusal.
    refused: Option<Trouble>,
    /// The latest step that could not be taken back.
    parked: Option<Trouble>,
    /// The latest failure of each step.
    failed: BTreeMap<KeyStep, Failed>,
    /// The latest failure of taking each step back.
    failed_back: BTreeMap<KeyStep, Failed>,
    /// Which try was given up with everything taken back, and when.
    given_up: Option<(Attempt, Timestamp)>,
    /// When it was over and done.
    rotated: Option<Timestamp>,
    /// When the last step forward or back was made.
    progressed: Option<Timestamp>,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Request {
    at: Timestamp,
    by: RequestedBy,
    new: Vec<KeyPrint>,
    retire: Vec<KeyPrint>,
}

/// What a step did, by which try, and when that was written down.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Done {
    attempt: Attempt,
    at: Timestamp,
    keys: Vec<KeyPrint>,
}

/// A refusal or a parking.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Trouble {
    /// In which try.
    pub attempt: Attempt,
    /// When.
    pub at: Timestamp,
    /// At which step.
    pub step: KeyStep,
    /// Why.
    pub reason: Reason,
}

/// How often a step has failed within a try, and when it did last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Failed {
    attempt: Attempt,
    failures: u32,
    at: Timestamp,
    reason: Reason,
}

impl Rotation {
    fn attempt(&self) -> Attempt {
        self.replay.map_or(Attempt(1), |(attempt, ..)| attempt)
    }

    /// The first step that this try runs again even if it was done.
    fn from(&self) -> KeyStep {
        self.replay.map_or(KeyStep::TryKeys, |(_, from, _)| from)
    }

    /// The first step that is not done; `None` when all are. What was done before an earlier step
    /// was done anew says nothing any more.
    fn frontier(&self) -> Option<KeyStep> {
        let mut least = Attempt(0);
        // What was parked on its way back may have gone back.
        let torn = self.parked.as_ref().map(|parked| parked.attempt);
        for step in KEY_STEPS {
            let Some(done) = self.done.get(&step) else { return Some(step) };
            let wanted = if step >= self.from() { self.attempt() } else { least };
            let undone = self.undone.get(&step).copied().max(torn).filter(|_| step.is_undone());
            if done.attempt < wanted || undone >= Some(done.attempt) {
                return Some(step);
            }
            least = least.max(done.attempt);
        }
        None
    }

    fn refusal(&self) -> Option<&Trouble> {
        self.refused.as_ref().filter(|refused| refused.attempt == self.attempt())
    }

    fn parking(&self) -> Option<&Trouble> {
        self.parked.as_ref().filter(|parked| parked.attempt == self.attempt())
    }

    fn is_given_up(&self) -> bool {
        self.given_up.is_some_and(|(attempt, _)| attempt == self.attempt())
    }

    /// The last failure of a step within this try.
    fn failure(&self, step: KeyStep, undoing: bool) -> Option<&Failed> {
        let failed = if undoing { &self.failed_back } else { &self.failed };
        failed.get(&step).filter(|failed| failed.attempt == self.attempt())
    }
}
