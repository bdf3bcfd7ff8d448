//! `teamclaw status`: the engine and everybody, or one workspace in full.

mod engine;
mod one;

use ports::Row;
use serde::Serialize;

use crate::cli::StatusArgs;
use crate::client::Engine;
use crate::output;
use crate::problem::Problem;
use crate::target;
use admin::api::{EngineStatus, Rows, WorkspaceView};

/// How many workspaces one question asks for.
const PAGE: usize = 500;

/// The engine and everybody, as machines read it.
#[derive(Serialize)]
struct Overview {
    engine: EngineStatus,
    workspaces: Vec<Row>,
}

/// Shows how things stand.
pub(super) async fn run(engine: &Engine, args: &StatusArgs) -> Result<(), Problem> {
    let now = target::now();
    let lines = if let Some(user) = &args.user {
        let view: WorkspaceView = engine.get(&format!("/workspaces/{user}")).await?;
        if args.format.is_json() {
            return output::document(&view);
        }
        one::lines(&view, now)
    } else {
        let status: EngineStatus = engine.get("/status").await?;
        let overview = Overview { engine: status, workspaces: all_rows(engine, "").await? };
        if args.format.is_json() {
            return output::document(&overview);
        }
        let Overview { engine, workspaces } = &overview;
        [engine::lines(engine, now), engine::table(workspaces, now)].concat()
    };
    lines.iter().try_for_each(|line| output::line(line))
}

/// Every workspace that matches `filter` (`&status=parked`), page by page.
pub(super) async fn all_rows(engine: &Engine, filter: &str) -> Result<Vec<Row>, Problem> {
    let mut all: Vec<Row> = Vec::new();
    loop {
        let after = all.last().map(|row| format!("&after={}", row.workspace)).unwrap_or_default();
        let page: Rows = engine.get(&format!("/workspaces?limit={PAGE}{filter}{after}")).await?;
        // The engine may give fewer at a time than were asked for; only an empty page is the end.
        if page.rows.is_empty() {
            return Ok(all);
        }
        all.extend(page.rows);
    }
}
