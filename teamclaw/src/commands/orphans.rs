//! `teamclaw orphans`: what nobody seems to own, and what becomes of it.

use consumers::sweeper::Fate;
use jiff::Timestamp;

use super::table::Rows;
use crate::cli::OrphansArgs;
use crate::client::Engine;
use crate::output::{self, BAD, PLAIN, WARN};
use crate::problem::Problem;
use crate::target;
use crate::words;
use admin::api::{Orphan, Orphans};

/// Lists what the sweeper suspects.
pub(super) async fn run(engine: &Engine, args: &OrphansArgs) -> Result<(), Problem> {
    let orphans: Orphans = engine.get("/orphans").await?;
    if args.format.is_json() {
        return output::document(&orphans);
    }
    report(&orphans, target::now()).iter().try_for_each(|line| output::line(line))
}

fn report(orphans: &Orphans, now: Timestamp) -> Vec<String> {
    let mut rows =
        Rows::with_head(&["WHAT", "USER", "START", "SUSPECTED", "WHAT BECOMES OF IT"], 0..0);
    for orphan in &orphans.orphans {
        let suspect = &orphan.suspect;
        let what = if suspect.missing { "missing task" } else { suspect.kind.name() };
        let start = format!("{}.{}", suspect.generation, suspect.attempt);
        let style = match orphan.fate {
            Fate::Goes | Fate::DeclaredGone | Fate::Stays => PLAIN,
            Fate::WaitsForRest => WARN,
            Fate::NeedsHuman => BAD,
        };
        let since = words::relative(orphan.since, now);
        let user = suspect.workspace.to_string();
        rows.add(style, vec![what.to_owned(), user, start, since, fate(orphan, now)]);
    }
    if rows.is_empty() {
        return vec!["nothing is suspected to be nobody's".to_owned()];
    }
    rows.lines()
}

fn fate(orphan: &Orphan, now: Timestamp) -> String {
    let left = orphan.not_before.duration_since(now);
    let when = |unless: &str| match left.is_positive() {
        true => format!("after {}, unless it is {unless} by then", words::about(left)),
        false => "at the next sweep, within a minute".to_owned(),
    };
    match orphan.fate {
        Fate::Goes => format!("removed {}", when("owned")),
        Fate::DeclaredGone => format!("written down as gone {}", when("found")),
        Fate::WaitsForRest => "removed when its workspace is asleep; stop that to hurry".to_owned(),
        Fate::NeedsHuman => "stays: no start ever had this number; remove it by hand".to_owned(),
        Fate::Stays => "stays: its workspace owns it by now".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::events::{Attempt, Gen};
    use expect_test::expect;
    use ports::{Kind, Suspect};

    #[test]
    fn each_says_whose_it_would_be_and_what_becomes_of_it_and_when() {
        let at = |text: &str| -> Timestamp { text.parse().expect("a time") };
        let orphan = |kind, missing, generation, since: &str, fate| Orphan {
            suspect: Suspect {
                kind,
                missing,
                workspace: "ghost".parse().expect("a name"),
                generation: Gen(generation),
                attempt: Attempt(1),
            },
            since: at(since),
            not_before: at(since) + consumers::sweeper::SUSPECTED_FOR,
            fate,
        };
        let (old, new) = ("2026-11-22T11:58:00Z", "2026-11-22T11:59:50Z");
        let orphans = vec![
            orphan(Kind::Task, false, 3, old, Fate::Goes),
            orphan(Kind::Task, true, 1, new, Fate::DeclaredGone),
            orphan(Kind::Lease, false, 7, old, Fate::WaitsForRest),
            orphan(Kind::Route, false, u64::MAX, old, Fate::NeedsHuman),
        ];
        let text = report(&Orphans { orphans }, at("2026-11-22T12:00:00Z")).join("\n");
        expect![[r#"
            WHAT          USER   START                   SUSPECTED  WHAT BECOMES OF IT
            task          ghost  3.1                     2 min ago  removed at the next sweep, within a minute
            missing task  ghost  1.1                     10 s ago   written down as gone after 40 s, unless it is found by then
            lease         ghost  7.1                     2 min ago  removed when its workspace is asleep; stop that to hurry
            route         ghost  18446744073709551615.1  2 min ago  stays: no start ever had this number; remove it by hand"#]].assert_eq(&anstream::adapter::strip_str(&text).to_string());
        let none = report(&Orphans::default(), at(old));
        assert_eq!(none, ["nothing is suspected to be nobody's"]);
    }
}
