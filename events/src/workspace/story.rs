//! Test support: facts and decisions in one line each, so that a story can be read.

use jiff::{SignedDuration, Timestamp};

use super::{Next, Workspace, next};
use crate::admission::Deferral;
use crate::event::{Activity, Event, StartCause, StopReason, TaskState};
use crate::ids::{Attempt, Gen, TaskId};
use crate::policy::Policy;
use crate::reason::{Reason, ReasonClass};
use crate::step::{Output, Step};

/// 2026-01-01T00:00:00Z.
pub(super) const DAWN: i64 = 1_767_225_600;

/// Where a story stands.
pub(super) struct Story {
    pub(super) workspace: Workspace,
    pub(super) now: Timestamp,
    pub(super) policy: Policy,
}

impl Story {
    pub(super) fn begin() -> Self {
        let now = Timestamp::from_second(DAWN).expect("in range");
        Self { workspace: Workspace::default(), now, policy: Policy::default() }
    }

    /// Tells one line, one second after the one before; `+30m` lets more time pass first, and
    /// `look` is nothing but a look.
    pub(super) fn tell(&mut self, line: &str) -> String {
        self.now += SignedDuration::from_secs(1);
        let mut words: Vec<&str> = line.split_whitespace().collect();
        if let Some(wait) = words.first().and_then(|word| word.strip_prefix('+')) {
            let wait: SignedDuration = wait.parse().expect("a duration");
            self.now += wait;
            words.remove(0);
        }
        if words != ["look"] {
            let event = match (words[0], next(&self.workspace, &self.policy, self.now)) {
                ("notice", Next::AskIdle { generation, idle_since, .. }) => {
                    let stop_at = self.now + self.policy.notice;
                    Event::NoticeGiven { generation, idle_since, stop_at }
                }
                _ => event(&words, self.now),
            };
            self.workspace.absorb(self.now, &event);
        }
        shown(&next(&self.workspace, &self.policy, self.now), self.now)
    }
}

/// Every line of a story with what is next after it.
pub(super) fn transcript(lines: &str) -> String {
    let mut story = Story::begin();
    let told = lines.split(';').map(str::trim).filter(|line| !line.is_empty()).map(|line| {
        let next = story.tell(line);
        format!("{line:<34}-> {next}\n")
    });
    told.collect()
}

/// A fact from its words: a verb, `generation.attempt`, and what the verb needs.
pub(super) fn event(words: &[&str], now: Timestamp) -> Event {
    let (generation, attempt) = words.get(1).map_or((Gen(1), Attempt(1)), |word| try_of(word));
    let word = |n: usize| words.get(n).copied().unwrap_or_default();
    let step = || word(2).parse::<Step>().expect("a step");
    let undoing = word(3) == "undoing";
    match words[0] {
        "invited" => Event::Invited { team: word(1).parse().expect("a team") },
        "login" => Event::LoggedIn { team: word(1).parse().expect("a team") },
        "start" => Event::StartRequested { generation, cause: StartCause::Login },
        "stop" => Event::StopRequested { generation, reason: stop_reason(word(2), now) },
        "replay" => Event::ReplayRequested { generation, attempt, from: step(), automatic: false },
        "restart" => Event::ReplayRequested { generation, attempt, from: step(), automatic: true },
        "done" => {
            let step = step();
            Event::StepDone { generation, attempt, step, output: output(step, attempt) }
        }
        "retried" => Event::StepRetried {
            generation,
            attempt,
            step: step(),
            undoing,
            failures: word(words.len() - 1).parse().expect("a count"),
            reason: reason(),
        },
        "deferred" => Event::StepDeferred(Deferral {
            generation,
            attempt,
            step: step(),
            until: now + word(3).parse::<SignedDuration>().expect("a duration"),
            place: 7,
        }),
        "refused" => Event::StepRefused { generation, attempt, step: step(), reason: reason() },
        "undone" => Event::StepUndone { generation, attempt, step: step() },
        "skipped" => Event::StepSkipped { generation, attempt, step: step(), undoing },
        "parked" => Event::Parked { generation, attempt, step: step(), undoing, reason: reason() },
        "quiesced" => Event::Quiesced { generation, forced: false },
        "ended" => Event::TaskChanged {
            generation,
            attempt,
            task: TaskId(format!("task-{attempt}")),
            version: 9,
            state: TaskState::Stopped { reason: reason() },
        },
        "ready" => Event::Ready { generation, attempt },
        "failed" => Event::Failed { generation, attempt, step: Step::RunTask, reason: reason() },
        "purge" => Event::PurgeRequested { generation, attempt },
        "purged" => Event::Purged { generation },
        "stopped" => Event::Stopped { generation, reason: stop_reason(word(2), now) },
        "active" => Event::Active { generation, activity: Activity::UserInput },
        "busy" => Event::Busy {
            generation,
            looks: word(2).parse().expect("a count"),
            what: "a turn".to_owned(),
        },
        "snoozed" => Event::Snoozed {
            generation,
            until: now + word(2).parse::<SignedDuration>().expect("a duration"),
        },
        "wake" => Event::WakePlanned {
            generation,
            at: word(2).parse::<SignedDuration>().ok().map(|wait| now + wait),
        },
        "settings" => Event::SettingsChanged {
            revision: word(1).parse().expect("a revision"),
            idle_timeout: word(2).parse().ok(),
        },
        other => panic!("a story has no {other:?}"),
    }
}

fn try_of(word: &str) -> (Gen, Attempt) {
    let (generation, attempt) = word.split_once('.').unwrap_or((word, "1"));
    let generation = generation.parse().map_or(Gen(1), Gen);
    (generation, attempt.parse().map_or(Attempt(1), Attempt))
}

fn stop_reason(word: &str, now: Timestamp) -> StopReason {
    match word {
        "idle" => StopReason::Idle { last_active: now - SignedDuration::from_mins(30) },
        "person" => StopReason::Person,
        _ => StopReason::Admin,
    }
}

fn output(step: Step, attempt: Attempt) -> Output {
    match step {
        Step::PrepareHome => Output::Home { place: "/homes/ann".to_owned() },
        Step::GrantLease => Output::Lease { attempt },
        Step::RunTask => Output::Task { task: TaskId(format!("task-{attempt}")) },
        Step::AwaitAddress => {
            Output::Address { address: "127.0.0.1:20000".parse().expect("an address") }
        }
        Step::RegisterTask | Step::OpenRoute | Step::ProbeReady => Output::Nothing,
    }
}

fn reason() -> Reason {
    Reason::new(ReasonClass::AgentExited, "the agent ended: exit code 1")
}

/// A decision as an operator would say it.
pub(super) fn shown(next: &Next, now: Timestamp) -> String {
    let in_ = |at: &Timestamp| format!("{:#}", at.duration_since(now));
    match next {
        Next::Do { generation, attempt, step } => {
            format!("do {generation}.{attempt} {}", step.name())
        }
        Next::Undo { generation, attempt, step } => {
            format!("undo {generation}.{attempt} {}", step.undo_name().unwrap_or("nothing"))
        }
        Next::Quiesce { generation, until } => {
            format!("quiesce {generation} within {}", in_(until))
        }
        Next::AskIdle { generation, stop, .. } => {
            format!(
                "ask {generation} whether it is idle, to {}",
                if *stop { "stop" } else { "tell" }
            )
        }
        Next::Record(event) => {
            let name = event.name().trim_start_matches("teamclaw.").trim_end_matches(".v1");
            format!("record {name}")
        }
        Next::Wait { until: None } => "wait for a fact".to_owned(),
        Next::Wait { until: Some(at) } => format!("wait for a fact or {}", in_(at)),
    }
}
