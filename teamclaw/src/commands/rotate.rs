//! `teamclaw keys rotate` and `teamclaw keys rotations`: new keys for old ones, step by step.

use ::events::rotation::{RotationId, Standing};
use ::events::{KeyPrint, ProviderId};

use super::{secret_input, table::Rows};
use crate::cli::{Format, RotateArgs, RotationsArgs};
use crate::client::{Engine, WAIT_SECS};
use crate::output::{self, BAD, GOOD, Live, PLAIN, WARN};
use crate::problem::{EXIT_USAGE, Problem};
use crate::target;
use crate::timeline::rotation::{RotationEnd, RotationTimeline};
use crate::words;
use admin::api::{
    History, RotateRequest, RotationBegun, RotationPlan, RotationReplay, RotationRow, RotationRows,
};

/// Begins a rotation, or replays one, and follows it to its end.
pub(super) async fn run(args: &RotateArgs) -> Result<(), Problem> {
    let engine = Engine::find(&args.at).await?;
    if let Some(id) = &args.replay {
        let path = format!("/rotations/{}/{}/replay", id.provider, id.rotation);
        let begun: RotationBegun = engine.post(&path, &RotationReplay { from: args.from }).await?;
        return follow(&engine, &begun, args.format).await;
    }
    let Some(provider) = &args.provider else {
        let what = "it is not said whose keys";
        return Err(Problem::new(what, "", "name a provider").with_code(EXIT_USAGE));
    };
    let keys = secret_input::read_many(args.from_env.as_deref(), args.from_file.as_deref())?;
    let keys = keys.iter().map(|key| key.expose().to_owned()).collect();
    let retire = (!args.retire.is_empty()).then(|| args.retire.clone());
    let request = RotateRequest { provider: provider.clone(), keys, retire };
    if args.dry_run {
        let plan: RotationPlan = engine.post("/rotations/plan", &request).await?;
        return show_plan(provider, &plan, args.format);
    }
    let begun: RotationBegun = engine.post("/rotations", &request).await?;
    follow(&engine, &begun, args.format).await
}

/// Shows the events of a rotation as they come until it has ended. Every step has a deadline of the
/// engine's, so this needs none.
async fn follow(engine: &Engine, begun: &RotationBegun, format: Format) -> Result<(), Problem> {
    let provider = &begun.id.provider;
    let live = (!format.is_json()).then(Live::begin);
    let mut timeline = RotationTimeline::default();
    let mut after = begun.version;
    loop {
        let path = format!("/rotations/{provider}/events?after={after}&wait={WAIT_SECS}");
        let news: History = engine.get(&path).await?;
        for entry in &news.events {
            after = entry.version;
            let lines = timeline.take(&entry.event);
            if let Some(live) = &live {
                lines.iter().try_for_each(|line| live.line(line))?;
                live.doing(timeline.doing());
            }
            if let Some(end) = timeline.end() {
                let row = row(engine, &begun.id).await?;
                if format.is_json() {
                    output::document(&row)?;
                }
                return judge(&begun.id, end);
            }
        }
    }
}

fn judge(id: &RotationId, end: &RotationEnd) -> Result<(), Problem> {
    let (what, step, reason) = match end {
        RotationEnd::Rotated => return Ok(()),
        RotationEnd::Refused(step, reason) => ("was refused", step, reason),
        RotationEnd::Parked(step, reason) => ("could not be taken back", step, reason),
    };
    let replay = format!("teamclaw keys rotate --replay {id}");
    let do_this = match &reason.hint {
        Some(hint) => format!("{hint}; then: {replay}"),
        None => format!("mend that, then: {replay}"),
    };
    let what = format!("{id} {what} at {}", step.name());
    Err(Problem::new(what, words::plain(&reason.words), do_this))
}

async fn row(engine: &Engine, id: &RotationId) -> Result<Option<RotationRow>, Problem> {
    let list: RotationRows = engine.get("/rotations").await?;
    let this = |row: &RotationRow| row.provider == id.provider && row.view.rotation == id.rotation;
    Ok(list.rows.into_iter().find(this))
}

fn show_plan(provider: &ProviderId, plan: &RotationPlan, format: Format) -> Result<(), Problem> {
    if format.is_json() {
        output::document(plan)?;
    } else {
        for new in &plan.new {
            let words = words::plain(&new.words);
            output::line(&format!("{} would join the pool: {words}", shown(&new.key)))?;
        }
        for key in &plan.retire {
            output::line(&format!("{} would leave the pool", shown(key)))?;
        }
        for key in &plan.stay {
            output::line(&format!("{} would stay", shown(key)))?;
        }
    }
    match plan.new.iter().find(|new| new.taken == Some(false)) {
        None => Ok(()),
        Some(new) => {
            let what = format!("a rotation of {provider} would be refused");
            Err(Problem::new(what, words::plain(&new.words), "give another key"))
        }
    }
}

/// Lists the rotations.
pub(super) async fn list(args: &RotationsArgs) -> Result<(), Problem> {
    let list: RotationRows = Engine::find(&args.at).await?.get("/rotations").await?;
    if args.format.is_json() {
        return output::document(&list);
    }
    let lines = report(&list, target::now());
    lines.iter().try_for_each(|line| output::line(line))
}

fn report(list: &RotationRows, now: jiff::Timestamp) -> Vec<String> {
    if list.rows.is_empty() {
        return vec!["no key was ever rotated; see: teamclaw keys rotate --help".to_owned()];
    }
    let head = ["ROTATION", "STATE", "STEP", "TRY", "ASKED BY", "SINCE", "WORDS"];
    let mut rows = Rows::with_head(&head, 0..0);
    for RotationRow { provider, view } in &list.rows {
        let id = RotationId { provider: provider.clone(), rotation: view.rotation };
        let style = match view.standing {
            Standing::Rotated => GOOD,
            Standing::Running => PLAIN,
            Standing::Unwinding => WARN,
            Standing::Refused | Standing::Parked => BAD,
        };
        let by = view.requested_by.map(|by| serde_json::json!(by));
        let by = by.as_ref().and_then(serde_json::Value::as_str).map(str::to_owned);
        rows.add(
            style,
            vec![
                id.to_string(),
                view.standing.name().to_owned(),
                view.step.map_or_else(words::dash, |step| step.name().to_owned()),
                view.attempt.to_string(),
                by.unwrap_or_else(words::dash),
                words::relative_or_dash(view.moved_at, now),
                view.reason.as_ref().map(|why| words::plain(&why.words)).unwrap_or_default(),
            ],
        );
    }
    rows.lines()
}

fn shown(key: &KeyPrint) -> String {
    words::plain(&key.0)
}

#[cfg(test)]
mod tests {
    use ::events::rotation::{Number, RequestedBy, RotationView};
    use ::events::{Attempt, KeyStep, Reason, ReasonClass};
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_list_says_where_each_stands_and_why() {
        let now: jiff::Timestamp = "2026-11-22T12:00:00Z".parse().expect("a time");
        let then: jiff::Timestamp = "2026-11-22T11:55:00Z".parse().expect("a time");
        let view = RotationView {
            rotation: Number(2),
            standing: Standing::Refused,
            attempt: Attempt(1),
            step: Some(KeyStep::TryKeys),
            reason: Some(Reason::new(ReasonClass::KeyRefused, "anthropic does not\ntake it")),
            requested_by: Some(RequestedBy::Command),
            requested_at: Some(then),
            moved_at: Some(then),
            new: Vec::new(),
            retire: Vec::new(),
        };
        let good = RotationView {
            rotation: Number(1),
            standing: Standing::Rotated,
            step: None,
            reason: None,
            ..view.clone()
        };
        let provider: ProviderId = "anthropic".parse().expect("an id");
        let row = |view| RotationRow { provider: provider.clone(), view };
        let list = RotationRows { rows: vec![row(view), row(good)] };
        let text = report(&list, now).join("\n");
        expect![[r#"
            ROTATION     STATE    STEP      TRY  ASKED BY  SINCE      WORDS
            anthropic-2  refused  try_keys  1    command   5 min ago  anthropic does not take it
            anthropic-1  rotated  -         1    command   5 min ago"#]]
        .assert_eq(&anstream::adapter::strip_str(&text).to_string());
    }
}
