//! `teamclaw feed`: every event as CloudEvents, one JSON object a line, for programs that analyse.
//!
//! Events come at least once over several runs: whoever goes on from the place that is named at
//! the end misses none, and the events' ids tell a repeated one.

use ports::Cursor;

use crate::cli::FeedArgs;
use crate::client::{Engine, WAIT_SECS};
use crate::output;
use crate::problem::{EXIT_QUIET, Problem};
use admin::api::Feed;

/// How many events one question asks for.
const PAGE: usize = 500;

/// Writes the feed until its end or, with `--follow`, until it is interrupted.
pub(super) async fn run(engine: &Engine, args: &FeedArgs) -> Result<(), Problem> {
    let mut after = Cursor(args.since);
    let outcome = tokio::select! {
        biased;
        outcome = write(engine, args, &mut after) => outcome,
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    let quiet = outcome.as_ref().is_err_and(|problem| problem.exit_code == EXIT_QUIET);
    let moved = outcome.is_ok() || after.0 > args.since;
    if moved && !quiet {
        output::note(&format!("go on with: teamclaw feed --since {}", after.0));
    }
    outcome
}

async fn write(engine: &Engine, args: &FeedArgs, after: &mut Cursor) -> Result<(), Problem> {
    let mut caught_up = false;
    loop {
        // Whoever does not follow must not wait at the end.
        let wait = if args.follow && caught_up { WAIT_SECS } else { 0 };
        let page: Feed = engine.get(&path(args, *after, wait)).await?;
        for entry in &page.events {
            output::json_line(&entry.event)?;
            *after = entry.cursor;
        }
        caught_up = page.events.is_empty() && page.next <= *after;
        *after = page.next.max(*after);
        if caught_up && !args.follow {
            return Ok(());
        }
    }
}

fn path(args: &FeedArgs, after: Cursor, wait: u64) -> String {
    let kind = args.kind.as_ref().map(|kind| format!("&type={kind}")).unwrap_or_default();
    format!("/feed?after={}&limit={PAGE}&wait={wait}{kind}", after.0)
}
