//! Waiting until a workspace has come to rest, while its events are shown as they come.

use ::events::{Gen, Status, Version, WorkspaceId};

use crate::cli::Format;
use crate::client::{Engine, WAIT_SECS};
use crate::output::Live;
use crate::problem::Problem;
use crate::timeline::{Outcome, Timeline};
use crate::words;
use admin::api::{History, WorkspaceView};

/// Where the person wants the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// Ready.
    Up,
    /// Stopped.
    Down,
    /// Deleted.
    Gone,
}

/// Waits until the workspace is where it shall be, showing the events after `from`. Every state on
/// the way has a deadline of the engine's, so this needs none of its own.
///
/// # Errors
/// It came to rest somewhere else, or the engine is not reachable.
pub(super) async fn until(
    goal: Goal,
    engine: &Engine,
    user: &WorkspaceId,
    from: Version,
    format: Format,
) -> Result<WorkspaceView, Problem> {
    let mut view = look(engine, user).await?;
    let wanted = view.generation;
    let live = (!format.is_json()).then(Live::begin);
    let mut timeline = Timeline::default();
    let mut after = from;
    loop {
        let news = wait(engine, user, after).await?;
        for entry in &news.events {
            after = entry.version;
            let lines = timeline.take(&entry.event);
            if let Some(live) = &live {
                lines.iter().try_for_each(|line| live.line(line))?;
                live.doing(timeline.doing());
            }
            if let Some(outcome) =
                timeline.outcome().filter(|outcome| concerns(goal, outcome, wanted))
            {
                judge(goal, user, outcome)?;
                return look(engine, user).await;
            }
        }
        if news.events.is_empty() {
            // Nothing is said any more: perhaps it came to rest before `from`.
            view = look(engine, user).await?;
            if let Some(outcome) = rest(&view) {
                judge(goal, user, &outcome)?;
                return Ok(view);
            }
        }
    }
}

/// The workspace as it is.
pub(super) async fn look(engine: &Engine, user: &WorkspaceId) -> Result<WorkspaceView, Problem> {
    engine.get(&format!("/workspaces/{user}")).await
}

/// The events after a version, as soon as there are any.
pub(super) async fn wait(
    engine: &Engine,
    user: &WorkspaceId,
    after: Version,
) -> Result<History, Problem> {
    engine.get(&format!("/workspaces/{user}/events?after={after}&wait={WAIT_SECS}")).await
}

/// An older generation's end is on the way, not the end; only a parked one blocks the rest.
fn concerns(goal: Goal, outcome: &Outcome, wanted: Gen) -> bool {
    match outcome {
        // On the way to being deleted it is stopped.
        Outcome::Stopped(..) if goal == Goal::Gone => false,
        Outcome::Ready(generation)
        | Outcome::Failed(generation, ..)
        | Outcome::Stopped(generation, _)
        | Outcome::Deleted(generation) => *generation >= wanted,
        Outcome::Parked(..) => true,
    }
}

/// Where a workspace rests, as far as a look at it tells.
fn rest(view: &WorkspaceView) -> Option<Outcome> {
    let generation = view.generation;
    let trouble = view.trouble.clone();
    match view.status {
        Status::Starting | Status::Stopping => None,
        Status::Ready => Some(Outcome::Ready(generation)),
        Status::Asleep => Some(Outcome::Stopped(generation, ::events::StopReason::Admin)),
        Status::Failed => trouble.map(|(step, reason)| Outcome::Failed(generation, step, reason)),
        Status::Parked => {
            trouble.map(|(step, reason)| Outcome::Parked(generation, step.name(), reason))
        }
    }
}

fn judge(goal: Goal, user: &WorkspaceId, outcome: &Outcome) -> Result<(), Problem> {
    let replay = format!("mend that, then: teamclaw replay {user}");
    let retry =
        format!("mend that, then: teamclaw parked retry {user}; other ways out: teamclaw parked");
    match (goal, outcome) {
        (Goal::Up, Outcome::Ready(_)) | (Goal::Down, Outcome::Stopped(..)) => Ok(()),
        // A start waits for a deletion, so that one is over by the time that somebody is back.
        (Goal::Down | Goal::Gone, Outcome::Deleted(_))
        | (Goal::Gone, Outcome::Stopped(..) | Outcome::Ready(_)) => Ok(()),
        (_, Outcome::Failed(_, step, reason)) => {
            let what = format!("{user}'s agent did not start: {} failed", step.name());
            let do_this = reason
                .hint
                .clone()
                .map_or(replay, |hint| format!("{hint}; then: teamclaw replay {user}"));
            Err(Problem::new(what, words::plain(&reason.words), do_this))
        }
        (_, Outcome::Parked(_, name, reason)) => {
            let what = format!("{user}'s workspace is parked at {name}");
            Err(Problem::new(what, words::plain(&reason.words), retry))
        }
        (Goal::Up, Outcome::Stopped(..) | Outcome::Deleted(_)) => Err(Problem::new(
            format!("{user}'s agent is not ready"),
            "it was stopped while it started",
            format!("see who did with: teamclaw events {user}"),
        )),
        (Goal::Down, Outcome::Ready(_)) => Err(Problem::new(
            format!("{user}'s agent is not stopped"),
            "it was started again meanwhile",
            format!("see by whom with: teamclaw events {user}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::events::{Reason, ReasonClass, Step, StopReason};

    #[test]
    fn the_end_of_an_older_generation_is_not_waited_for() {
        let stopped = Outcome::Stopped(Gen(1), StopReason::Superseded);
        assert!(!concerns(Goal::Up, &stopped, Gen(2)));
        assert!(concerns(Goal::Up, &Outcome::Ready(Gen(2)), Gen(2)));
        assert!(concerns(Goal::Up, &Outcome::Ready(Gen(3)), Gen(2)), "somebody was faster");
        let reason = Reason::new(ReasonClass::Internal, "stuck");
        assert!(concerns(Goal::Up, &Outcome::Parked(Gen(1), "run_task", reason), Gen(2)));
    }

    #[test]
    fn a_start_that_fails_says_why_and_how_to_go_on() {
        let ann = "ann".parse().expect("a name");
        let reason = Reason::new(ReasonClass::Taken, "the port is taken").with_hint("free it");
        let outcome = Outcome::Failed(Gen(1), Step::RunTask, reason);
        let problem = judge(Goal::Up, &ann, &outcome).expect_err("it failed");
        let expected = Problem::new(
            "ann's agent did not start: run_task failed",
            "the port is taken",
            "free it; then: teamclaw replay ann",
        );
        assert_eq!(problem, expected);
        assert!(judge(Goal::Up, &ann, &Outcome::Ready(Gen(1))).is_ok());
        assert!(judge(Goal::Down, &ann, &Outcome::Ready(Gen(1))).is_err());
    }
}
