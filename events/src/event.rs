//! Every fact of the system, as one enum.
//!
//! The wire name carries the version. A changed payload is a new variant; an old one is read for
//! ever (`tests/corpus/` holds examples of every one that was released). Readers are tolerant of
//! fields they do not know; the schema of what we write is closed.

mod name;
mod parts;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admission::Deferral;
use crate::ids::{Attempt, Gen, KeyPrint, TaskId, TeamId};
use crate::provider::ProviderId;
use crate::reason::Reason;
use crate::rotation::{KeyStep, Number, RequestedBy};
use crate::step::{Output, Step};
use crate::text::{LengthText, TimeText};
use crate::usage::UsageRecord;
pub use parts::{Activity, StartCause, StopReason, TaskState};

/// A fact about one workspace, or about the key pool. Past tense, because it cannot be refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data", rename_all_fields = "camelCase")]
pub enum Event {
    /// An operator let a person in, who has not come yet. Says as a member of which team; it starts
    /// nothing by itself.
    #[serde(rename = "teamclaw.person.invited.v1")]
    Invited {
        /// The team that the person belongs to now.
        team: TeamId,
    },
    /// Somebody logged in. Says who and from which team; it starts nothing by itself.
    #[serde(rename = "teamclaw.person.logged_in.v1")]
    LoggedIn {
        /// The team that the person belongs to now.
        team: TeamId,
    },
    /// A person set how their workspace behaves. The highest revision counts.
    #[serde(rename = "teamclaw.workspace.settings_changed.v1")]
    SettingsChanged {
        /// Rises with each change.
        revision: u64,
        /// How long the workspace may be left alone; `None` means the administrator's default.
        #[schemars(with = "Option<LengthText>")]
        idle_timeout: Option<SignedDuration>,
    },
    /// A start was asked for and accepted: a new generation begins.
    #[serde(rename = "teamclaw.workspace.start_requested.v1")]
    StartRequested {
        /// The new generation.
        generation: Gen,
        /// What asked.
        cause: StartCause,
    },
    /// A stop was asked for and accepted; nothing of this generation starts any more.
    #[serde(rename = "teamclaw.workspace.stop_requested.v1")]
    StopRequested {
        /// Which generation ends.
        generation: Gen,
        /// Why.
        reason: StopReason,
    },
    /// A failed or parked generation is tried again.
    #[serde(rename = "teamclaw.workspace.replay_requested.v1")]
    ReplayRequested {
        /// Which generation.
        generation: Gen,
        /// The number of the new try.
        attempt: Attempt,
        /// The first step that runs again even if it was done.
        from: Step,
        /// Whether the system asked by itself, after the agent ended unexpectedly.
        automatic: bool,
    },
    /// A step reached its goal, now or on an earlier delivery.
    #[serde(rename = "teamclaw.step.done.v1")]
    StepDone {
        /// Which generation.
        generation: Gen,
        /// Which try.
        attempt: Attempt,
        /// Which step.
        step: Step,
        /// What it made.
        output: Output,
    },
    /// A step did not work this time and is tried again.
    #[serde(rename = "teamclaw.step.retried.v1")]
    StepRetried {
        /// Which generation.
        generation: Gen,
        /// Which try of the start.
        attempt: Attempt,
        /// Which step.
        step: Step,
        /// Whether it was being taken back.
        undoing: bool,
        /// How often it has failed within this try.
        failures: u32,
        /// Why.
        reason: Reason,
    },
    /// A step's turn has not come: it waits in line, which is no failure.
    #[serde(rename = "teamclaw.step.deferred.v1")]
    StepDeferred(Deferral),
    /// A step can never reach its goal; the start unwinds, this step included.
    #[serde(rename = "teamclaw.step.refused.v1")]
    StepRefused {
        /// Which generation.
        generation: Gen,
        /// Which try.
        attempt: Attempt,
        /// Which step.
        step: Step,
        /// Why.
        reason: Reason,
    },
    /// What a step made is gone again.
    #[serde(rename = "teamclaw.step.undone.v1")]
    StepUndone {
        /// Which generation.
        generation: Gen,
        /// Up to which try it is gone.
        attempt: Attempt,
        /// Which step.
        step: Step,
    },
    /// A human has done a parked step by hand, or undone it, and the workspace goes on past it.
    #[serde(rename = "teamclaw.step.skipped.v1")]
    StepSkipped {
        /// Which generation.
        generation: Gen,
        /// The number of the try that goes on past it.
        attempt: Attempt,
        /// Which step.
        step: Step,
        /// Whether it was being taken back.
        undoing: bool,
    },
    /// Neither forward nor back is safe; a human must look.
    #[serde(rename = "teamclaw.workspace.parked.v1")]
    Parked {
        /// Which generation.
        generation: Gen,
        /// Which try.
        attempt: Attempt,
        /// At which step.
        step: Step,
        /// Whether it was being taken back.
        undoing: bool,
        /// Why.
        reason: Reason,
    },
    /// The agent was asked to finish, and has, or had no more time.
    #[serde(rename = "teamclaw.workspace.quiesced.v1")]
    Quiesced {
        /// Which generation.
        generation: Gen,
        /// Whether the agent was still busy when its time was up.
        forced: bool,
    },
    /// What the compute says of a task. The highest version counts.
    #[serde(rename = "teamclaw.task.changed.v1")]
    TaskChanged {
        /// Which generation the task belongs to.
        generation: Gen,
        /// Which try.
        attempt: Attempt,
        /// Which task.
        task: TaskId,
        /// Rises with each change of the task.
        version: u64,
        /// What it is doing now.
        state: TaskState,
    },
    /// The person can use the workspace.
    #[serde(rename = "teamclaw.workspace.ready.v1")]
    Ready {
        /// Which generation.
        generation: Gen,
        /// Which try.
        attempt: Attempt,
    },
    /// A start did not work and everything it made is gone; it can be replayed.
    #[serde(rename = "teamclaw.workspace.failed.v1")]
    Failed {
        /// Which generation.
        generation: Gen,
        /// Which try.
        attempt: Attempt,
        /// The step that was refused.
        step: Step,
        /// Why, for the person.
        reason: Reason,
    },
    /// The generation is over and nothing of it is left but the home.
    #[serde(rename = "teamclaw.workspace.stopped.v1")]
    Stopped {
        /// Which generation.
        generation: Gen,
        /// Why.
        reason: StopReason,
    },
    /// The person is to be deleted: everything up to this generation ends, and then the home and
    /// the registration go. What begins later waits for that and begins anew.
    #[serde(rename = "teamclaw.workspace.purge_requested.v1")]
    PurgeRequested {
        /// Up to which generation.
        generation: Gen,
        /// The number of the try: a parked purge goes on in the next one.
        attempt: Attempt,
    },
    /// Nothing of these generations is left but what was recorded.
    #[serde(rename = "teamclaw.workspace.purged.v1")]
    Purged {
        /// Up to which generation.
        generation: Gen,
    },
    /// Somebody or something used the workspace.
    #[serde(rename = "teamclaw.workspace.active.v1")]
    Active {
        /// While which generation was up.
        generation: Gen,
        /// What was done.
        activity: Activity,
    },
    /// The agent itself said that it is busy when asked whether it may be stopped.
    #[serde(rename = "teamclaw.workspace.busy.v1")]
    Busy {
        /// Which generation.
        generation: Gen,
        /// How often in a row it has said so.
        looks: u32,
        /// In the agent's words.
        #[schemars(length(max = 600))]
        what: String,
    },
    /// The person was told that the workspace is about to stop for idleness.
    #[serde(rename = "teamclaw.workspace.notice_given.v1")]
    NoticeGiven {
        /// Which generation.
        generation: Gen,
        /// The activity since which it has been idle.
        #[schemars(with = "TimeText")]
        idle_since: Timestamp,
        /// When it will stop.
        #[schemars(with = "TimeText")]
        stop_at: Timestamp,
    },
    /// A person put the idle stop off.
    #[serde(rename = "teamclaw.workspace.snoozed.v1")]
    Snoozed {
        /// Which generation.
        generation: Gen,
        /// Not before this.
        #[schemars(with = "TimeText")]
        until: Timestamp,
    },
    /// The agent said when its next scheduled work is due.
    #[serde(rename = "teamclaw.workspace.wake_planned.v1")]
    WakePlanned {
        /// Which generation said so.
        generation: Gen,
        /// When; `None` when nothing is scheduled.
        #[schemars(with = "Option<TimeText>")]
        at: Option<Timestamp>,
    },
    /// One request to a provider was answered, and this is what it used.
    #[serde(rename = "teamclaw.usage.recorded.v1")]
    UsageRecorded(UsageRecord),
    /// A provider key joined the pool.
    #[serde(rename = "teamclaw.keys.added.v1")]
    KeyAdded {
        /// Which provider.
        provider: String,
        /// The key's fingerprint.
        key: KeyPrint,
    },
    /// A provider key left the pool.
    #[serde(rename = "teamclaw.keys.removed.v1")]
    KeyRemoved {
        /// Which provider.
        provider: String,
        /// The key's fingerprint.
        key: KeyPrint,
    },
    /// A rotation of a provider's keys was asked for and accepted. The new keys lie beside the pool.
    #[serde(rename = "teamclaw.rotation.requested.v1")]
    RotationRequested {
        /// Whose keys.
        provider: ProviderId,
        /// The number of the new rotation.
        rotation: Number,
        /// What asked.
        requested_by: RequestedBy,
        /// The keys that shall join the pool.
        #[schemars(length(min = 1, max = 16))]
        new: Vec<KeyPrint>,
        /// The keys that shall leave it.
        retire: Vec<KeyPrint>,
    },
    /// A rotation that was refused or parked is tried again.
    #[serde(rename = "teamclaw.rotation.replay_requested.v1")]
    RotationReplayRequested {
        /// Whose keys.
        provider: ProviderId,
        /// Which rotation.
        rotation: Number,
        /// The number of the new try.
        attempt: Attempt,
        /// The first step that runs again even if it was done.
        from: KeyStep,
    },
    /// A step of a rotation reached its goal, now or on an earlier delivery.
    #[serde(rename = "teamclaw.rotation.step_done.v1")]
    RotationStepDone {
        /// Whose keys.
        provider: ProviderId,
        /// Which rotation.
        rotation: Number,
        /// Which try.
        attempt: Attempt,
        /// Which step.
        step: KeyStep,
        /// Those that the provider took, that were written, or that were retired.
        keys: Vec<KeyPrint>,
    },
    /// A step of a rotation did not work this time and is tried again.
    #[serde(rename = "teamclaw.rotation.step_retried.v1")]
    RotationStepRetried {
        /// Whose keys.
        provider: ProviderId,
        /// Which rotation.
        rotation: Number,
        /// Which try of the rotation.
        attempt: Attempt,
        /// Which step.
        step: KeyStep,
        /// Whether it was being taken back.
        undoing: bool,
        /// How often it has failed within this try.
        failures: u32,
        /// Why.
        reason: Reason,
    },
    /// A step of a rotation can never reach its goal. Forward, the rotation unwinds, this step
    /// included; taken back, a human must look.
    #[serde(rename = "teamclaw.rotation.step_refused.v1")]
    RotationStepRefused {
        /// Whose keys.
        provider: ProviderId,
        /// Which rotation.
        rotation: Number,
        /// Which try.
        attempt: Attempt,
        /// Which step.
        step: KeyStep,
        /// Whether it was being taken back.
        undoing: bool,
        /// Why.
        reason: Reason,
    },
    /// What a step of a rotation changed is as it was.
    #[serde(rename = "teamclaw.rotation.step_undone.v1")]
    RotationStepUndone {
        /// Whose keys.
        provider: ProviderId,
        /// Which rotation.
        rotation: Number,
        /// Up to which try.
        attempt: Attempt,
        /// Which step.
        step: KeyStep,
    },
    /// The new keys are in force and the old ones are used by nobody any more.
    #[serde(rename = "teamclaw.rotation.rotated.v1")]
    Rotated {
        /// Whose keys.
        provider: ProviderId,
        /// Which rotation.
        rotation: Number,
    },
    /// A rotation did not work, and the old keys are in force as before; it can be replayed.
    #[serde(rename = "teamclaw.rotation.refused.v1")]
    RotationRefused {
        /// Whose keys.
        provider: ProviderId,
        /// Which rotation.
        rotation: Number,
        /// Which try.
        attempt: Attempt,
        /// The step that was refused.
        step: KeyStep,
        /// Why.
        reason: Reason,
    },
}
