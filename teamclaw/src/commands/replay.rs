//! `teamclaw replay`: what failed is tried again, one workspace or many.

use super::follow::Goal;
use super::{lifecycle, troubled};
use crate::cli::ReplayArgs;
use crate::client::Engine;
use crate::output;
use crate::problem::Problem;
use crate::target;
use crate::words;
use admin::api::{Changed, ReplayMany, ReplayRequest, ReplayedMany};

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
        team: args.team.clone(),
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
    let mut lines = troubled::table(&answer.rows, now);
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
            undoing: false,
            trouble_at: "2026-11-22T11:55:00Z".parse().ok(),
            ways_out: Vec::new(),
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
