//! What exists, compared with what the journals own. Removes nothing.

use std::collections::{BTreeMap, BTreeSet};

use events::{Status, Workspace, WorkspaceId};
use ports::{Fault, Kind, Query, Suspect, TaskStatus};

use super::owns;
use crate::observer::observe;
use crate::world::World;

/// What a look at everything found.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    /// What nobody owns, and what is missing.
    pub(super) suspects: BTreeSet<Suspect>,
    /// Tasks whose end was written down on the way.
    pub(super) observed: usize,
    /// Whose journal nobody could read: what they own is not known.
    unread: BTreeSet<WorkspaceId>,
    /// Whose task nobody could ask after: whether it is missing is not known.
    unasked: BTreeSet<WorkspaceId>,
}

impl Inventory {
    /// Whether this look could not tell about it.
    pub(super) fn is_unsure(&self, suspect: &Suspect) -> bool {
        let id = &suspect.workspace;
        self.unread.contains(id) || (suspect.missing && self.unasked.contains(id))
    }
}

/// Looks at everything.
///
/// # Errors
/// What a list or a search said: half an inventory is none. A journal that cannot be read is not
/// that: it holds up nobody else.
pub(super) async fn take(world: &World) -> Result<Inventory, Fault> {
    let things = things(world).await?;
    let up = Query { status: vec![Status::Starting, Status::Ready], ..Query::default() };
    let rows = world.bus.find_all(&up).await?;
    // Of these, those of whom no list shows a task.
    let mut bare: BTreeSet<WorkspaceId> = rows.into_iter().map(|row| row.workspace).collect();
    let mut found = Inventory::default();
    for (id, things) in things {
        let Some(workspace) = read(world, &id).await else {
            bare.remove(&id);
            found.unread.insert(id);
            continue;
        };
        let (owned, left): (Vec<_>, Vec<_>) =
            things.into_iter().partition(|thing| owns(&workspace, thing.generation));
        if owned.iter().any(|thing| thing.kind == Kind::Task) {
            bare.remove(&id);
        }
        found.suspects.extend(left);
    }
    for id in bare {
        ask_after(world, id, &mut found).await;
    }
    Ok(found)
}

/// Everything that a generation's steps make, by workspace.
async fn things(world: &World) -> Result<BTreeMap<WorkspaceId, Vec<Suspect>>, Fault> {
    let tasks = world.compute.list().await?.into_iter();
    let tasks = tasks.map(|it| (Kind::Task, it.workspace, it.generation, it.attempt));
    let routes = world.routes.list().await?.into_iter();
    let routes = routes.map(|(id, it)| (Kind::Route, id, it.generation, it.attempt));
    let leases = world.leases.list().await?.into_iter();
    let leases = leases.map(|it| (Kind::Lease, it.workspace, it.generation, it.attempt));
    let mut things: BTreeMap<WorkspaceId, Vec<Suspect>> = BTreeMap::new();
    for (kind, workspace, generation, attempt) in tasks.chain(routes).chain(leases) {
        let id = workspace.clone();
        let thing = Suspect { kind, missing: false, workspace, generation, attempt };
        things.entry(id).or_default().push(thing);
    }
    Ok(things)
}

/// Asks after the task on record of a workspace that is up, or on its way, and that no list shows to
/// have one. The record is read first and the task asked after by its name, so that it was on record
/// before it is missed.
async fn ask_after(world: &World, id: WorkspaceId, found: &mut Inventory) {
    let Some(workspace) = read(world, &id).await else {
        found.unread.insert(id);
        return;
    };
    let (generation, attempt) = (workspace.generation(), workspace.attempt());
    let up = matches!(workspace.status(), Status::Starting | Status::Ready);
    let Some(task) = workspace.task(generation).filter(|_| up) else { return };
    let answer = match world.compute.describe(task).await {
        // The compute says itself that it has ended; only its word was lost.
        Ok(Some(it)) if matches!(it.status, TaskStatus::Stopped(_)) => {
            observe(&world.bus, &it).await.map(|news| found.observed += usize::from(news))
        }
        Ok(Some(_)) => Ok(()),
        Ok(None) => {
            let (kind, workspace) = (Kind::Task, id.clone());
            found.suspects.insert(Suspect { kind, missing: true, workspace, generation, attempt });
            Ok(())
        }
        Err(fault) => Err(fault),
    };
    if let Err(fault) = answer {
        tracing::warn!(workspace = %id, %fault, "its task cannot be asked after; it is left alone");
        found.unasked.insert(id);
    }
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
