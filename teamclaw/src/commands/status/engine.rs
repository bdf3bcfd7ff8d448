//! The engine and everybody's workspaces on one screen.

use ::events::Status;
use anstyle::Style;
use jiff::Timestamp;
use ports::Row;

use super::super::table;
use crate::output::{BAD, BOLD, DIM, GOOD, PLAIN, WARN, styled};
use crate::words;
use admin::api::EngineStatus;

/// Room for a reason in the table.
const WORDS_WIDTH: usize = 48;

/// How a status looks.
pub(super) fn style(status: Status) -> Style {
    match status {
        Status::Asleep => DIM,
        Status::Starting | Status::Stopping => WARN,
        Status::Ready => GOOD,
        Status::Failed | Status::Parked => BAD,
    }
}

/// The engine itself.
pub(super) fn lines(engine: &EngineStatus, now: Timestamp) -> Vec<String> {
    let up = engine.up_since.map(|since| words::about(now.duration_since(since)));
    let up = up.map(|time| format!(", up for {time}")).unwrap_or_default();
    let policy = &engine.policy;
    let idle = format!(
        "after {} alone (people may choose {} to {}), with {} notice",
        words::about(policy.idle_default),
        words::about(policy.idle_min),
        words::about(policy.idle_max),
        words::about(policy.notice),
    );
    let mut lines = vec![
        styled(BOLD, &format!("TeamClaw {}{up}", words::plain(&engine.version))),
        field("front door", &engine.front_door),
        field("data", &engine.data_dir),
        field("agent", &engine.agent),
        field("idle stop", &idle),
        field("workspaces", &counts(engine)),
    ];
    for (place, measure) in engine.confinement.iter().enumerate() {
        let (style, sign) = if measure.in_force { (GOOD, "✓") } else { (WARN, "✗") };
        let label = if place == 0 { "confinement" } else { "" };
        let (name, words) = (words::plain(&measure.name), words::plain(&measure.words));
        lines.push(format!("  {label:<12} {} {name}: {words}", styled(style, sign)));
    }
    if !engine.dead_letters.is_empty() {
        let words = format!("{} messages; see: teamclaw parked", engine.dead_letters.len());
        lines.push(styled(BAD, &field("set aside", &words)));
    }
    if engine.suspects > 0 {
        let words = format!("{} may be nobody's; see: teamclaw orphans", engine.suspects);
        lines.push(styled(WARN, &field("suspected", &words)));
    }
    lines
}

fn field(label: &str, words: &str) -> String {
    format!("  {label:<12} {}", words::plain(words))
}

fn counts(engine: &EngineStatus) -> String {
    let some = engine.counts.iter().filter(|(_, count)| **count > 0);
    let shown: Vec<String> = some.map(|(status, count)| format!("{count} {status}")).collect();
    if shown.is_empty() { "none yet".to_owned() } else { shown.join(", ") }
}

/// Everybody, with an empty line before; nothing when there is nobody.
pub(super) fn table(rows: &[Row], now: Timestamp) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let mut table =
        table::Rows::with_head(&["USER", "TEAM", "STATUS", "LAST USED", "TROUBLE"], 0..0);
    for row in rows {
        let team = row.team.as_ref().map_or_else(words::dash, ToString::to_string);
        let style = if row.status == Status::Ready { PLAIN } else { style(row.status) };
        table.add(
            style,
            vec![
                row.workspace.to_string(),
                team,
                row.status.name().to_owned(),
                words::relative_or_dash(row.last_active, now),
                trouble(row),
            ],
        );
    }
    std::iter::once(String::new()).chain(table.lines()).collect()
}

fn trouble(row: &Row) -> String {
    let step = row.step.map(|step| format!("{}: ", step.name())).unwrap_or_default();
    let words = row.reason.as_ref().map(|reason| words::short(&reason.words, WORDS_WIDTH));
    words.map(|words| format!("{step}{words}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::events::{Policy, Reason, ReasonClass, Step};
    use admin::api::Measure;
    use expect_test::expect;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn the_overview_fits_on_a_screen_and_says_what_is_missing() {
        let measure = |name: &str, in_force, words: &str| Measure {
            name: name.to_owned(),
            in_force,
            words: words.to_owned(),
        };
        let engine = EngineStatus {
            version: "0.1.0".to_owned(),
            front_door: "http://127.0.0.1:7700".to_owned(),
            data_dir: "/srv/teamclaw".to_owned(),
            agent: "openclaw 2026.9.6".to_owned(),
            up_since: Some(at("2026-11-22T10:00:00Z")),
            confinement: vec![
                measure("files", true, "Landlock ABI 7"),
                measure("own uid", false, "needs root"),
            ],
            policy: Policy::default(),
            counts: [("ready".to_owned(), 1), ("asleep".to_owned(), 0)].into(),
            dead_letters: Vec::new(),
            suspects: 3,
        };
        let row = |name: &str, status, reason: Option<Reason>| Row {
            workspace: name.parse().expect("a name"),
            status,
            team: "sales".parse().ok(),
            due: None,
            last_active: Some(at("2026-11-22T11:58:00Z")),
            step: reason.as_ref().map(|_| Step::RunTask),
            reason,
            undoing: false,
            trouble_at: None,
            ways_out: Vec::new(),
        };
        let taken = Reason::new(ReasonClass::Taken, "the port 20001 is taken by somebody else");
        let rows = [row("ann", Status::Ready, None), row("bob", Status::Failed, Some(taken))];
        let now = at("2026-11-22T12:03:00Z");
        let text = [lines(&engine, now), table(&rows, now)].concat().join("\n");
        expect![[r#"
            TeamClaw 0.1.0, up for 2 h 3 min
              front door   http://127.0.0.1:7700
              data         /srv/teamclaw
              agent        openclaw 2026.9.6
              idle stop    after 30 min alone (people may choose 5 min to 1 d), with 2 min notice
              workspaces   1 ready
              confinement  ✓ files: Landlock ABI 7
                           ✗ own uid: needs root
              suspected    3 may be nobody's; see: teamclaw orphans

            USER  TEAM   STATUS  LAST USED  TROUBLE
            ann   sales  ready   5 min ago
            bob   sales  failed  5 min ago  run_task: the port 20001 is taken by somebody else"#]]
        .assert_eq(&anstream::adapter::strip_str(&text).to_string());
    }
}
