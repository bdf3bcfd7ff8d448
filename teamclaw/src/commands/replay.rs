//! `teamclaw replay`: what failed is tried again, one workspace or many.

use super::follow::Goal;
use super::{lifecycle, table::Rows};
use crate::api::{Changed, ReplayMany, ReplayRequest, ReplayedMany};
use crate::cli::ReplayArgs;
use crate::client::Engine;
use crate::output::{self, PLAIN};
use crate::problem::Problem;
use crate::target;
use crate::words;

/// Room for a reason in a table.
const WORDS_WIDTH: usize = 60;

/// Replays one workspace and waits for it, or many without waiting.
pub(super) async fn run(engine: &Engine, args: &ReplayArgs) -> Result<(), Problem> {
    let Some(user) = &args.user else { return many(engine, args).await };
    let request = ReplayRequest { from: args.from };
    let changed: Changed = engine.post(&format!("/workspaces/{user}/replay"), &request).await?;
    lifecycle::settle(Goal::Up, engine, user, &changed, args.format).await
}

async fn many(engine: &Engine, args: &ReplayArgs) -> Result<(), Problem> {
    let now = target::now();
    let request = ReplayMany {
        step: args.step,
        since: args.since.map(|when| when.seen_from(now)),
        reason: args.reason,
        from: args.from,
        dry_run: args.dry_run,
    };
    let answer: ReplayedMany = engine.post("/replay", &request).await?;
    if args.format.is_json() {
        output::document(&answer)?;
    } else {
        for line in report(&answer, args.dry_run, now) {
            output::line(&line)?;
        }
    }
    if answer.refused.is_empty() {
        return Ok(());
    }
    let why = format!("{} of {} were refused", answer.refused.len(), answer.rows.len());
    let do_this = "look at each with: teamclaw status USER";
    Err(Problem::new("not all are tried again", why, do_this))
}

fn report(answer: &ReplayedMany, dry_run: bool, now: jiff::Timestamp) -> Vec<String> {
    if answer.rows.is_empty() {
        return vec!["none has failed or is parked that matches".to_owned()];
    }
    let mut rows = Rows::with_head(&["USER", "STATUS", "STEP", "REASON", "SINCE", "WORDS"], 0..0);
    for row in &answer.rows {
        let reason = row.reason.as_ref();
        rows.add(
            PLAIN,
            vec![
                row.workspace.to_string(),
                row.status.name().to_owned(),
                row.step.map_or_else(words::dash, |step| step.name().to_owned()),
                reason.map_or_else(words::dash, |reason| reason.class.name().to_owned()),
                words::relative_or_dash(row.trouble_at, now),
                reason.map_or_else(words::dash, |r| words::short(&r.words, WORDS_WIDTH)),
            ],
        );
    }
    let mut lines = rows.lines();
    for (user, why) in &answer.refused {
        lines.push(format!("{user} was refused: {}", words::plain(why)));
    }
    lines.push(match dry_run {
        true => format!("{} would be tried again", answer.rows.len()),
        false => format!("{} are tried again", answer.replayed),
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::events::{Reason, ReasonClass, Status, Step};
    use expect_test::expect;
    use ports::Row;

    #[test]
    fn a_dry_run_shows_which_and_why() {
        let now: jiff::Timestamp = "2026-11-22T12:00:00Z".parse().expect("a time");
        let row = Row {
            workspace: "ann".parse().expect("a name"),
            status: Status::Failed,
            team: None,
            due: None,
            last_active: None,
            step: Some(Step::RunTask),
            reason: Some(Reason::new(ReasonClass::Taken, "the port\nis taken")),
            trouble_at: "2026-11-22T11:55:00Z".parse().ok(),
        };
        let answer = ReplayedMany { rows: vec![row], ..ReplayedMany::default() };
        let text = report(&answer, true, now).join("\n");
        expect![[r#"
            USER  STATUS  STEP      REASON  SINCE      WORDS
            ann   failed  run_task  taken   5 min ago  the port is taken
            1 would be tried again"#]]
        .assert_eq(&anstream::adapter::strip_str(&text).to_string());
    }
}
