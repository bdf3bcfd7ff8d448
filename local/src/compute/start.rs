//! Starting one task: on record, a port, a waiting launcher, its name on record, go.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use events::{Reason, ReasonClass, TaskId};
use ports::{Fault, TaskSpec};
use rusqlite::Transaction;

use super::keeper::Keeper;
use super::kin::Kin;
use super::launcher::Go;
use super::seats::{Seat, Users};
use super::settings::Settings;
use super::spawn::{Held, Launch, outputs};
use super::table::{self, Claim};
use super::{Inner, SERVICE, doors, ground, log};
use crate::confine::{Confinement, Enclosure, Seen, TEMPORARY};

/// How often a port is chosen anew when another task leases the same one first.
const PORT_TRIES: u32 = 8;

/// How long the probe process may take to look at the walls.
const PROBE_TIMEOUT: Duration = Duration::from_secs(20);

/// Starts a task, or gives the one that was started before. The caller has the workspace's turn.
pub(super) async fn run(inner: &Inner, spec: &TaskSpec) -> Result<TaskId, Fault> {
    let asked = spec.clone();
    let (id, seat) = match inner.database.write(move |work| table::claim(work, &asked)).await? {
        Claim::Known(id) => return Ok(id),
        Claim::New(id, seat) => (id, seat),
    };
    match launch(inner, spec, &id, seat).await {
        Ok(()) => Ok(id),
        Err(fault) => {
            // Nothing runs, so the same start may be tried again.
            let forgotten = id.clone();
            inner.database.write(move |work| table::forget(work, &forgotten)).await?;
            Err(fault)
        }
    }
}

async fn launch(inner: &Inner, spec: &TaskSpec, id: &TaskId, seat: Seat) -> Result<(), Fault> {
    let settings = &inner.settings;
    let uid = inner.users.as_deref().map(|users| users.of(seat.number)).transpose()?;
    let port = lease_port(inner, id, seat.number).await?;
    let places = ground::places(settings, uid)?;
    let log = log::open(&settings.data_dir, &spec.workspace).map_err(files)?;
    let log_start = log.metadata().map_err(files)?.len();
    let go = Go {
        environment: environment(settings, spec, port),
        enclosure: enclosure(settings, Path::new(&spec.home), uid, port, places),
        look_at: None,
    };
    let held = hold(settings, spec, uid, log).await?;
    let (process, name) = (held.process.clone(), id.clone());
    let record =
        move |work: &Transaction<'_>| table::set_process(work, &name, uid, log_start, &process);
    inner.database.write(record).await?;

    let process = held.process.clone();
    let child = held.go(&go).map_err(|error| Fault::unavailable(SERVICE, error))?;
    let keeper = Keeper {
        database: Arc::clone(&inner.database),
        settings: Arc::clone(settings),
        id: id.clone(),
        workspace: spec.workspace.clone(),
        kin: Kin {
            leader: process.pid,
            started: process.started,
            uid,
            log: log::path(&settings.data_dir, &spec.workspace),
        },
        port: Some(port),
        log_start,
        child: Some(child),
        stopping: false,
        listening: false,
    };
    tracing::info!(workspace = %spec.workspace, task = %id, pid = process.pid, port, "agent started");
    inner.keep(id.clone(), keeper.start());
    Ok(())
}

async fn hold(
    settings: &Arc<Settings>,
    spec: &TaskSpec,
    uid: Option<u32>,
    log: File,
) -> Result<Held, Fault> {
    let (settings, home) = (Arc::clone(settings), PathBuf::from(&spec.home));
    let held = tokio::task::spawn_blocking(move || {
        let (out, err) = outputs(log)?;
        let launch = Launch {
            launcher: &settings.launcher,
            environment: &settings.environment,
            uid,
            home: &home,
        };
        launch.hold(out, err)
    });
    held.await
        .map_err(|error| Fault::unavailable(SERVICE, error))?
        .map_err(|error| not_started(&error))
}

fn not_started(error: &std::io::Error) -> Fault {
    use std::io::ErrorKind::{NotFound, PermissionDenied};
    if [NotFound, PermissionDenied].contains(&error.kind()) {
        let words = format!("the agent's launcher or home cannot be used: {error}");
        return Fault::Refused(Reason::new(ReasonClass::MissingProgram, words));
    }
    // Too many processes, no memory: another time.
    Fault::unavailable(SERVICE, error.to_string())
}

fn files(error: std::io::Error) -> Fault {
    Fault::unavailable("the agents' logs", error)
}

async fn lease_port(inner: &Inner, id: &TaskId, number: u32) -> Result<u16, Fault> {
    for _ in 0..PORT_TRIES {
        let leased: BTreeSet<u16> =
            inner.database.read(table::leased_ports).await?.into_iter().collect();
        let range = inner.settings.ports.clone();
        let chosen = tokio::task::spawn_blocking(move || doors::choose(&range, number, &leased));
        let port = chosen.await.map_err(|error| Fault::unavailable(SERVICE, error))??;
        let id = id.clone();
        if inner.database.write(move |work| table::lease_port(work, &id, port)).await? {
            return Ok(port);
        }
    }
    Err(Fault::Throttled { service: SERVICE, after: None })
}

/// All that an agent is told. What the owner of the machine set comes first, so that it cannot
/// replace what belongs to the task.
fn environment(settings: &Settings, spec: &TaskSpec, port: u16) -> BTreeMap<String, String> {
    let mut environment: BTreeMap<_, _> = settings.environment.iter().cloned().collect();
    let temporary = Path::new(&spec.home).join(TEMPORARY);
    let runtime = settings.runtime_dir.as_deref().map(|path| path.display().to_string());
    let own = [
        ("TEAMCLAW_WORKSPACE", spec.workspace.to_string()),
        ("TEAMCLAW_PORT", port.to_string()),
        ("TEAMCLAW_HOME", spec.home.clone()),
        ("TEAMCLAW_TOKEN", spec.token.expose().to_owned()),
        ("TEAMCLAW_PASS", spec.pass.expose().to_owned()),
        ("TEAMCLAW_SIDECAR", format!("http://{}", settings.sidecar)),
        ("TEAMCLAW_RUNTIME", runtime.unwrap_or_default()),
        ("HOME", spec.home.clone()),
        ("TMPDIR", temporary.display().to_string()),
    ];
    environment.extend(own.map(|(name, value)| (name.to_owned(), value)));
    environment
}

fn enclosure(
    settings: &Settings,
    home: &Path,
    uid: Option<u32>,
    port: u16,
    places: Vec<PathBuf>,
) -> Enclosure {
    let launcher = settings.launcher.first().map(PathBuf::from);
    let readable = settings.runtime_dir.iter().chain(&settings.readable).chain(&launcher).cloned();
    let connect = settings.outward_ports.iter().copied().chain([settings.sidecar.port(), port]);
    Enclosure {
        uid,
        home: home.to_owned(),
        places,
        readable: readable.collect(),
        bind: vec![port],
        connect: connect.collect(),
        limits: settings.limits.clone(),
        require: settings.require_confinement,
    }
}

/// Sends a process behind the walls of this machine and asks it what it can still do.
pub(super) async fn look_at_walls(
    settings: &Arc<Settings>,
    users: Option<&Users>,
) -> Result<Confinement, Fault> {
    let uid = users.map(Users::nobody);
    let settings = Arc::clone(settings);
    let looked = tokio::task::spawn_blocking(move || {
        let home = ground::Scratch::make(&settings.data_dir, uid)?;
        let launch = Launch {
            launcher: &settings.launcher,
            environment: &settings.environment,
            uid,
            home: home.path(),
        };
        let held =
            launch.hold(Stdio::piped(), Stdio::piped()).map_err(|error| not_started(&error))?;
        let port = *settings.ports.start();
        let go = Go {
            environment: BTreeMap::new(),
            enclosure: enclosure(&settings, home.path(), uid, port, Vec::new()),
            look_at: Some(settings.data_dir.clone()),
        };
        let child = held.go(&go).map_err(|error| Fault::unavailable(SERVICE, error))?;
        let output =
            child.wait_with_output().map_err(|error| Fault::unavailable(SERVICE, error))?;
        seen(&output)
    });
    let looked = tokio::time::timeout(PROBE_TIMEOUT, looked).await;
    let looked = looked.map_err(|late| Fault::unavailable(SERVICE, late))?;
    let seen = looked.map_err(|error| Fault::unavailable(SERVICE, error))??;
    Ok(Confinement::from_seen(&seen))
}

fn seen(output: &std::process::Output) -> Result<Seen, Fault> {
    if output.status.success()
        && let Ok(seen) = serde_json::from_slice(&output.stdout)
    {
        return Ok(seen);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let words = format!("no agent can be started on this machine: {}", words.trim());
    Err(Fault::Refused(Reason::new(ReasonClass::Unavailable, words)))
}
