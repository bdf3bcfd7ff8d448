//! The operator's HTTP API on one machine: [`crate::api`] over the producers and the ports.
//!
//! It decides nothing about a workspace's life: it reads what is recorded and calls the producers.

mod answers;
mod deletion;
mod feed;
mod keys;
mod orphans;
mod parked;
mod rotations;
mod workspaces;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{delete, get, post};
use events::{Secret, TeamId, WorkspaceId};
use jiff::Timestamp;
use ports::{People, Staging, Suspects, Trial, Usage};
use producers::{Bus, Pools};

use answers::{Refusal, unauthorized};

use crate::api::{self, EngineStatus, Measure};

/// The longest body of a request; the largest is a key or a search.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Gives the end of a workspace's log, if it has one.
pub(super) type LogTail = Box<dyn Fn(&WorkspaceId) -> Option<String> + Send + Sync>;

/// Gives where a workspace's home is, if it has one.
pub(super) type HomePlace = Box<dyn Fn(&WorkspaceId) -> Option<String> + Send + Sync>;

/// Everything that the API reads and calls.
pub(super) struct Operator {
    pub(super) bus: Bus,
    pub(super) people: Arc<dyn People>,
    pub(super) pools: Pools,
    pub(super) keys: Arc<dyn Staging>,
    pub(super) trial: Arc<dyn Trial>,
    pub(super) usage: Arc<dyn Usage>,
    pub(super) suspects: Arc<dyn Suspects>,
    pub(super) token: Secret,
    pub(super) front_door: String,
    pub(super) data_dir: String,
    pub(super) agent: String,
    pub(super) up_since: Timestamp,
    pub(super) confinement: Vec<Measure>,
    pub(super) default_team: TeamId,
    pub(super) log_tail: LogTail,
    pub(super) home: HomePlace,
}

type Api = State<Arc<Operator>>;

/// The routes, mounted where [`api::ROOT`] says. Whoever is not the operator gets 401.
pub(super) fn routes(operator: Arc<Operator>) -> Router {
    let api = Router::new()
        .route("/status", get(status))
        .route("/workspaces", get(workspaces::find))
        .route("/workspaces/{id}", get(workspaces::one))
        .route("/workspaces/{id}/events", get(feed::history))
        .route("/workspaces/{id}/login", post(workspaces::login))
        .route("/workspaces/{id}/start", post(workspaces::start))
        .route("/workspaces/{id}/stop", post(workspaces::stop))
        .route("/workspaces/{id}/replay", post(workspaces::replay))
        .route("/workspaces/{id}/delete", post(deletion::delete))
        .route("/workspaces/{id}/snooze", post(workspaces::snooze))
        .route("/workspaces/{id}/settings", post(workspaces::settings))
        .route("/replay", post(workspaces::replay_many))
        .route("/orphans", get(orphans::list))
        .route("/parked/{way}", post(parked::leave))
        .route("/dead-letters/redrive", post(parked::redrive))
        .route("/keys", get(keys::list).post(keys::add))
        .route("/keys/{provider}/{key}", delete(keys::remove))
        .route("/rotations", get(rotations::list).post(rotations::begin))
        .route("/rotations/plan", post(rotations::plan))
        .route("/rotations/{provider}/events", get(rotations::events))
        .route("/rotations/{provider}/{number}/replay", post(rotations::replay))
        .route("/usage", get(feed::usage))
        .route("/feed", get(feed::feed))
        .fallback(answers::unknown)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(Arc::clone(&operator), admit))
        .with_state(operator);
    Router::new().nest(api::ROOT, api).fallback(answers::unknown)
}

/// Lets the operator's token in, and nothing else. A person's session is not enough, not even an
/// administrator's: cookies ignore ports, so a page of an agent on this machine could catch one.
async fn admit(State(operator): Api, request: Request, next: Next) -> Response {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if operator.token.matches(token) { next.run(request).await } else { unauthorized() }
}

async fn status(State(operator): Api) -> Result<axum::Json<EngineStatus>, Refusal> {
    let dead_letters = producers::parked::letters(&operator.bus, &events::Class::ALL).await?;
    Ok(axum::Json(EngineStatus {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        front_door: operator.front_door.clone(),
        data_dir: operator.data_dir.clone(),
        agent: operator.agent.clone(),
        up_since: operator.up_since,
        confinement: operator.confinement.clone(),
        policy: *operator.bus.policy(),
        counts: workspaces::counts(&operator).await?,
        dead_letters,
        suspects: operator.suspects.list().await?.len(),
    }))
}
