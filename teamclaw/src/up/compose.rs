//! Puts the machine together: which adapter stands behind which port, who listens where, in which
//! order things start and end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use admin::Operator;
use admin::api::Measure;
use consumers::usage::RollUp;
use consumers::{Engine, World};
use events::price::PriceTable;
use events::{Activity, Policy, Secret, rotation};
use jiff::SignedDuration;
use local::Local;
use local::compute::Processes;
use ports::{Agents, Fault, Person, Trial};
use producers::activity::Meter;
use producers::{Bus, Pools};
use sidecar::{BadConfig, Keep, Outside, Sidecar};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::doors::{
    bind, metrics_listener, no_address, origins, sidecar_listener, write_operator_file,
    write_private,
};
use super::settings::{AgentChoice, Settings};
use super::{agents, install};

use crate::problem::Problem;
use crate::target::OPERATOR_FILE;

/// The file in which the stand-in's key is kept.
const DEMO_KEY_FILE: &str = "demo.key";
/// The directory in which usage waits for the ledger; for the engine alone.
const USAGE_DIR: &str = "usage";
/// How long the administrator's one-time link is good.
const ADMIN_LINK_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// How long the last usage may take to be written at the end.
const FLUSH_MAX: Duration = Duration::from_secs(5);
/// How often a held-back answer looks for news: one indexed read of SQLite.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How much of an agent's log is shown.
const LOG_TAIL_BYTES: u64 = 4 * 1024;

/// The running machine.
pub(super) struct Machine {
    pub(super) settings: Settings,
    pub(super) front_door: String,
    pub(super) admin_link: String,
    pub(super) operator_token: Secret,
    pub(super) agent: String,
    pub(super) world: World,
    pub(super) confinement: Vec<Measure>,
    pub(super) adopted: usize,
    engine: Engine,
    sidecar: Arc<Sidecar>,
    meter: Meter,
    shutdown: CancellationToken,
    servers: TaskTracker,
}

impl Machine {
    /// Starts everything. When it returns, the front door answers.
    ///
    /// # Errors
    /// What is in the way, with what to do about it. Nothing is left running then.
    pub(super) async fn start(mut settings: Settings) -> Result<Self, Problem> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let local = Local::open(&settings.data_dir).map_err(opened)?;
        settings.data_dir = local.directory().to_owned();
        let shutdown = CancellationToken::new();
        let servers = TaskTracker::new();
        if settings.demo {
            stand_in(&mut settings, &local, &shutdown, &servers).await?;
        }
        let runtime = match settings.agent {
            AgentChoice::OpenClaw => Some(install::prepare(&settings).await?),
            AgentChoice::BuiltIn | AgentChoice::Command { .. } => None,
        };
        let front = bind(settings.listen, "the front door", "--listen").await?;
        let front_address = front.local_addr().map_err(|error| no_address(&error))?;
        let (door, sidecar_address) = sidecar_listener(&settings.data_dir).await?;
        let origins = origins(&settings, front_address);
        let front_door = origins[0].clone();

        let spec =
            agents::Spec { settings: &settings, runtime: runtime.as_ref(), origins: &origins };
        let compute = spec.compute(sidecar_address)?;
        let numbers = metrics_listener(&settings, &compute.outward_ports).await?;
        let processes = Processes::open(local.database(), compute).await.map_err(unfit)?;
        let bus = bus(&local, settings.policy);
        let meter = Meter::new(bus.clone());
        let sidecar = sidecar(&settings, &local, meter.clone())?;
        let trial = Arc::clone(&sidecar) as Arc<dyn Trial>;
        let outside = (spec.agents(), trial);
        let world = world(&settings, &local, bus.clone(), Arc::clone(&processes), outside);
        servers.spawn(sidecar::serve(
            door,
            Arc::clone(&sidecar),
            shutdown.clone().cancelled_owned(),
        ));
        if let (Some(port), Some(metrics)) = (numbers, settings.metrics.clone()) {
            let (sidecar, end) = (Arc::clone(&sidecar), shutdown.clone().cancelled_owned());
            servers.spawn(async move {
                sidecar::serve_operator(port, sidecar, Some(&metrics.token_sha256), end).await;
            });
        }

        let adopted = world.compute.list().await.map_or(0, |tasks| tasks.len());
        let engine = Engine::start(&world, local.timers(), meter.clone());
        let agent = spec.name();
        let operator = operator(&settings, &local, &world, &processes, (&front_door, &agent));
        let operator_token = local.ids().token();
        let confinement = operator.confinement.clone();
        let api = admin::routes(Arc::new(operator), admin::bearer(operator_token.clone()));
        let router = router(&local, bus, meter.clone(), &origins, api)?;
        servers.spawn(router::serve(front, router, shutdown.clone()));
        write_operator_file(&settings.data_dir, &front_door, &operator_token)?;
        let admin_link = admin_link(&local, &settings, &front_door).await?;
        Ok(Self {
            settings,
            front_door,
            admin_link,
            operator_token,
            agent,
            world,
            confinement,
            adopted,
            engine,
            sidecar,
            meter,
            shutdown,
            servers,
        })
    }

    /// Ends everything in order: agents if wanted, then the doors, then the loops, then what is
    /// still to be written.
    pub(super) async fn stop(self, stop_agents: bool) {
        if stop_agents || self.settings.demo {
            agents::stop_all(&self.world).await;
        }
        let _ = std::fs::remove_file(self.settings.data_dir.join(OPERATOR_FILE));
        self.shutdown.cancel();
        self.servers.close();
        self.servers.wait().await;
        self.meter.flush().await;
        if tokio::time::timeout(FLUSH_MAX, self.sidecar.flush()).await.is_err() {
            tracing::error!("some usage could not be written in time");
        }
        self.engine.stop().await;
    }
}

fn bus(local: &Local, policy: Policy) -> Bus {
    let (journal, queue, timers) = (local.journal(), local.queue(), local.timers());
    Bus::new(journal, queue, timers, local.clock(), local.ids(), policy)
}

fn operator(
    settings: &Settings,
    local: &Local,
    world: &World,
    processes: &Arc<Processes>,
    (front_door, agent): (&str, &str),
) -> Operator {
    let tail = Arc::clone(processes);
    let homes = processes.homes();
    Operator {
        bus: world.bus.clone(),
        people: local.people(),
        pools: world.pools.clone(),
        keys: Arc::clone(&world.keys),
        trial: Arc::clone(&world.trial),
        usage: local.usage(),
        suspects: local.suspects(),
        front_door: front_door.to_owned(),
        data_dir: settings.data_dir.display().to_string(),
        agent: agent.to_owned(),
        up_since: Some(world.bus.now()),
        confinement: agents::measures(processes.confinement()),
        default_team: settings.default_team.clone(),
        look_every: LOOK_EVERY,
        log_tail: Box::new(move |id| {
            tail.log_tail(id, LOG_TAIL_BYTES).ok().filter(|text| !text.is_empty())
        }),
        home: Box::new(move |id| homes.place(id).map(|place| place.display().to_string())),
    }
}

fn world(
    settings: &Settings,
    local: &Local,
    bus: Bus,
    processes: Arc<Processes>,
    (agents, trial): (Arc<dyn Agents>, Arc<dyn Trial>),
) -> World {
    // A rotation waits until the sidecar has looked at the pool again.
    let belief = SignedDuration::try_from(settings.providers.config().keys_believed);
    let belief = belief.unwrap_or(SignedDuration::MAX);
    let believing = rotation::Policy::believing(belief);
    World {
        pools: Pools::new(bus.clone(), local.rotations(), believing),
        keys: local.staging(),
        trial,
        bus,
        homes: Arc::new(processes.homes()),
        compute: processes,
        starts: None,
        leases: local.leases(),
        routes: local.routes(),
        suspects: local.suspects(),
        agents,
        default_team: settings.default_team.clone(),
    }
}

fn sidecar(settings: &Settings, local: &Local, meter: Meter) -> Result<Arc<Sidecar>, Problem> {
    let config = sidecar::Config {
        keep: Keep::Directory(settings.data_dir.join(USAGE_DIR)),
        when_full: settings.when_full,
        ..settings.providers.config()
    };
    let outside = Outside {
        leases: local.limited_leases(settings.limits.clone()),
        keys: local.keys(),
        usage: Arc::new(RollUp::new(local.usage())),
        totals: local.totals(),
        clock: local.clock(),
        ids: local.ids(),
        prices: Arc::new(PriceTable::built_in()),
        on_activity: Arc::new(move |lease, _| {
            meter.note(&lease.workspace, Activity::AgentTurn);
        }),
    };
    Sidecar::new(&config, outside).map_err(|error| {
        let do_this = match error {
            BadConfig::UnknownProvider(_) | BadConfig::BadUrl { .. } => "correct --upstream",
            BadConfig::Unfit { .. } => "check its owner and the space that is left",
            BadConfig::TlsRoots { .. } => "correct the file of root certificates",
            BadConfig::Tls(_) => "report this",
        };
        Problem::new("the sidecar cannot start", error.to_string(), do_this)
    })
}

fn router(
    local: &Local,
    bus: Bus,
    meter: Meter,
    origins: &[String],
    operator: axum::Router,
) -> Result<router::Router, Problem> {
    let names: Vec<&str> = origins.iter().map(String::as_str).collect();
    let settings = router::Settings::new(&names).map_err(|error| {
        Problem::new("the front door cannot open", error.to_string(), "correct the origins")
    })?;
    Ok(router::Router::new(router::Parts {
        bus,
        people: local.people(),
        routes: local.routes(),
        leases: local.leases(),
        meter,
        operator,
        settings,
    }))
}

/// The built-in provider, with a key of its own, in place of the real ones.
async fn stand_in(
    settings: &mut Settings,
    local: &Local,
    shutdown: &CancellationToken,
    servers: &TaskTracker,
) -> Result<(), Problem> {
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0)), "the stand-in provider", "").await?;
    let address = listener.local_addr().map_err(|error| no_address(&error))?;
    let key = demo_key(local)?;
    let provider = sidecar::stand_in::StandIn::new([key.clone()]);
    servers.spawn(provider.serve(listener, shutdown.clone().cancelled_owned()));
    for id in ["anthropic", "openai"] {
        settings.providers.upstreams.insert(id.to_owned(), format!("http://{address}"));
        local.keys().add(id, key.clone()).await.map_err(|fault| {
            Problem::new("the stand-in's key was not stored", fault.reason().words, "try again")
        })?;
    }
    Ok(())
}

/// The stand-in's key, the same in every demonstration on this directory, so that the pool does not
/// fill up with keys that nobody takes any more.
fn demo_key(local: &Local) -> Result<Secret, Problem> {
    let path = local.directory().join(DEMO_KEY_FILE);
    if let Ok(text) = std::fs::read_to_string(&path)
        && !text.is_empty()
    {
        return Ok(Secret::new(text));
    }
    let key = local.ids().token();
    write_private(&path, key.expose())?;
    Ok(key)
}

async fn admin_link(
    local: &Local,
    settings: &Settings,
    front_door: &str,
) -> Result<String, Problem> {
    let now = local.clock().now();
    let until = now.saturating_add(ADMIN_LINK_LIFE).unwrap_or(now);
    let id = "admin".parse().map_err(|error: events::ids::BadName| {
        Problem::new("no administrator", error.to_string(), "report this")
    })?;
    let person = Person { id, team: settings.default_team.clone(), admin: true };
    let secret = local.people().invite(&person, until).await.map_err(|fault| {
        Problem::new("no administrator's link", fault.reason().words, "try again")
    })?;
    Ok(format!("{front_door}/teamclaw/login?once={}", secret.expose()))
}

fn opened(error: local::OpenError) -> Problem {
    let do_this = match error {
        local::OpenError::InUse { .. } => "stop the other one, or choose another with --data",
        local::OpenError::Unfit { .. } => "choose another directory with --data",
        local::OpenError::OldSqlite(_) => "build this program with a newer SQLite",
        local::OpenError::File { .. } | local::OpenError::Database { .. } => {
            "check its owner and the space that is left, or choose another directory with --data"
        }
    };
    Problem::new("the data directory cannot be used", error.to_string(), do_this)
}

/// Why agents cannot be run here. What the settings ask for is said in the settings' own words.
fn unfit(fault: Fault) -> Problem {
    let why = if let Fault::Nonsense { words, .. } = &fault {
        words.clone()
    } else {
        fault.reason().words
    };
    Problem::new("agents cannot be run", why, "change what it names")
}
