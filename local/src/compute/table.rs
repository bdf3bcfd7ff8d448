//! The record of tasks. Everything that must survive a crash of the engine is written here before
//! it is acted on. Knows nothing of processes.

use events::{Attempt, Gen, TaskId, WorkspaceId};
use ports::{Fault, Task, TaskSpec, TaskStatus};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::{Deserialize, Serialize};

use super::seats::{self, Seat};
use crate::columns::{count, integer};
use crate::error::Error;

/// How many ended tasks of a workspace are kept, for a repeated start message and for a person
/// who asks what happened.
const ENDED_KEPT: u32 = 16;

/// How many changes are told at once.
const CHANGES_MAX: u32 = 100;

/// A task with what this adapter keeps of it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) task: Task,
    pub(crate) uid: Option<u32>,
    pub(crate) port: Option<u16>,
    pub(crate) log_start: u64,
    pub(crate) process: Option<Started>,
}

/// Names one process for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Started {
    pub(crate) pid: i32,
    pub(crate) started: u64,
    pub(crate) boot: String,
}

/// What came of asking for a start.
pub(crate) enum Claim {
    /// The same start was asked for before.
    Known(TaskId),
    /// It may start, on this seat.
    New(TaskId, Seat),
}

/// [`TaskStatus`] as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stored {
    Starting,
    Listening(std::net::SocketAddr),
    Stopping,
    Stopped(events::Reason),
}

fn encode(status: &TaskStatus) -> Result<String, Error> {
    let stored = match status.clone() {
        TaskStatus::Starting => Stored::Starting,
        TaskStatus::Listening(address) => Stored::Listening(address),
        TaskStatus::Stopping => Stored::Stopping,
        TaskStatus::Stopped(reason) => Stored::Stopped(reason),
    };
    Ok(serde_json::to_string(&stored)?)
}

fn decode(text: &str) -> Result<TaskStatus, Error> {
    Ok(match serde_json::from_str(text)? {
        Stored::Starting => TaskStatus::Starting,
        Stored::Listening(address) => TaskStatus::Listening(address),
        Stored::Stopping => TaskStatus::Stopping,
        Stored::Stopped(reason) => TaskStatus::Stopped(reason),
    })
}

/// A generation as SQLite can hold it: a caller may name the highest there is to mean all.
pub(crate) fn number(generation: Gen) -> i64 {
    i64::try_from(generation.0).unwrap_or(i64::MAX)
}

/// Puts a task on record, if the rules of the port let it start.
pub(crate) fn claim(work: &Transaction<'_>, spec: &TaskSpec) -> Result<Claim, Error> {
    let id = TaskId(format!("{}-{}", spec.workspace, spec.client_token));
    let known = work
        .prepare_cached("SELECT id FROM tasks WHERE client_token = ?1")?
        .query_row(params![spec.client_token], |row| row.get(0))
        .optional()?;
    if let Some(known) = known {
        return Ok(Claim::Known(TaskId(known)));
    }
    let (name, generation, attempt) =
        (spec.workspace.as_str(), number(spec.generation), spec.attempt.0);
    let mut fence = work.prepare_cached(
        "SELECT 1 FROM task_fences WHERE workspace = ?1 AND (generation, attempt) >= (?2, ?3)",
    )?;
    if fence.exists(params![name, generation, attempt])? {
        let words = format!("generation {}, try {attempt}, was stopped", spec.generation);
        let reason = events::Reason::new(events::ReasonClass::Taken, words);
        return Err(Fault::Refused(reason).into());
    }
    let mut live = work.prepare_cached("SELECT 1 FROM tasks WHERE workspace = ?1 AND live")?;
    if live.exists(params![name])? {
        let resource = format!("the one running agent of {}", spec.workspace);
        return Err(Fault::Taken { resource }.into());
    }
    let seat = seats::seat(work, &spec.workspace)?;
    work.prepare_cached(
        "INSERT INTO tasks (client_token, id, workspace, generation, attempt, version, status)
         VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6)",
    )?
    .execute(params![
        spec.client_token,
        id.0,
        name,
        generation,
        attempt,
        encode(&TaskStatus::Starting)?
    ])?;
    prune(work, name)?;
    Ok(Claim::New(id, seat))
}

/// Forgets old tasks, and raises the fence over them so that they cannot start again.
fn prune(work: &Transaction<'_>, workspace: &str) -> Result<(), Error> {
    let old = work
        .prepare_cached(
            "SELECT generation, attempt FROM tasks
             WHERE workspace = ?1 AND NOT live AND told = version
             ORDER BY generation DESC, attempt DESC LIMIT 1 OFFSET ?2",
        )?
        .query_row(params![workspace, ENDED_KEPT], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((generation, attempt)) = old else { return Ok(()) };
    raise_fence(work, workspace, generation, attempt)?;
    work.prepare_cached(
        "DELETE FROM tasks WHERE workspace = ?1 AND NOT live AND told = version
         AND (generation, attempt) <= (?2, ?3)",
    )?
    .execute(params![workspace, generation, attempt])?;
    Ok(())
}

fn raise_fence(
    work: &Transaction<'_>,
    workspace: &str,
    generation: i64,
    attempt: u32,
) -> Result<(), Error> {
    work.prepare_cached(
        "INSERT INTO task_fences (workspace, generation, attempt) VALUES (?1, ?2, ?3)
         ON CONFLICT (workspace) DO UPDATE SET
             generation = excluded.generation, attempt = excluded.attempt
         WHERE (excluded.generation, excluded.attempt) > (generation, attempt)",
    )?
    .execute(params![workspace, generation, attempt])?;
    Ok(())
}

/// The ports that live tasks have.
pub(crate) fn leased_ports(look: &Connection) -> Result<Vec<u16>, Error> {
    let mut find = look.prepare_cached("SELECT port FROM tasks WHERE live AND port IS NOT NULL")?;
    let ports = find.query_map([], |row| row.get(0))?;
    Ok(ports.collect::<rusqlite::Result<_>>()?)
}

/// Leases a port to a task. `false`: another task has it.
pub(crate) fn lease_port(work: &Transaction<'_>, id: &TaskId, port: u16) -> Result<bool, Error> {
    let mut taken = work.prepare_cached("SELECT 1 FROM tasks WHERE live AND port = ?1")?;
    if taken.exists(params![port])? {
        return Ok(false);
    }
    work.prepare_cached("UPDATE tasks SET port = ?2 WHERE id = ?1")?
        .execute(params![id.0, port])?;
    Ok(true)
}

/// Records the process of a task, before it is let go.
pub(crate) fn set_process(
    work: &Transaction<'_>,
    id: &TaskId,
    uid: Option<u32>,
    log_start: u64,
    process: &Started,
) -> Result<(), Error> {
    work.prepare_cached(
        "UPDATE tasks SET uid = ?2, log_start = ?3, pid = ?4, started = ?5, boot = ?6
         WHERE id = ?1",
    )?
    .execute(params![
        id.0,
        uid,
        integer(log_start)?,
        process.pid,
        integer(process.started)?,
        process.boot
    ])?;
    Ok(())
}

/// Forgets a task that never ran, so that the same start can be tried again.
pub(crate) fn forget(work: &Transaction<'_>, id: &TaskId) -> Result<(), Error> {
    work.prepare_cached("DELETE FROM tasks WHERE id = ?1")?.execute(params![id.0])?;
    Ok(())
}

/// Forgets every task that was on record when the engine died and never ran.
pub(crate) fn forget_never_started(work: &Transaction<'_>) -> Result<(), Error> {
    work.execute("DELETE FROM tasks WHERE live AND pid IS NULL", [])?;
    Ok(())
}

/// Records that a starting task listens. One that is stopping or has ended stays as it is.
pub(crate) fn set_listening(
    work: &Transaction<'_>,
    id: &TaskId,
    address: std::net::SocketAddr,
) -> Result<(), Error> {
    work.prepare_cached(
        "UPDATE tasks SET status = ?2, version = version + 1 WHERE id = ?1 AND status = ?3",
    )?
    .execute(params![
        id.0,
        encode(&TaskStatus::Listening(address))?,
        encode(&TaskStatus::Starting)?
    ])?;
    Ok(())
}

/// Records that a task and all its processes are gone.
pub(crate) fn set_stopped(
    work: &Transaction<'_>,
    id: &TaskId,
    reason: &events::Reason,
) -> Result<(), Error> {
    work.prepare_cached(
        "UPDATE tasks SET status = ?2, version = version + 1, live = 0 WHERE id = ?1 AND live",
    )?
    .execute(params![id.0, encode(&TaskStatus::Stopped(reason.clone()))?])?;
    Ok(())
}

/// Fences a workspace and marks what must stop; gives those tasks.
pub(crate) fn fence(
    work: &Transaction<'_>,
    id: &WorkspaceId,
    generation: Gen,
    attempt: Attempt,
) -> Result<Vec<TaskId>, Error> {
    raise_fence(work, id.as_str(), number(generation), attempt.0)?;
    let stopping = encode(&TaskStatus::Stopping)?;
    let until = params![id.as_str(), number(generation), attempt.0, stopping];
    work.prepare_cached(
        "UPDATE tasks SET status = ?4, version = version + 1
         WHERE workspace = ?1 AND live AND (generation, attempt) <= (?2, ?3) AND status <> ?4",
    )?
    .execute(until)?;
    let mut find = work.prepare_cached(
        "SELECT id FROM tasks WHERE workspace = ?1 AND live AND (generation, attempt) <= (?2, ?3)",
    )?;
    let ids = find.query_map(params![id.as_str(), number(generation), attempt.0], |row| {
        Ok(TaskId(row.get(0)?))
    })?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

const COLUMNS: &str = "id, workspace, generation, attempt, version, status, uid, port, log_start, \
                       pid, started, boot";

/// One task.
pub(crate) fn find(look: &Connection, id: &TaskId) -> Result<Option<Record>, Error> {
    Ok(select(look, "id = ?1", params![id.0])?.pop())
}

/// Every task that is not gone.
pub(crate) fn live(look: &Connection) -> Result<Vec<Record>, Error> {
    select(look, "live ORDER BY workspace", params![])
}

/// Tasks with changes that the observer may not have seen.
pub(crate) fn untold(look: &Connection) -> Result<Vec<Record>, Error> {
    select(look, "told < version LIMIT ?1", params![CHANGES_MAX])
}

/// Records which changes the observer has surely seen.
pub(crate) fn set_told(work: &Transaction<'_>, told: &[(TaskId, u64)]) -> Result<(), Error> {
    let mut set = work.prepare_cached("UPDATE tasks SET told = MAX(told, ?2) WHERE id = ?1")?;
    for (id, version) in told {
        set.execute(params![id.0, integer(*version)?])?;
    }
    Ok(())
}

fn select(
    look: &Connection,
    condition: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Result<Vec<Record>, Error> {
    let mut find =
        look.prepare_cached(&format!("SELECT {COLUMNS} FROM tasks WHERE {condition}"))?;
    let mut rows = find.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(record(row)?);
    }
    Ok(found)
}

fn record(row: &Row<'_>) -> Result<Record, Error> {
    let name: String = row.get(1)?;
    let status: String = row.get(5)?;
    let pid: Option<i32> = row.get(9)?;
    let process = match pid {
        Some(pid) => Some(Started { pid, started: count(row.get(10)?)?, boot: row.get(11)? }),
        None => None,
    };
    Ok(Record {
        task: Task {
            id: TaskId(row.get(0)?),
            workspace: name.parse().map_err(|_| Error::Unreadable(format!("task of {name}")))?,
            generation: Gen(count(row.get(2)?)?),
            attempt: Attempt(row.get(3)?),
            version: count(row.get(4)?)?,
            status: decode(&status)?,
        },
        uid: row.get(6)?,
        port: row.get(7)?,
        log_start: count(row.get(8)?)?,
        process,
    })
}
