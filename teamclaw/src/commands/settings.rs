//! `teamclaw snooze` and `teamclaw set`: how long an agent may be left alone.

use super::follow;
use crate::cli::{IdleWish, SetArgs, SnoozeArgs};
use crate::client::Engine;
use crate::output;
use crate::problem::Problem;
use crate::words;
use admin::api::{Changed, SettingsRequest, SnoozeRequest};

/// Puts an idle stop off.
pub(super) async fn snooze(engine: &Engine, args: &SnoozeArgs) -> Result<(), Problem> {
    let (user, time) = (&args.user, args.time);
    let path = format!("/workspaces/{user}/snooze");
    let changed: Changed = engine.post(&path, &SnoozeRequest { time }).await?;
    if args.format.is_json() {
        return output::document(&changed);
    }
    output::line(&format!(
        "{user}'s agent is not stopped for idleness within {}",
        words::about(time)
    ))
}

/// Sets the idle time-out.
pub(super) async fn set(engine: &Engine, args: &SetArgs) -> Result<(), Problem> {
    let user = &args.user;
    let idle_timeout = match args.idle {
        IdleWish::Default => None,
        IdleWish::Of(time) => Some(time),
    };
    let path = format!("/workspaces/{user}/settings");
    let _: Changed = engine.post(&path, &SettingsRequest { idle_timeout }).await?;
    // The administrator's bounds have the last word; say what came of it.
    let view = follow::look(engine, user).await?;
    if args.format.is_json() {
        return output::document(&view);
    }
    let now = words::about(view.idle_timeout);
    let bounded = idle_timeout.is_some_and(|wish| wish != view.idle_timeout);
    let bounds =
        if bounded { ", which is as near as the administrator's bounds allow" } else { "" };
    output::line(&format!("{user}'s agent may be left alone for {now}{bounds}"))
}
