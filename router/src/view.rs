//! A workspace as its person sees it: where it stands, in plain words, and what they can do.

use events::{Attempt, Gen, InLine, Policy, Reason, Status, Step, TeamId, Workspace, WorkspaceId};
use jiff::Timestamp;
use serde::Serialize;

/// What a person is told about their workspace. Times in UTC, time-outs in whole minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// Whose.
    pub person: WorkspaceId,
    /// Their team, once they have logged in.
    pub team: Option<TeamId>,
    /// Where it stands.
    pub status: Status,
    /// The same in a sentence.
    pub words: String,
    /// The newest generation; 0 before the first start.
    pub generation: Gen,
    /// The try that it is at.
    pub attempt: Attempt,
    /// When that was asked for, while it is not over.
    pub requested: Option<Timestamp>,
    /// The step at hand, while starting.
    pub step: Option<Step>,
    /// Where it stands in the line of those that start, while it waits there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_line: Option<InLine>,
    /// Why it failed or is parked.
    pub trouble: Option<TroubleView>,
    /// Why the step at hand is tried again, while it is.
    pub retrying: Option<String>,
    /// The idle stop that is announced.
    pub notice: Option<NoticeView>,
    /// After how many idle minutes it stops.
    pub idle_timeout_minutes: i64,
    /// The least that the person may set.
    pub idle_least_minutes: i64,
    /// The most that the person may set.
    pub idle_most_minutes: i64,
    /// The last use.
    pub last_active: Option<Timestamp>,
    /// Since when it is ready.
    pub ready_since: Option<Timestamp>,
    /// When its scheduled work is next due.
    pub next_wake: Option<Timestamp>,
    /// The time of this view.
    pub now: Timestamp,
}

/// Why a start did not work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TroubleView {
    /// At which step.
    pub step: Step,
    /// Whether it was being taken back.
    pub undoing: bool,
    /// When.
    pub at: Timestamp,
    /// What sort of reason, what happened and what to do about it.
    #[serde(flatten)]
    pub reason: Reason,
}

/// The idle stop that is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NoticeView {
    /// Since when nobody has used it.
    pub idle_since: Timestamp,
    /// When it will stop.
    pub stop_at: Timestamp,
}

impl View {
    /// The view of a workspace at a time.
    pub fn of(id: &WorkspaceId, workspace: &Workspace, policy: &Policy, now: Timestamp) -> Self {
        let status = workspace.status();
        let trouble = workspace.trouble().map(|trouble| TroubleView {
            step: trouble.step,
            undoing: trouble.undoing,
            at: trouble.at,
            reason: trouble.reason.clone(),
        });
        let coming = status == Status::Starting;
        let retrying = workspace.last_retry().filter(|_| coming);
        let notice = workspace.notice(policy, now);
        let step = workspace.current_step().filter(|_| coming);
        let in_line = workspace.in_line(looked(now)).or_else(|| workspace.in_line(now));
        Self {
            person: id.clone(),
            team: workspace.team().cloned(),
            status,
            words: in_line
                .map_or_else(|| sentence(status, step, trouble.as_ref()), |line| line.words()),
            generation: workspace.generation(),
            attempt: workspace.attempt(),
            requested: workspace.requested().map(|(at, _)| at),
            step,
            in_line,
            trouble,
            retrying: retrying.map(|(_, times, reason)| format!("{reason} (seen {times} times)")),
            notice: notice.map(|n| NoticeView { idle_since: n.idle_since, stop_at: n.stop_at }),
            idle_timeout_minutes: policy.idle_timeout(workspace.idle_wish()).as_mins(),
            idle_least_minutes: policy.idle_min.as_mins(),
            idle_most_minutes: policy.idle_max.as_mins(),
            last_active: workspace.last_active(),
            ready_since: workspace.ready_since(),
            next_wake: workspace.next_wake(),
            now,
        }
    }
}

/// The time by which a line is looked at: a page that follows it is told anew every other second,
/// however often it looks.
fn looked(now: Timestamp) -> Timestamp {
    let second = now.as_second();
    Timestamp::from_second(second - second.rem_euclid(2)).unwrap_or(now)
}

fn sentence(status: Status, step: Option<Step>, trouble: Option<&TroubleView>) -> String {
    let why = trouble.map_or(String::new(), |trouble| {
        let hint = trouble.reason.hint.as_deref().map_or(String::new(), advice);
        format!(" {}: {}.{hint}", at_step(trouble.step), trouble.reason.words.trim_end_matches('.'))
    });
    match status {
        Status::Asleep => "Your agent is asleep.".to_owned(),
        Status::Starting => match step {
            Some(step) => format!("Your agent is starting: {}.", doing(step)),
            None => "Your agent is starting.".to_owned(),
        },
        Status::Ready => "Your agent is ready.".to_owned(),
        Status::Stopping => "Your agent is stopping.".to_owned(),
        Status::Failed => format!("Your agent could not start.{why}"),
        Status::Parked => {
            format!("Your agent is held until somebody has looked at it.{why}")
        }
    }
}

/// A hint as a sentence of its own.
fn advice(hint: &str) -> String {
    let mut rest = hint.chars();
    let first = rest.next().map_or(String::new(), |first| first.to_uppercase().collect());
    format!(" {first}{}.", rest.as_str())
}

/// What a step does, for a person who knows nothing of steps.
fn doing(step: Step) -> &'static str {
    match step {
        Step::PrepareHome => "preparing your files",
        Step::RegisterTask => "preparing the program",
        Step::GrantLease => "giving it access to the models",
        Step::RunTask => "starting the program",
        Step::AwaitAddress => "waiting for the program to listen",
        Step::OpenRoute => "opening the way to it",
        Step::ProbeReady => "waiting for its first answer",
    }
}

fn at_step(step: Step) -> String {
    format!("The trouble came while {}", doing(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_in_line_is_told_their_place_and_a_page_hears_of_it_every_other_second() {
        let id = "ann".parse().expect("a name");
        let at = |ms: i64| Timestamp::from_millisecond(1_790_000_000_000 + ms).expect("in range");
        let (generation, attempt) = (Gen(1), Attempt(1));
        let mut workspace = Workspace::default();
        let cause = events::StartCause::Login;
        workspace.absorb(at(500), &events::Event::StartRequested { generation, cause });
        let step = Step::PrepareHome;
        let wait = events::Deferral { generation, attempt, step, until: at(20_500), place: 400 };
        workspace.absorb(at(500), &events::Event::StepDeferred(wait));
        let view = |ms| View::of(&id, &workspace, &Policy::default(), at(ms));
        let said = |ms| view(ms).words;
        let words = "Your agent is number 396 in line and starts in about 20 seconds.";
        assert_eq!(said(700), words);
        let words = "Your agent is number 370 in line and starts in about 19 seconds.";
        assert_eq!((said(2_000), said(3_999)), (words.to_owned(), words.to_owned()));
        assert_eq!(view(2_000).in_line, view(3_999).in_line);
        assert_eq!(said(22_000), "Your agent is starting: preparing your files.");
    }

    #[test]
    fn what_went_wrong_and_what_to_do_are_sentences() {
        let reason =
            Reason::new(events::ReasonClass::AgentExited, "the agent ended with exit code 3")
                .with_hint("look at the end of its log");
        let trouble = TroubleView {
            step: Step::AwaitAddress,
            undoing: false,
            at: Timestamp::UNIX_EPOCH,
            reason,
        };
        assert_eq!(
            sentence(Status::Failed, None, Some(&trouble)),
            "Your agent could not start. The trouble came while waiting for the program to \
             listen: the agent ended with exit code 3. Look at the end of its log."
        );
    }
}
