//! A workspace's events as lines for a person, one by one as they come: what happened, how long
//! it took, why it did not work and what to do. Pure: times are the envelopes' own.

mod aside;
mod endings;
mod line;
pub mod rotation;
mod steps;
#[cfg(test)]
mod transcripts;

use events::{
    Activity, Attempt, Envelope, Event, Gen, Reason, StartCause, Step, StopReason, TaskState,
};
use jiff::{SignedDuration, Timestamp};

use crate::output::{BOLD, DIM, WARN};
use crate::words;
use line::{hint, told};
pub use steps::name_of;

/// What has been told so far, and what follows from it for the next line.
#[derive(Default)]
pub struct Timeline {
    /// The newest generation that was mentioned.
    generation: Gen,
    /// Which generation's start or stop is under way, and when it was asked for.
    asked: Option<(Gen, Timestamp)>,
    /// When the last step was over: the next one's duration counts from here.
    mark: Option<Timestamp>,
    /// The reason that was told last, so that what follows from it need not repeat it.
    refusal: Option<Reason>,
    /// The use that was told last: the same again says nothing.
    activity: Option<Activity>,
    /// What is under way, for a spinner.
    doing: String,
    /// How it ended, once it has.
    outcome: Option<Outcome>,
}

/// Where a workspace has come to rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It can be used.
    Ready(Gen),
    /// The start did not work and was unwound.
    Failed(Gen, Step, Reason),
    /// A human must look at this step, called as in its direction.
    Parked(Gen, &'static str, Reason),
    /// Nothing runs any more.
    Stopped(Gen, StopReason),
    /// Nothing is left but what was recorded.
    Deleted(Gen),
}

impl Timeline {
    /// How it ended; `None` while something is under way.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// What is under way, in a few words; empty before the first event.
    pub fn doing(&self) -> &str {
        &self.doing
    }

    /// Takes the next event and gives the lines that it is worth, with colours and without line
    /// breaks.
    pub fn take(&mut self, envelope: &Envelope) -> Vec<String> {
        let at = envelope.time;
        let user = envelope.subject.as_ref().map_or("USER", |id| id.as_str());
        if let Event::Active { activity, .. } = &envelope.event {
            return self.used(*activity);
        }
        self.activity = None;
        match &envelope.event {
            Event::StartRequested { generation, cause } => self.start(*generation, *cause, at),
            Event::StopRequested { generation, reason } => self.stop(*generation, reason, at),
            Event::ReplayRequested { generation, attempt, from, automatic } => {
                self.replay((*generation, *attempt), *from, *automatic, at)
            }
            Event::StepDone { step, output, .. } => self.done(*step, output, at),
            Event::StepRetried { step, undoing, failures, reason, .. } => {
                steps::retried(*step, *undoing, *failures, reason)
            }
            Event::StepDeferred(wait) => steps::deferred(wait, at),
            Event::StepRefused { step, reason, .. } => self.refused(*step, reason, at),
            Event::StepUndone { step, .. } => self.undone(*step, at),
            Event::StepSkipped { step, undoing, .. } => self.skipped(*step, *undoing, at),
            Event::Quiesced { forced, .. } => self.quiesced(*forced, at),
            Event::Ready { generation, .. } => self.ready(*generation, at),
            Event::Failed { generation, step, reason, .. } => {
                self.failed((*generation, *step, reason), at, user)
            }
            Event::Parked { generation, step, undoing, reason, .. } => {
                self.parked((*generation, *step, reason), *undoing, at, user)
            }
            Event::Stopped { generation, reason } => self.stopped(*generation, reason, at),
            Event::PurgeRequested { generation, attempt } => self.delete(*generation, *attempt, at),
            Event::Purged { generation } => self.deleted(*generation, at),
            Event::TaskChanged { generation, state, .. } => self.task(*generation, state),
            Event::NoticeGiven { idle_since, stop_at, .. } => {
                aside::notice(*idle_since, *stop_at, at, user)
            }
            Event::Active { .. }
            | Event::Invited { .. }
            | Event::LoggedIn { .. }
            | Event::SettingsChanged { .. }
            | Event::Busy { .. }
            | Event::Snoozed { .. }
            | Event::WakePlanned { .. }
            | Event::UsageRecorded(_)
            | Event::KeyAdded { .. }
            | Event::KeyRemoved { .. }
            | Event::RotationRequested { .. }
            | Event::RotationReplayRequested { .. }
            | Event::RotationStepDone { .. }
            | Event::RotationStepRetried { .. }
            | Event::RotationStepRefused { .. }
            | Event::RotationStepUndone { .. }
            | Event::Rotated { .. }
            | Event::RotationRefused { .. } => aside::lines(&envelope.event, at),
        }
    }

    fn start(&mut self, generation: Gen, cause: StartCause, at: Timestamp) -> Vec<String> {
        self.begin(generation, at, "starting");
        let cause = match cause {
            StartCause::Login => "a login",
            StartCause::Request => "a request to the sleeping agent",
            StartCause::Cron => "scheduled work is due",
            StartCause::Admin => "an administrator",
        };
        vec![told(BOLD, "▶", &format!("start {generation}: {cause}"))]
    }

    fn stop(&mut self, generation: Gen, reason: &StopReason, at: Timestamp) -> Vec<String> {
        self.begin(generation, at, "stopping");
        vec![told(BOLD, "■", &format!("stop {generation}: {}", stop_words(reason, at)))]
    }

    fn replay(
        &mut self,
        (generation, attempt): (Gen, Attempt),
        from: Step,
        automatic: bool,
        at: Timestamp,
    ) -> Vec<String> {
        self.begin(generation, at, from.name());
        let by = if automatic { ", because the agent ended" } else { "" };
        let from = from.name();
        let words = format!("replay of start {generation}, try {attempt}, from {from}{by}");
        vec![told(BOLD, "▶", &words)]
    }

    fn delete(&mut self, generation: Gen, attempt: Attempt, at: Timestamp) -> Vec<String> {
        self.begin(generation, at, "deleting");
        let words = match attempt {
            Attempt(1) => format!("delete everything up to start {generation}"),
            attempt => format!("delete everything up to start {generation}, try {attempt}"),
        };
        vec![told(BOLD, "■", &words)]
    }

    fn begin(&mut self, generation: Gen, at: Timestamp, doing: &str) {
        doing.clone_into(&mut self.doing);
        self.asked = Some((generation, at));
        self.mark = Some(at);
        self.refusal = None;
        if generation >= self.generation {
            self.generation = generation;
            self.outcome = None;
        }
    }

    /// How long since the last step was over; the next one's begins now.
    fn lap(&mut self, at: Timestamp) -> Option<SignedDuration> {
        self.mark.replace(at).map(|mark| at.duration_since(mark))
    }

    fn used(&mut self, activity: Activity) -> Vec<String> {
        if self.activity.replace(activity) == Some(activity) {
            return Vec::new();
        }
        let words = match activity {
            Activity::UserInput => "used: the person sent something",
            Activity::AgentTurn => "used: the agent took a turn",
            Activity::ToolRunning => "used: a tool runs",
            Activity::CronDue => "used: scheduled work is due",
        };
        vec![told(DIM, "·", words)]
    }

    fn task(&mut self, generation: Gen, state: &TaskState) -> Vec<String> {
        let in_use = matches!(self.outcome, Some(Outcome::Ready(ready)) if ready == generation);
        match state {
            TaskState::Stopped { reason } if in_use => {
                self.refusal = Some(reason.clone());
                let line = told(WARN, "!", &words::plain(&reason.words));
                std::iter::once(line).chain(hint(reason)).collect()
            }
            // On the way up or down the step at hand says so.
            TaskState::Stopped { .. } | TaskState::Listening { .. } => Vec::new(),
        }
    }
}

/// Why something was or is to be stopped.
fn stop_words(reason: &StopReason, at: Timestamp) -> String {
    match reason {
        StopReason::Idle { last_active } => {
            format!("left alone for {}", words::about(at.duration_since(*last_active)))
        }
        StopReason::Admin => "an administrator".to_owned(),
        StopReason::Person => "the person".to_owned(),
        StopReason::Superseded => "a later start".to_owned(),
    }
}
