//! `teamclaw parked`: what needs a human.

use jiff::Timestamp;
use ports::{Letter, Row};
use serde::Serialize;

use super::status::all_rows;
use crate::api::EngineStatus;
use crate::cli::ParkedArgs;
use crate::client::Engine;
use crate::output::{self, BAD, BOLD, DIM, styled};
use crate::problem::Problem;
use crate::target;
use crate::words;

/// How much of a message that was set aside is shown.
const BODY_WIDTH: usize = 100;

/// What needs a human, as machines read it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Parked {
    workspaces: Vec<Row>,
    dead_letters: Vec<Letter>,
}

/// Lists parked workspaces and messages that were set aside.
pub(super) async fn run(engine: &Engine, args: &ParkedArgs) -> Result<(), Problem> {
    let workspaces = all_rows(engine, "&status=parked").await?;
    let status: EngineStatus = engine.get("/status").await?;
    let parked = Parked { workspaces, dead_letters: status.dead_letters };
    if args.format.is_json() {
        return output::document(&parked);
    }
    report(&parked, target::now()).iter().try_for_each(|line| output::line(line))
}

fn report(parked: &Parked, now: Timestamp) -> Vec<String> {
    if parked.workspaces.is_empty() && parked.dead_letters.is_empty() {
        return vec!["nothing is parked".to_owned()];
    }
    let mut lines = Vec::new();
    for row in &parked.workspaces {
        let step = row.step.map_or("an unknown step", ::events::Step::name);
        let since = words::relative_or_dash(row.trouble_at, now);
        lines.push(format!(
            "{} parked at {step}, {since}",
            styled(BAD.bold(), row.workspace.as_str())
        ));
        if let Some(reason) = &row.reason {
            lines.push(format!("  why:  {}", words::plain(&reason.words)));
            lines.extend(reason.hint.iter().map(|hint| format!("  do:   {}", words::plain(hint))));
        }
        let replay = format!("teamclaw replay {}", row.workspace);
        lines.push(format!("  then: {}", styled(BOLD, &replay)));
    }
    for letter in &parked.dead_letters {
        let (class, sent) = (letter.class.name(), words::relative(letter.sent, now));
        let tried = letter.receives;
        lines.push(format!(
            "{} message of {class}, sent {sent}, tried {tried} times",
            styled(BAD.bold(), "set aside:")
        ));
        lines.push(styled(DIM, &format!("  {}", words::short(&letter.body, BODY_WIDTH))));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::events::{Class, Reason, ReasonClass, Status, Step};
    use expect_test::expect;

    #[test]
    fn each_says_why_it_is_parked_and_what_comes_next() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a time");
        let hour_ago: Timestamp = "2026-11-22T11:00:00Z".parse().expect("a time");
        let reason = Reason::new(ReasonClass::Unavailable, "the disk does not answer");
        let row = Row {
            workspace: "ann".parse().expect("a name"),
            status: Status::Parked,
            team: None,
            due: None,
            last_active: None,
            step: Some(Step::RunTask),
            reason: Some(reason.with_hint("look at the disk")),
            trouble_at: Some(hour_ago),
        };
        let body = "{\"workspace\":\"bob\"}".to_owned();
        let letter = Letter { class: Class::Compute, body, receives: 5, sent: hour_ago };
        let parked = Parked { workspaces: vec![row], dead_letters: vec![letter] };
        let text = report(&parked, now).join("\n");
        expect![[r#"
            ann parked at run_task, 1 h ago
              why:  the disk does not answer
              do:   look at the disk
              then: teamclaw replay ann
            set aside: message of compute, sent 1 h ago, tried 5 times
              {"workspace":"bob"}"#]]
        .assert_eq(&anstream::adapter::strip_str(&text).to_string());
    }
}
