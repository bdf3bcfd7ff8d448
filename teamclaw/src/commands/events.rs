//! `teamclaw events`: a workspace's journal, as lines for a person or as JSON lines.

use ::events::{Version, WorkspaceId};

use super::follow;
use crate::cli::EventsArgs;
use crate::client::Engine;
use crate::output::{self, DIM, styled};
use crate::problem::Problem;
use crate::timeline::Timeline;
use admin::api::{Entry, History};

/// How many events one question asks for.
const PAGE: usize = 500;

/// Prints the journal, and with `--follow` what is added to it.
pub(super) async fn run(engine: &Engine, args: &EventsArgs) -> Result<(), Problem> {
    let mut timeline = Timeline::default();
    let mut after = Version(args.since);
    loop {
        let page = page(engine, &args.user, after).await?;
        for entry in &page.events {
            after = entry.version;
            print(entry, &mut timeline, args.format.is_json())?;
        }
        if page.events.is_empty() {
            break;
        }
    }
    if !args.follow {
        return Ok(());
    }
    loop {
        for entry in &follow::wait(engine, &args.user, after).await?.events {
            after = entry.version;
            print(entry, &mut timeline, args.format.is_json())?;
        }
    }
}

async fn page(engine: &Engine, user: &WorkspaceId, after: Version) -> Result<History, Problem> {
    engine.get(&format!("/workspaces/{user}/events?after={after}&limit={PAGE}")).await
}

fn print(entry: &Entry, timeline: &mut Timeline, json: bool) -> Result<(), Problem> {
    if json {
        return output::json_line(entry);
    }
    let time = entry.event.time.strftime("%F %TZ").to_string();
    let lines = timeline.take(&entry.event);
    lines.iter().try_for_each(|line| output::line(&format!("{}  {line}", styled(DIM, &time))))
}
