//! The tiny reference model: what must exist, given where each workspace stands, and what no
//! journal may ever say. A world at rest is compared with it.
//!
//! It knows nothing of steps, queues or retries, so that it cannot make the engine's mistakes.

use std::collections::BTreeSet;

use events::{Event, Status, Step, StopReason, WorkspaceId};
use ports::TaskStatus;

use crate::world::State;
use crate::world::journal::List;

/// Every promise that a world at rest breaks, in words; none when all is well. `parked` says
/// whether a workspace may wait for a human.
pub fn broken(state: &State, now_ms: i64, parked: bool) -> Vec<String> {
    let mut broken = Vec::new();
    if state.is_exhausted() {
        broken.push("something goes round in circles".to_owned());
    }
    for (id, list) in state.journal.all() {
        if list.folded(list.events.len()) != list.workspace {
            broken.push(format!("{id}: the projection is not what the events fold to"));
        }
        broken.extend(things(state, id, list, now_ms, parked));
        broken.extend(history(id, list));
    }
    let known = |id: &WorkspaceId| state.journal.of(id).is_some();
    let tasks = state.cloud.alive().map(|task| ("task", &task.workspace));
    let routes = state.routes.all().map(|(id, _)| ("route", id));
    let leases = state.leases.all().map(|lease| ("lease", &lease.workspace));
    for (thing, id) in tasks.chain(routes).chain(leases).filter(|(_, id)| !known(id)) {
        broken.push(format!("{id}: a {thing} that no journal knows"));
    }
    if state.provider.used() != state.ledger.used() {
        let (truth, counted) = (state.provider.used(), state.ledger.used());
        broken.push(format!("the provider answered {truth:?} and the ledger counted {counted:?}"));
    }
    broken
}

/// What one workspace has, against what it should have.
fn things(state: &State, id: &WorkspaceId, list: &List, now: i64, parked: bool) -> Vec<String> {
    let mut broken = Vec::new();
    let tasks: Vec<_> = state.cloud.alive_of(id).collect();
    let leases: Vec<_> = state.leases.of(id).collect();
    let route = state.routes.of(id);
    if tasks.len() > 1 {
        broken.push(format!("{id}: {} live tasks: {tasks:?}", tasks.len()));
    }
    match list.workspace.status() {
        Status::Ready => {
            let generation = list.workspace.generation();
            let ([task], [lease], Some(route)) = (&*tasks, &*leases, route) else {
                let what = format!("{} tasks, {} leases, {route:?}", tasks.len(), leases.len());
                broken.push(format!("{id}: ready with {what}"));
                return broken;
            };
            if task.status != TaskStatus::Listening(route.address) {
                broken.push(format!("{id}: ready, and {route:?} does not lead to {task:?}"));
            }
            if [task.generation, lease.generation, route.generation] != [generation; 3] {
                broken.push(format!("{id}: things of another generation than {generation}"));
            }
            if state.cloud.is_held(id, now) {
                broken.push(format!("{id}: nobody let the agent go"));
            }
        }
        Status::Asleep | Status::Failed => {
            if !tasks.is_empty() || !leases.is_empty() || route.is_some() {
                let what = format!("{tasks:?} {leases:?} {route:?}");
                broken.push(format!("{id}: down, and left over are {what}"));
            }
        }
        Status::Parked if parked => {}
        status @ (Status::Parked | Status::Starting | Status::Stopping) => {
            broken.push(format!("{id}: stuck while {}", status.name()));
        }
    }
    broken.extend(kept(state, id, list));
    broken
}

/// What outlives every generation but a purge.
#[expect(clippy::wildcard_enum_match_arm, reason = "only these events are about homes")]
fn kept(state: &State, id: &WorkspaceId, list: &List) -> Vec<String> {
    let purged = list.events.iter().filter_map(|envelope| match envelope.event {
        Event::Purged { generation } => Some(generation),
        _ => None,
    });
    let purged = purged.max();
    let made = |wanted: Step| {
        list.events.iter().any(|envelope| match envelope.event {
            Event::StepDone { step, generation, .. } => step == wanted && Some(generation) > purged,
            _ => false,
        })
    };
    let mut broken = Vec::new();
    let going = list.workspace.purging().is_some();
    if made(Step::PrepareHome) && !going && !state.homes.has(id) {
        broken.push(format!("{id}: the home is gone"));
    }
    // Before its step is recorded a home may be there; after a purge nothing may be left.
    let unfinished = list.workspace.status() == Status::Parked;
    let gone = purged.is_some() && list.workspace.is_deleted() && !unfinished;
    if gone && (state.homes.has(id) || state.cloud.registered().any(|known| known == id)) {
        broken.push(format!("{id}: it was deleted, and its home or its registration is there"));
    }
    broken
}

/// What no journal may say, whatever went wrong around it.
#[expect(clippy::wildcard_enum_match_arm, reason = "only these events are about stops")]
fn history(id: &WorkspaceId, list: &List) -> Vec<String> {
    let mut broken = Vec::new();
    let mut stopped = BTreeSet::new();
    let mut used = None;
    for envelope in &list.events {
        match &envelope.event {
            Event::Active { .. } => used = used.max(Some(envelope.time)),
            Event::StopRequested { generation, reason } => {
                stopped.insert(*generation);
                if let StopReason::Idle { last_active } = reason
                    && used > Some(*last_active)
                {
                    broken
                        .push(format!("{id}: {generation} was stopped for idleness while in use"));
                }
            }
            Event::StepDone { generation, step, .. } if stopped.contains(generation) => {
                let step = step.name();
                broken.push(format!("{id}: {generation} went on with {step} after its stop"));
            }
            Event::Ready { generation, .. } if stopped.contains(generation) => {
                broken.push(format!("{id}: {generation} was ready after its stop"));
            }
            _ => {}
        }
    }
    let over = list.workspace.ending().map(|ending| ending.generation);
    let lost = stopped.into_iter().filter(|generation| Some(*generation) > over);
    let parked = list.workspace.status() == Status::Parked;
    broken.extend(
        lost.filter(|_| !parked)
            .map(|generation| format!("{id}: the stop of {generation} has no end")),
    );
    broken
}
