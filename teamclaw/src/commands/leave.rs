//! `teamclaw parked retry`, `skip`, `abort`, `replay` and `redrive`: what a human decides about what
//! is parked, for one or for many.

use ::events::workspace::WayOut;
use ::events::{Reason, Step, WorkspaceId};
use jiff::Timestamp;

use super::troubled;
use crate::cli::{Decision, LeaveArgs, RedriveArgs};
use crate::client::Engine;
use crate::output;
use crate::problem::{EXIT_REFUSED, Problem};
use crate::target;
use crate::words;
use admin::api::{LeaveRequest, LeftMany, RedriveRequest, Redriven};

/// Does what was decided, and says what came of it.
pub(super) async fn run(engine: &Engine, decision: &Decision) -> Result<(), Problem> {
    match decision {
        Decision::Retry(which) => leave(engine, WayOut::Retry, None, which).await,
        Decision::Skip(which) => leave(engine, WayOut::Skip, None, which).await,
        Decision::Abort(which) => leave(engine, WayOut::Abort, None, which).await,
        Decision::Replay { from, which } => leave(engine, WayOut::Replay, Some(*from), which).await,
        Decision::Redrive(args) => redrive(engine, args).await,
    }
}

async fn leave(
    engine: &Engine,
    way: WayOut,
    from: Option<Step>,
    args: &LeaveArgs,
) -> Result<(), Problem> {
    let now = target::now();
    let request = LeaveRequest {
        user: args.user.clone(),
        all: args.all,
        step: args.step,
        reason: args.reason,
        since: args.since.map(|when| when.seen_from(now)),
        team: args.team.clone(),
        from,
        dry_run: args.dry_run,
    };
    let answer: LeftMany = engine.post(&format!("/parked/{}", way.name()), &request).await?;
    if args.format.is_json() {
        output::document(&answer)?;
    } else {
        report(&answer, way, args.dry_run, now).iter().try_for_each(|line| output::line(line))?;
    }
    match (&args.user, &*answer.refused) {
        (_, []) => Ok(()),
        (Some(user), [(_, reason), ..]) => Err(closed(way, user, reason)),
        (None, refused) => {
            let why = format!("{} of {} were refused", refused.len(), answer.rows.len());
            Err(Problem::new("not all go on", why, "look at each with: teamclaw parked"))
        }
    }
}

/// The one that was meant cannot leave this way.
fn closed(way: WayOut, user: &WorkspaceId, reason: &Reason) -> Problem {
    let hint = reason.hint.as_deref().map(words::plain).unwrap_or_default();
    let do_this = hint.replace("USER", user.as_str());
    let what = format!("no {} for {user}", way.name());
    Problem::new(what, words::plain(&reason.words), do_this).with_code(EXIT_REFUSED)
}

fn report(answer: &LeftMany, way: WayOut, dry_run: bool, now: Timestamp) -> Vec<String> {
    if answer.rows.is_empty() {
        return vec!["none is parked that matches".to_owned()];
    }
    let mut lines = troubled::table(&answer.rows, now);
    for (user, reason) in &answer.refused {
        lines.push(format!("{user} is refused: {}", words::plain(&reason.words)));
    }
    let (would, done) = match way {
        WayOut::Retry | WayOut::Replay => ("would be tried again", "tried again"),
        WayOut::Skip => ("would go on past the step", "gone on past the step"),
        WayOut::Abort => ("would be given up", "given up"),
    };
    lines.push(format!("{} {}", answer.left, if dry_run { would } else { done }));
    lines
}

async fn redrive(engine: &Engine, args: &RedriveArgs) -> Result<(), Problem> {
    let request = RedriveRequest { class: args.class, dry_run: args.dry_run };
    let answer: Redriven = engine.post("/dead-letters/redrive", &request).await?;
    if args.format.is_json() {
        return output::document(&answer);
    }
    let now = target::now();
    for letter in &answer.letters {
        super::parked::letter(letter, now).iter().try_for_each(|line| output::line(line))?;
    }
    output::line(&match args.dry_run {
        true => format!("{} would be sent again", answer.letters.len()),
        false => format!("{} sent again", answer.sent),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::events::{ReasonClass, Status};
    use expect_test::expect;
    use ports::Row;

    #[test]
    fn a_dry_run_shows_which_would_go_on_and_which_are_refused() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a time");
        let row = |name: &str, step, undoing| Row {
            workspace: name.parse().expect("a name"),
            status: Status::Parked,
            team: None,
            due: None,
            last_active: None,
            step: Some(step),
            reason: Some(Reason::new(ReasonClass::Unavailable, "no answer")),
            undoing,
            trouble_at: "2026-11-22T11:55:00Z".parse().ok(),
            ways_out: Vec::new(),
        };
        let rows = vec![row("ann", Step::RunTask, true), row("bob", Step::RunTask, false)];
        let needed = Reason::new(ReasonClass::Internal, "run_task cannot be skipped: why");
        let refused = vec![("bob".parse().expect("a name"), needed)];
        let answer = LeftMany { rows, left: 1, refused };
        let text = report(&answer, WayOut::Skip, true, now).join("\n");
        expect![[r#"
            USER  STATUS  STEP       REASON       SINCE      WORDS
            ann   parked  stop_task  unavailable  5 min ago  no answer
            bob   parked  run_task   unavailable  5 min ago  no answer
            bob is refused: run_task cannot be skipped: why
            1 would go on past the step"#]]
        .assert_eq(&anstream::adapter::strip_str(&text).to_string());
    }

    #[test]
    fn a_closed_way_says_what_to_do_for_this_user() {
        let ann = "ann".parse().expect("a name");
        let reason = Reason::new(ReasonClass::Internal, "it is ready")
            .with_hint("look at it with: teamclaw status USER");
        let problem = closed(WayOut::Skip, &ann, &reason);
        assert_eq!(problem.exit_code, EXIT_REFUSED);
        assert_eq!(problem.do_this, "look at it with: teamclaw status ann");
    }
}
