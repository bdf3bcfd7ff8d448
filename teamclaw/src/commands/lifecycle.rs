//! `teamclaw start` and `teamclaw stop`.

use ::events::{Status, WorkspaceId};

use super::follow::{self, Goal};
use crate::cli::{Format, OneArgs};
use crate::client::Engine;
use crate::output;
use crate::problem::Problem;
use admin::api::Changed;

/// Wakes an agent.
pub(super) async fn start(engine: &Engine, args: &OneArgs) -> Result<(), Problem> {
    let changed = engine.post(&format!("/workspaces/{}/start", args.user), &()).await?;
    settle(Goal::Up, engine, &args.user, &changed, args.format).await
}

/// Stops an agent.
pub(super) async fn stop(engine: &Engine, args: &OneArgs) -> Result<(), Problem> {
    let changed = engine.post(&format!("/workspaces/{}/stop", args.user), &()).await?;
    settle(Goal::Down, engine, &args.user, &changed, args.format).await
}

/// Waits for what was asked, and says so.
pub(super) async fn settle(
    goal: Goal,
    engine: &Engine,
    user: &WorkspaceId,
    changed: &Changed,
    format: Format,
) -> Result<(), Problem> {
    let there = match goal {
        Goal::Up => Status::Ready,
        Goal::Down | Goal::Gone => Status::Asleep,
    };
    let view = if changed.status == there {
        if !format.is_json() {
            output::line(&format!("{user}'s agent is {} already", there.name()))?;
        }
        follow::look(engine, user).await?
    } else {
        follow::until(goal, engine, user, changed.version, format).await?
    };
    if format.is_json() { output::document(&view) } else { Ok(()) }
}
