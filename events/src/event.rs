//! Every fact of the system, as one enum.
//!
//! The wire name carries the version. A changed payload is a new variant; an old one is read for
//! ever (`tests/corpus/` holds examples of every one that was released). Readers are tolerant of
//! fields they do not know; the schema of what we write is closed.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

use crate::ids::{Attempt, Gen, KeyPrint, TaskId, TeamId};
use crate::reason::Reason;
use crate::step::{Output, Step};
use crate::text::{AddressText, LengthText, TimeText};
use crate::usage::UsageRecord;

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
}

/// What asked for a start.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StartCause {
    /// The person logged in.
    Login,
    /// The person used the sleeping workspace.
    Request,
    /// Scheduled work is due.
    Cron,
    /// An administrator.
    Admin,
}

/// Why a generation ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum StopReason {
    /// Left alone for too long.
    Idle {
        /// The last activity that was known; the stop was conditional on it.
        #[schemars(with = "TimeText")]
        last_active: Timestamp,
    },
    /// An administrator.
    Admin,
    /// The person themselves.
    Person,
    /// A later generation began.
    Superseded,
}

/// What a task is doing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum TaskState {
    /// It runs and listens.
    Listening {
        /// Where.
        #[schemars(with = "AddressText")]
        address: SocketAddr,
    },
    /// It has ended.
    Stopped {
        /// Why, as far as anybody knows.
        reason: Reason,
    },
}

/// What counts as use. Pings, reconnects and health probes are not in this list, on purpose.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// The person sent something.
    UserInput,
    /// The agent called a model as part of a turn that a person or a schedule began.
    AgentTurn,
    /// The agent was busy for longer than a heartbeat takes.
    ToolRunning,
    /// Scheduled work is due.
    CronDue,
}

impl Event {
    /// The versioned name on the wire, with every variant spelled out once.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Invited { .. } => "teamclaw.person.invited.v1",
            Self::LoggedIn { .. } => "teamclaw.person.logged_in.v1",
            Self::SettingsChanged { .. } => "teamclaw.workspace.settings_changed.v1",
            Self::StartRequested { .. } => "teamclaw.workspace.start_requested.v1",
            Self::StopRequested { .. } => "teamclaw.workspace.stop_requested.v1",
            Self::ReplayRequested { .. } => "teamclaw.workspace.replay_requested.v1",
            Self::StepDone { .. } => "teamclaw.step.done.v1",
            Self::StepRetried { .. } => "teamclaw.step.retried.v1",
            Self::StepRefused { .. } => "teamclaw.step.refused.v1",
            Self::StepUndone { .. } => "teamclaw.step.undone.v1",
            Self::StepSkipped { .. } => "teamclaw.step.skipped.v1",
            Self::Parked { .. } => "teamclaw.workspace.parked.v1",
            Self::Quiesced { .. } => "teamclaw.workspace.quiesced.v1",
            Self::TaskChanged { .. } => "teamclaw.task.changed.v1",
            Self::Ready { .. } => "teamclaw.workspace.ready.v1",
            Self::Failed { .. } => "teamclaw.workspace.failed.v1",
            Self::Stopped { .. } => "teamclaw.workspace.stopped.v1",
            Self::PurgeRequested { .. } => "teamclaw.workspace.purge_requested.v1",
            Self::Purged { .. } => "teamclaw.workspace.purged.v1",
            Self::Active { .. } => "teamclaw.workspace.active.v1",
            Self::Busy { .. } => "teamclaw.workspace.busy.v1",
            Self::NoticeGiven { .. } => "teamclaw.workspace.notice_given.v1",
            Self::Snoozed { .. } => "teamclaw.workspace.snoozed.v1",
            Self::WakePlanned { .. } => "teamclaw.workspace.wake_planned.v1",
            Self::UsageRecorded(_) => "teamclaw.usage.recorded.v1",
            Self::KeyAdded { .. } => "teamclaw.keys.added.v1",
            Self::KeyRemoved { .. } => "teamclaw.keys.removed.v1",
        }
    }
}
