//! The operator's HTTP API: [`api`] over the producers and the ports, on one machine and on AWS.
//!
//! It decides nothing about a workspace's life: it reads what is recorded and calls the producers.
//! It knows no adapter: what only one kind of place has, its root gives in [`Operator`].

mod answers;
pub mod api;
mod deletion;
mod door;
mod feed;
mod keys;
mod orphans;
mod parked;
mod rotations;
mod workspaces;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
use events::{TeamId, WorkspaceId};
use jiff::Timestamp;
use ports::{People, Staging, Suspects, Trial, Usage};
use producers::{Bus, Pools};

use answers::Refusal;
use api::{EngineStatus, Measure};

pub use door::{Admit, bearer};

/// The longest body of a request; the largest is a key or a search.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Gives the end of a workspace's log, if it has one.
pub type LogTail = Box<dyn Fn(&WorkspaceId) -> Option<String> + Send + Sync>;

/// Gives where a workspace's home is, if it has one.
pub type HomePlace = Box<dyn Fn(&WorkspaceId) -> Option<String> + Send + Sync>;

/// Everything that the API reads and calls.
pub struct Operator {
    /// The journal with its queue and timers.
    pub bus: Bus,
    /// Who has a session.
    pub people: Arc<dyn People>,
    /// Key rotations.
    pub pools: Pools,
    /// The key pool.
    pub keys: Arc<dyn Staging>,
    /// How a new key is tried.
    pub trial: Arc<dyn Trial>,
    /// The ledger.
    pub usage: Arc<dyn Usage>,
    /// What the sweeper suspects.
    pub suspects: Arc<dyn Suspects>,
    /// Where people go, without a slash at the end.
    pub front_door: String,
    /// What holds everything: a directory, or the name of an environment on AWS.
    pub data_dir: String,
    /// What runs in a workspace: `openclaw 2026.9.6`, or the command.
    pub agent: String,
    /// Since when; none where nothing stays up between requests.
    pub up_since: Option<Timestamp>,
    /// What confines an agent, and whether it is in force.
    pub confinement: Vec<Measure>,
    /// The team of a person who has none.
    pub default_team: TeamId,
    /// How often a held-back answer looks for news of its workspace: one indexed read each, which
    /// costs nothing on one machine and money elsewhere.
    pub look_every: Duration,
    /// The end of an agent's log.
    pub log_tail: LogTail,
    /// Where a home is.
    pub home: HomePlace,
}

type Api = State<Arc<Operator>>;

/// The routes, mounted where [`api::ROOT`] says. Whoever is not admitted gets 401.
pub fn routes(operator: Arc<Operator>, admit: Admit) -> Router {
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
        .layer(from_fn_with_state(Arc::new(admit), door::guard))
        .with_state(operator);
    Router::new().nest(api::ROOT, api).fallback(answers::unknown)
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
