//! `teamclaw parked`: what needs a human.

use ::events::workspace::WayOut;
use jiff::Timestamp;
use ports::{Letter, Row};
use serde::Serialize;

use super::leave;
use super::status::all_rows;
use crate::cli::ParkedArgs;
use crate::client::Engine;
use crate::output::{self, BAD, BOLD, DIM, styled};
use crate::problem::Problem;
use crate::target;
use crate::timeline::name_of;
use crate::words;
use admin::api::EngineStatus;

/// How much of a message that was set aside is shown.
const BODY_WIDTH: usize = 100;

/// What needs a human, as machines read it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Parked {
    workspaces: Vec<Row>,
    dead_letters: Vec<Letter>,
}

/// Does what was decided, or lists parked workspaces and messages that were set aside.
pub(super) async fn run(engine: &Engine, args: &ParkedArgs) -> Result<(), Problem> {
    if let Some(decision) = &args.decision {
        return leave::run(engine, decision).await;
    }
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
    let mut lines: Vec<String> =
        parked.workspaces.iter().flat_map(|row| workspace(row, now)).collect();
    lines.extend(parked.dead_letters.iter().flat_map(|it| letter(it, now)));
    if !parked.dead_letters.is_empty() {
        lines.push(format!("  then: {}", styled(BOLD, "teamclaw parked redrive")));
    }
    lines
}

fn workspace(row: &Row, now: Timestamp) -> Vec<String> {
    let step = row.step.map_or("an unknown step", |step| name_of(step, row.undoing));
    let since = words::relative_or_dash(row.trouble_at, now);
    let user = &row.workspace;
    let mut lines =
        vec![format!("{} parked at {step}, {since}", styled(BAD.bold(), user.as_str()))];
    if let Some(reason) = &row.reason {
        let (class, why) = (reason.class.name(), words::plain(&reason.words));
        lines.push(format!("  why:  {why} ({class})"));
        lines.extend(reason.request.iter().map(|id| {
            format!("  id:   {}, which the service's support asks for", words::plain(id))
        }));
        lines.extend(reason.hint.iter().map(|hint| format!("  do:   {}", words::plain(hint))));
    }
    let command = |way: &WayOut| {
        let from = if *way == WayOut::Replay { " --from STEP" } else { "" };
        format!("teamclaw parked {} {user}{from}", way.name())
    };
    let commands: Vec<String> = row.ways_out.iter().map(command).collect();
    let width = commands.iter().map(String::len).max().unwrap_or_default();
    for (place, (way, command)) in row.ways_out.iter().zip(commands).enumerate() {
        let head = if place == 0 { "then:" } else { "or:" };
        let command = styled(BOLD, &format!("{command:<width$}"));
        lines.push(format!("  {head:<5} {command}  {}", way_words(*way)));
    }
    lines
}

/// What a way out means, in a few words.
fn way_words(way: WayOut) -> &'static str {
    match way {
        WayOut::Retry => "the same again",
        WayOut::Skip => "that step was done by hand",
        WayOut::Abort => "give up and take everything back",
        WayOut::Replay => "again from an earlier step",
    }
}

/// A message that was set aside.
pub(super) fn letter(letter: &Letter, now: Timestamp) -> Vec<String> {
    let (class, sent) = (letter.class.name(), words::relative(letter.sent, now));
    let aside = styled(BAD.bold(), "set aside:");
    let tried = letter.receives;
    vec![
        format!("{aside} message of {class}, sent {sent}, tried {tried} times"),
        styled(DIM, &format!("  {}", words::short(&letter.body, BODY_WIDTH))),
    ]
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
            reason: Some(Reason { request: Some("4711".to_owned()), ..reason.with_hint("look") }),
            undoing: true,
            trouble_at: Some(hour_ago),
            ways_out: WayOut::ALL.into(),
        };
        let body = "{\"workspace\":\"bob\"}".to_owned();
        let letter = Letter { class: Class::Compute, body, receives: 5, sent: hour_ago };
        let parked = Parked { workspaces: vec![row], dead_letters: vec![letter] };
        let text = report(&parked, now).join("\n");
        expect![[r#"
            ann parked at stop_task, 1 h ago
              why:  the disk does not answer (unavailable)
              id:   4711, which the service's support asks for
              do:   look
              then: teamclaw parked retry ann               the same again
              or:   teamclaw parked skip ann                that step was done by hand
              or:   teamclaw parked abort ann               give up and take everything back
              or:   teamclaw parked replay ann --from STEP  again from an earlier step
            set aside: message of compute, sent 1 h ago, tried 5 times
              {"workspace":"bob"}
              then: teamclaw parked redrive"#]]
        .assert_eq(&anstream::adapter::strip_str(&text).to_string());
    }
}
