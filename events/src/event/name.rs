//! The name of each fact on the wire.

use super::Event;

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
            Self::StepDeferred(_) => "teamclaw.step.deferred.v1",
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
            Self::RotationRequested { .. } => "teamclaw.rotation.requested.v1",
            Self::RotationReplayRequested { .. } => "teamclaw.rotation.replay_requested.v1",
            Self::RotationStepDone { .. } => "teamclaw.rotation.step_done.v1",
            Self::RotationStepRetried { .. } => "teamclaw.rotation.step_retried.v1",
            Self::RotationStepRefused { .. } => "teamclaw.rotation.step_refused.v1",
            Self::RotationStepUndone { .. } => "teamclaw.rotation.step_undone.v1",
            Self::Rotated { .. } => "teamclaw.rotation.rotated.v1",
            Self::RotationRefused { .. } => "teamclaw.rotation.refused.v1",
        }
    }
}
