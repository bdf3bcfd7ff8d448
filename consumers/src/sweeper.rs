//! Finds what was lost and what was left over.
//!
//! Lost: a workspace that is due, or on its way, is nudged again. Left over: a task, route or lease
//! that no live record owns is reported at the first good inventory and removed at the second. What
//! an inventory could not read is not missing: a failed look counts for nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use events::{
    Attempt, Class, Event, Gen, Reason, ReasonClass, Status, TaskState, Workspace, WorkspaceId,
};
use ports::{Fault, Nudge, Outgoing, Query, Row, Task};

use crate::steps::run_task::STOP_GRACE;
use crate::world::World;

const SOURCE: &str = "/consumers/sweeper";

/// One kind of thing that a generation's steps make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Task,
    Route,
    Lease,
}

/// A thing that nobody seems to own, or a task on record that nobody seems to run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Suspect {
    kind: Kind,
    missing: bool,
    workspace: WorkspaceId,
    generation: Gen,
    attempt: Attempt,
}

/// What one sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Workspaces that were nudged.
    pub nudged: usize,
    /// Things that nobody seems to own, seen for the first time.
    pub reported: usize,
    /// Things that were removed, seen for the second time.
    pub removed: usize,
}

/// Sweeps, and remembers what it suspected.
#[derive(Debug, Default)]
pub struct Sweeper {
    suspects: BTreeSet<Suspect>,
}

impl Sweeper {
    /// One sweep. Call it once a minute.
    ///
    /// # Errors
    /// What an inventory said; nothing is removed then.
    pub async fn sweep(&mut self, world: &World) -> Result<Swept, Fault> {
        let mut swept = Swept { nudged: nudge_late(world).await?, ..Swept::default() };
        let found = suspects(world).await?;
        for suspect in &found {
            if !self.suspects.contains(suspect) {
                swept.reported += 1;
                tracing::warn!(?suspect, "nobody seems to own this; it goes if it is so next time");
                continue;
            }
            match remove(world, suspect).await {
                Ok(()) => swept.removed += 1,
                Err(fault) => tracing::warn!(?suspect, %fault, "could not be removed"),
            }
        }
        self.suspects = found;
        Ok(swept)
    }
}

/// Nudges every workspace that is due or on its way.
async fn nudge_late(world: &World) -> Result<usize, Fault> {
    let bus = &world.bus;
    let moving = Query { status: vec![Status::Starting, Status::Stopping], ..Query::default() };
    let due = Query { due_by: Some(bus.now()), ..Query::default() };
    let mut late: Vec<Row> = bus.find_all(&moving).await?;
    late.extend(bus.find_all(&due).await?);
    late.sort_by(|a, b| a.workspace.cmp(&b.workspace));
    late.dedup_by(|a, b| a.workspace == b.workspace);
    let mut nudged = 0;
    for row in late {
        let nudge = Nudge { workspace: row.workspace, cause: None };
        let message = Outgoing { nudge, group: row.team, delay: Duration::ZERO };
        match bus.nudge(Class::Compute, message).await {
            Ok(()) => nudged += 1,
            Err(fault) => tracing::warn!(%fault, "a late workspace could not be nudged"),
        }
    }
    Ok(nudged)
}

/// Compares what exists with what the journals own. The inventories are read first, so that what a
/// start makes meanwhile is on record by the time its journal is read, or is not in them.
async fn suspects(world: &World) -> Result<BTreeSet<Suspect>, Fault> {
    let tasks = world.compute.list().await?;
    let routes = world.routes.list().await?;
    let leases = world.leases.list().await?;
    let mut found = BTreeSet::new();
    for task in &tasks {
        if !owns(world, &task.workspace, task.generation).await {
            found.insert(suspect(Kind::Task, &task.workspace, task.generation, task.attempt));
        }
    }
    for (id, route) in routes {
        if !owns(world, &id, route.generation).await {
            found.insert(suspect(Kind::Route, &id, route.generation, route.attempt));
        }
    }
    for lease in leases {
        if !owns(world, &lease.workspace, lease.generation).await {
            found.insert(suspect(Kind::Lease, &lease.workspace, lease.generation, lease.attempt));
        }
    }
    found.extend(missing(world, &tasks).await?);
    Ok(found)
}

/// Ready workspaces whose task is in no inventory.
async fn missing(world: &World, tasks: &[Task]) -> Result<Vec<Suspect>, Fault> {
    let ready = Query { status: vec![Status::Ready], ..Query::default() };
    let mut found = Vec::new();
    for row in world.bus.find_all(&ready).await? {
        let Some(workspace) = read(world, &row.workspace).await else { continue };
        let generation = workspace.generation();
        let Some(task) = workspace.task(generation) else { continue };
        if !tasks.iter().any(|known| known.id == *task) {
            let mut lost = suspect(Kind::Task, &row.workspace, generation, workspace.attempt());
            lost.missing = true;
            found.push(lost);
        }
    }
    Ok(found)
}

/// Whether a generation is still on record: it makes things, or takes them back by itself. What
/// cannot be read may own everything.
async fn owns(world: &World, id: &WorkspaceId, generation: Gen) -> bool {
    let Some(workspace) = read(world, id).await else { return true };
    let over = workspace.ending().map_or(Gen(0), |ending| ending.generation);
    generation > over && generation <= workspace.generation()
}

/// A workspace; `None` when its journal cannot be read, which holds up nobody else.
async fn read(world: &World, id: &WorkspaceId) -> Option<Workspace> {
    match world.bus.journal().load(id).await {
        Ok(loaded) => Some(loaded.workspace),
        Err(fault) => {
            tracing::warn!(workspace = %id, %fault, "a workspace cannot be read; it is left alone");
            None
        }
    }
}

fn suspect(kind: Kind, id: &WorkspaceId, generation: Gen, attempt: Attempt) -> Suspect {
    Suspect { kind, missing: false, workspace: id.clone(), generation, attempt }
}

async fn remove(world: &World, suspect: &Suspect) -> Result<(), Fault> {
    let Suspect { kind, missing, workspace: id, generation, attempt } = suspect;
    if *missing {
        return declare_lost(world, id, *generation, *attempt).await;
    }
    match kind {
        Kind::Task => {
            world.compute.stop(id, *generation, *attempt, STOP_GRACE).await?;
            Ok(())
        }
        Kind::Route => world.routes.close(id, *generation, *attempt).await,
        Kind::Lease => world.leases.revoke(id, *generation, *attempt).await,
    }
}

async fn declare_lost(
    world: &World,
    id: &WorkspaceId,
    generation: Gen,
    attempt: Attempt,
) -> Result<(), Fault> {
    let words = "the agent's task is gone and nobody saw it end";
    let state = TaskState::Stopped { reason: Reason::new(ReasonClass::AgentExited, words) };
    let put = world.bus.put(SOURCE, id, None, |workspace, _| {
        let same = workspace.wants_up(generation) && workspace.attempt() == attempt;
        let task = workspace.task(generation).filter(|_| same);
        let lost = task.map(|task| Event::TaskChanged {
            generation,
            attempt: workspace.task_attempt(generation),
            task: task.clone(),
            version: u64::MAX,
            state: state.clone(),
        });
        lost.into_iter().collect()
    });
    put.await.map(|_| ())
}
