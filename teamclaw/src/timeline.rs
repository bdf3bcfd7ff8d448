//! A workspace's events as lines for a person, one by one as they come: what happened, how long
//! it took, why it did not work and what to do. Pure: times are the envelopes' own.

mod line;
#[cfg(test)]
mod transcripts;

use events::usage::{Completion, UsageRecord};
use events::{
    Activity, Attempt, Envelope, Event, Gen, Output, Reason, StartCause, Step, StopReason,
    TaskState,
};
use events::{price::Cost, step::STEPS};
use jiff::{SignedDuration, Timestamp};

use crate::output::{BAD, BOLD, DIM, GOOD, PLAIN, WARN};
use crate::words;
use line::{detail, hint, next_command, step_line, told};

/// What has been told so far, and what follows from it for the next line.
#[derive(Default)]
pub struct Timeline {
    /// The newest generation that was mentioned.
    generation: Gen,
    /// When what is under way was asked for.
    asked: Option<Timestamp>,
    /// When the last step was over: the next one's duration counts from here.
    mark: Option<Timestamp>,
    /// Whether the newest generation is on its way down.
    stopping: bool,
    /// The refusal that was told last, so that the ending need not repeat it.
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
    /// A human must look.
    Parked(Gen, Step, Reason),
    /// Nothing runs any more.
    Stopped(Gen, StopReason),
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

    /// Takes the next event and gives the lines that it is worth, with colours.
    pub fn take(&mut self, envelope: &Envelope) -> Vec<String> {
        let at = envelope.time;
        let user = envelope.subject.as_ref().map_or("USER", |id| id.as_str());
        if !matches!(envelope.event, Event::Active { .. }) {
            self.activity = None;
        }
        match &envelope.event {
            Event::StartRequested { generation, cause } => {
                self.begin(*generation, at, "starting");
                vec![told(BOLD, "▶", &format!("start {generation}: {}", cause_words(*cause)))]
            }
            Event::ReplayRequested { generation, attempt, from, automatic } => {
                self.begin(*generation, at, from.name());
                vec![replay_line(*generation, *attempt, *from, *automatic)]
            }
            Event::StopRequested { generation, reason } => {
                self.begin(*generation, at, "stopping");
                self.stopping = *generation == self.generation;
                vec![told(BOLD, "■", &format!("stop {generation}: {}", stop_words(reason, at)))]
            }
            Event::StepDone { .. }
            | Event::StepRetried { .. }
            | Event::StepRefused { .. }
            | Event::StepUndone { .. }
            | Event::Quiesced { .. } => self.step(&envelope.event, at),
            Event::Parked { .. }
            | Event::Ready { .. }
            | Event::Failed { .. }
            | Event::Stopped { .. } => self.ending(&envelope.event, at, user),
            Event::Active { activity, .. } => self.used(*activity),
            Event::TaskChanged { generation, state, .. } => self.task(*generation, state),
            other => aside(other, at, user),
        }
    }

    fn begin(&mut self, generation: Gen, at: Timestamp, doing: &str) {
        doing.clone_into(&mut self.doing);
        self.asked = Some(at);
        self.mark = Some(at);
        self.refusal = None;
        if generation >= self.generation {
            self.generation = generation;
            self.stopping = false;
            self.outcome = None;
        }
    }

    /// How long since the last step was over; the next one's begins now.
    fn lap(&mut self, at: Timestamp) -> Option<SignedDuration> {
        self.mark.replace(at).map(|mark| at.duration_since(mark))
    }

    fn step(&mut self, event: &Event, at: Timestamp) -> Vec<String> {
        match event {
            Event::StepDone { step, output, .. } => {
                let next = STEPS.into_iter().find(|next| next > step);
                next.map_or("becoming ready", Step::name).clone_into(&mut self.doing);
                vec![step_line(GOOD, "✓", step.name(), self.lap(at), &output_words(output))]
            }
            Event::StepRetried { step, undoing, failures, reason, .. } => {
                let name = name_of(*step, *undoing);
                let times = if *failures == 1 { "once" } else { &format!("{failures} times") };
                let words = format!("failed {times}, is tried again: {}", words::plain(&reason.words));
                vec![step_line(WARN, "↻", name, None, &words)]
            }
            Event::StepRefused { step, reason, .. } => {
                "taking back what was made".clone_into(&mut self.doing);
                self.refusal = Some(reason.clone());
                let line = step_line(BAD, "✗", step.name(), self.lap(at), &words::plain(&reason.words));
                [Some(line), hint(reason)].into_iter().flatten().collect()
            }
            Event::StepUndone { step, .. } => {
                vec![step_line(DIM, "↩", name_of(*step, true), self.lap(at), "")]
            }
            Event::Quiesced { forced, .. } => {
                let words = if *forced { "was still busy when its time was up" } else { "" };
                let style = if *forced { WARN } else { DIM };
                vec![step_line(style, "✓", "quiesce", self.lap(at), words)]
            }
            _ => Vec::new(),
        }
    }

    fn ending(&mut self, event: &Event, at: Timestamp, user: &str) -> Vec<String> {
        let after = self.asked.map(|asked| format!(" after {}", words::took(at.duration_since(asked))));
        let after = after.unwrap_or_default();
        match event {
            Event::Ready { generation, .. } => {
                self.settle(*generation, Outcome::Ready(*generation));
                vec![told(GOOD.bold(), "✓", &format!("ready{after}"))]
            }
            Event::Failed { generation, step, reason, .. } => {
                self.settle(*generation, Outcome::Failed(*generation, *step, reason.clone()));
                let known = self.refusal.as_ref() == Some(reason);
                let mut lines = vec![told(BAD.bold(), "✗", &format!("failed at {}{after}", step.name()))];
                if !known {
                    lines.push(detail(&reason.words));
                    lines.extend(hint(reason));
                }
                lines.push(next_command(&format!("teamclaw replay {user}")));
                lines
            }
            Event::Parked { generation, step, undoing, reason, .. } => {
                // Whichever generation it is: nothing goes on past one that is parked.
                self.outcome = Some(Outcome::Parked(*generation, *step, reason.clone()));
                let words = format!("parked at {}{after}: a human must look", name_of(*step, *undoing));
                let mut lines = vec![told(BAD.bold(), "✗", &words), detail(&reason.words)];
                lines.extend(hint(reason));
                lines.push(next_command(&format!("teamclaw replay {user}")));
                lines
            }
            Event::Stopped { generation, reason } => {
                self.settle(*generation, Outcome::Stopped(*generation, reason.clone()));
                let words = format!("stopped{after}: {}", stop_words(reason, at));
                vec![told(BOLD, "■", &words)]
            }
            _ => Vec::new(),
        }
    }

    fn settle(&mut self, generation: Gen, outcome: Outcome) {
        if generation >= self.generation {
            self.generation = generation;
            self.outcome = Some(outcome);
        }
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

    fn task(&self, generation: Gen, state: &TaskState) -> Vec<String> {
        match state {
            // The step that waits for the address says so.
            TaskState::Listening { .. } => Vec::new(),
            TaskState::Stopped { .. } if self.stopping || generation < self.generation => Vec::new(),
            TaskState::Stopped { reason } => {
                vec![told(WARN, "!", &format!("the agent ended: {}", words::plain(&reason.words)))]
            }
        }
    }
}

/// Events that belong to no start and no stop.
fn aside(event: &Event, at: Timestamp, user: &str) -> Vec<String> {
    let until = |later: &Timestamp| words::about(later.duration_since(at));
    let (style, sign, words) = match event {
        Event::LoggedIn { team } => (PLAIN, "•", format!("logged in, team {team}")),
        Event::SettingsChanged { idle_timeout: Some(time), .. } => {
            (PLAIN, "•", format!("may be left alone for {}", words::about(*time)))
        }
        Event::SettingsChanged { idle_timeout: None, .. } => {
            (PLAIN, "•", "may be left alone for as long as the default says".to_owned())
        }
        Event::Busy { looks, what, .. } => {
            let times = if *looks > 1 { format!(" ({looks} in a row)") } else { String::new() };
            (DIM, "·", format!("is busy{times}: {}", words::plain(what)))
        }
        Event::NoticeGiven { idle_since, stop_at, .. } => {
            let idle = words::about(at.duration_since(*idle_since));
            let words = format!("idle for {idle}, stops in {}", until(stop_at));
            let snooze = next_command(&format!("teamclaw snooze {user}"));
            return vec![told(WARN, "!", &words), snooze];
        }
        Event::Snoozed { until: later, .. } => {
            (PLAIN, "•", format!("snoozed: no idle stop for {}", until(later)))
        }
        Event::WakePlanned { at: Some(due), .. } => {
            (DIM, "·", format!("its next scheduled work is due in {}", until(due)))
        }
        Event::WakePlanned { at: None, .. } => (DIM, "·", "nothing is scheduled".to_owned()),
        Event::UsageRecorded(usage) => (PLAIN, "$", usage_words(usage)),
        Event::KeyAdded { provider, key } => (PLAIN, "•", format!("key {key} of {provider} joined the pool")),
        Event::KeyRemoved { provider, key } => (PLAIN, "•", format!("key {key} of {provider} left the pool")),
        _ => return Vec::new(),
    };
    vec![told(style, sign, &words)]
}

fn name_of(step: Step, undoing: bool) -> &'static str {
    if undoing { step.undo_name().unwrap_or(step.name()) } else { step.name() }
}

fn cause_words(cause: StartCause) -> &'static str {
    match cause {
        StartCause::Login => "a login",
        StartCause::Request => "a request to the sleeping agent",
        StartCause::Cron => "scheduled work is due",
        StartCause::Admin => "an administrator",
    }
}

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

fn replay_line(generation: Gen, attempt: Attempt, from: Step, automatic: bool) -> String {
    let by = if automatic { ", because the agent ended" } else { "" };
    let words = format!("replay of start {generation}, try {attempt}, from {}{by}", from.name());
    told(BOLD, "▶", &words)
}

fn output_words(output: &Output) -> String {
    match output {
        Output::Task { task } => words::plain(&task.0),
        Output::Address { address } => address.to_string(),
        Output::Nothing | Output::Home { .. } | Output::Lease { .. } => String::new(),
    }
}

fn usage_words(usage: &UsageRecord) -> String {
    let (input, output) = (words::count(usage.tokens.input()), words::count(usage.tokens.output));
    let cost = match &usage.cost {
        Cost::Known { pico_dollars, .. } => format!("${}", words::dollars(i128::from(*pico_dollars))),
        Cost::Unknown { why } => format!("cost unknown ({})", words::plain(why)),
    };
    let ended = match usage.completion {
        Completion::Complete => "",
        Completion::Aborted => ", broken off",
        Completion::Failed => ", failed",
    };
    let model = words::plain(&usage.model);
    format!("{}/{model}: {input} tokens in, {output} out, {cost}{ended}", words::plain(&usage.provider))
}
