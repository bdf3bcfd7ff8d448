//! Workspaces: found, looked at, started, stopped, replayed.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::Json;
use axum::extract::{Path, Query as Fields, State};
use events::{ReasonClass, Status, Step, StopReason, TeamId, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use ports::{Fault, Loaded, Person, Query};
use serde::Deserialize;

use super::{Api, Operator, Refusal};
use crate::api::{
    Changed, LoginAnswer, LoginRequest, ReplayMany, ReplayRequest, ReplayedMany, Rows,
    SettingsRequest, SnoozeRequest, WorkspaceView,
};

/// How many workspaces one answer lists when nobody says.
const LIMIT_DEFAULT: usize = 200;
/// How many at the most.
const LIMIT_MAX: usize = 1_000;
/// How long a one-time link is good: long enough to be mailed, short enough to be forgotten.
const LINK_LIFE: SignedDuration = SignedDuration::from_mins(15);

type Answer<T> = Result<Json<T>, Refusal>;

/// What a search may name.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Search {
    status: Option<String>,
    team: Option<String>,
    step: Option<String>,
    reason: Option<String>,
    since: Option<Timestamp>,
    unused_since: Option<Timestamp>,
    after: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn find(State(api): Api, Fields(search): Fields<Search>) -> Answer<Rows> {
    let status = search.status.as_deref().unwrap_or_default();
    let status = status.split(',').filter(|name| !name.is_empty()).map(parse_status);
    let query = Query {
        status: status.collect::<Result<_, _>>()?,
        team: search.team.as_deref().map(parse::<TeamId>).transpose()?,
        due_by: None,
        step: search.step.as_deref().map(parse::<Step>).transpose()?,
        reason: search.reason.as_deref().map(parse_reason).transpose()?,
        since: search.since,
        unused_since: search.unused_since,
    };
    let after = search.after.as_deref().map(parse::<WorkspaceId>).transpose()?;
    let limit = search.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX);
    let rows = api.bus.journal().find(&query, after.as_ref(), limit).await?;
    Ok(Json(Rows { rows }))
}

pub(super) async fn one(State(api): Api, Path(id): Path<String>) -> Answer<WorkspaceView> {
    let id = parse::<WorkspaceId>(&id)?;
    let loaded = known(&api, &id).await?;
    Ok(Json(view(&api, id, &loaded)))
}

fn view(api: &Operator, id: WorkspaceId, loaded: &Loaded) -> WorkspaceView {
    let (workspace, policy, now) = (&loaded.workspace, api.bus.policy(), api.bus.now());
    let generation = workspace.generation();
    let trouble = workspace.trouble();
    let retry = workspace.last_retry().filter(|_| workspace.current_step().is_some());
    WorkspaceView {
        team: workspace.team().cloned(),
        status: workspace.status(),
        version: loaded.version,
        generation,
        attempt: workspace.attempt(),
        step: workspace.current_step().filter(|_| workspace.status() == Status::Starting),
        retry: retry.map(|(step, failures, reason)| (step, failures, reason.clone())),
        trouble: trouble.map(|trouble| (trouble.step, trouble.reason.clone())),
        notice: workspace.notice(policy, now),
        idle_timeout: policy.idle_timeout(workspace.idle_wish()),
        last_active: workspace.last_active(),
        ready_since: workspace.ready_since(),
        next_wake: workspace.next_wake(),
        address: workspace.address(generation).map(|address| address.to_string()),
        log_tail: (api.log_tail)(&id),
        workspace: id,
    }
}

/// How many workspaces stand where.
pub(super) async fn counts(api: &Operator) -> Result<BTreeMap<String, usize>, Fault> {
    let mut counts = BTreeMap::new();
    for status in Status::ALL {
        let query = Query { status: vec![status], ..Query::default() };
        let count = api.bus.find_all(&query).await?.len();
        counts.insert(status.name().to_owned(), count);
    }
    Ok(counts)
}

pub(super) async fn login(
    State(api): Api,
    Path(id): Path<String>,
    Json(request): Json<LoginRequest>,
) -> Answer<LoginAnswer> {
    let id = parse::<WorkspaceId>(&id)?;
    let Loaded { version, workspace } = api.bus.journal().load(&id).await?;
    let known = workspace.team().cloned();
    let team = request.team.or(known).unwrap_or_else(|| api.default_team.clone());
    let person = Person { id, team, admin: request.admin };
    let until = api.bus.now().saturating_add(LINK_LIFE).unwrap_or_else(|_| api.bus.now());
    let secret = api.people.invite(&person, until).await?;
    let workspace = producers::session::invite(&api.bus, &person).await?;
    let link = format!("{}/teamclaw/login?once={}", api.front_door, secret.expose());
    Ok(Json(LoginAnswer { link, until, status: workspace.status(), version }))
}

pub(super) async fn start(State(api): Api, Path(id): Path<String>) -> Answer<Changed> {
    let id = parse::<WorkspaceId>(&id)?;
    let Loaded { version, .. } = known(&api, &id).await?;
    let workspace = producers::command::start(&api.bus, &id).await?;
    Ok(Json(Changed { status: workspace.status(), version }))
}

pub(super) async fn stop(State(api): Api, Path(id): Path<String>) -> Answer<Changed> {
    let id = parse::<WorkspaceId>(&id)?;
    let Loaded { version, .. } = known(&api, &id).await?;
    let workspace = producers::command::stop(&api.bus, &id, StopReason::Admin).await?;
    Ok(Json(Changed { status: workspace.status(), version }))
}

pub(super) async fn replay(
    State(api): Api,
    Path(id): Path<String>,
    Json(request): Json<ReplayRequest>,
) -> Answer<Changed> {
    let id = parse::<WorkspaceId>(&id)?;
    let Loaded { version, .. } = known(&api, &id).await?;
    let workspace = producers::command::replay(&api.bus, &id, request.from).await?;
    Ok(Json(Changed { status: workspace.status(), version }))
}

pub(super) async fn snooze(
    State(api): Api,
    Path(id): Path<String>,
    Json(request): Json<SnoozeRequest>,
) -> Answer<Changed> {
    let id = parse::<WorkspaceId>(&id)?;
    let Loaded { version, workspace } = known(&api, &id).await?;
    producers::activity::snooze(&api.bus, &id, request.time).await?;
    Ok(Json(Changed { status: workspace.status(), version }))
}

pub(super) async fn settings(
    State(api): Api,
    Path(id): Path<String>,
    Json(request): Json<SettingsRequest>,
) -> Answer<Changed> {
    let id = parse::<WorkspaceId>(&id)?;
    let Loaded { version, .. } = known(&api, &id).await?;
    let workspace = producers::command::set_idle(&api.bus, &id, request.idle_timeout).await?;
    Ok(Json(Changed { status: workspace.status(), version }))
}

pub(super) async fn replay_many(
    State(api): Api,
    Json(request): Json<ReplayMany>,
) -> Answer<ReplayedMany> {
    let ReplayMany { step, since, reason, team, from, dry_run } = request;
    let query = Query { step, since, reason, team, ..Query::default() };
    let rows = producers::command::troubled(&api.bus, query).await?;
    let mut answer = ReplayedMany { rows, ..ReplayedMany::default() };
    if dry_run {
        return Ok(Json(answer));
    }
    for row in &answer.rows {
        match producers::command::replay(&api.bus, &row.workspace, from).await {
            Ok(_) => answer.replayed += 1,
            Err(fault) => answer.refused.push((row.workspace.clone(), fault.to_string())),
        }
    }
    Ok(Json(answer))
}

/// A workspace that somebody has mentioned before.
pub(super) async fn known(api: &Operator, id: &WorkspaceId) -> Result<Loaded, Refusal> {
    let loaded = api.bus.journal().load(id).await?;
    if loaded.version == events::Version(0) {
        let do_this = format!("check the name, or log them in first: teamclaw login {id}");
        return Err(Refusal::missing(format!("nobody called {id} has ever logged in"), do_this));
    }
    Ok(loaded)
}

/// Reads one name of a request.
pub(super) fn parse<T>(text: &str) -> Result<T, Refusal>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| Refusal::bad(error.to_string(), "correct the name"))
}

fn parse_status(name: &str) -> Result<Status, Refusal> {
    Status::ALL.into_iter().find(|status| status.name() == name).ok_or_else(|| {
        let known = Status::ALL.map(Status::name).join(", ");
        Refusal::bad(format!("\"{name}\" is no status"), format!("use one of {known}"))
    })
}

fn parse_reason(name: &str) -> Result<ReasonClass, Refusal> {
    ReasonClass::ALL.into_iter().find(|class| class.name() == name).ok_or_else(|| {
        let known = ReasonClass::ALL.map(ReasonClass::name).join(", ");
        Refusal::bad(format!("\"{name}\" is no reason"), format!("use one of {known}"))
    })
}
