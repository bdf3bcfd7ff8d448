//! Takes away what two inventories found to be nobody's, after making sure of it once more.
//!
//! Everything is taken back *up to* a generation and try, and what was taken back never comes again.
//! So nothing is touched before its generation is over on record, which no later fact undoes:
//! whatever a start or a late message still does, it does not do it for this generation.

use events::{Event, Reason, ReasonClass, StopReason, TaskState};
use futures_util::future::join_all;
use ports::{Fault, Kind, Suspect};

use super::SOURCE;
use super::fate::{Fate, fate};
use crate::handle::in_time;
use crate::steps::run_task::STOP_GRACE;
use crate::world::World;

/// How many are removed at a time, so that one that does not go holds up few others.
const AT_ONCE: usize = 25;
/// How many one sweep removes at the most, so that it ends within two minutes whatever happens.
const REMOVED_MAX: usize = 4 * AT_ONCE;

/// Removes them side by side; gives how many went. One that cannot be removed is left to the next
/// sweep, and chance decides which come first, so that none is passed over for ever.
pub(super) async fn all(world: &World, mut suspects: Vec<Suspect>) -> usize {
    if suspects.len() > REMOVED_MAX {
        let place = world.bus.ids().below(suspects.len() as u64);
        suspects.rotate_left(usize::try_from(place).unwrap_or_default());
        suspects.truncate(REMOVED_MAX);
    }
    let mut removed = 0;
    for some in suspects.chunks(AT_ONCE) {
        let gone = join_all(some.iter().map(|suspect| is_gone(world, suspect))).await;
        removed += gone.into_iter().filter(|gone| *gone).count();
    }
    removed
}

async fn is_gone(world: &World, suspect: &Suspect) -> bool {
    match in_time(remove(world, suspect)).await {
        Ok(gone) => {
            tracing::warn!(?suspect, gone, "nobody owned this; it was told to go");
            gone
        }
        Err(fault) => {
            tracing::warn!(?suspect, %fault, "could not be removed");
            false
        }
    }
}

/// Gives whether it has gone.
async fn remove(world: &World, suspect: &Suspect) -> Result<bool, Fault> {
    let Suspect { kind, missing, workspace: id, generation, attempt } = suspect;
    if *missing {
        return declare_lost(world, suspect).await;
    }
    if !is_over(world, suspect).await? {
        tracing::info!(?suspect, "it stays for now; see: teamclaw orphans");
        return Ok(false);
    }
    match kind {
        Kind::Task => world.compute.stop(id, *generation, *attempt, STOP_GRACE).await,
        Kind::Route => world.routes.close(id, *generation, *attempt).await.map(|()| true),
        Kind::Lease => world.leases.revoke(id, *generation, *attempt).await.map(|()| true),
    }
}

/// Whether the generation is over for good. One that nobody asked for yet, as after the restore of an
/// old journal, is first put on record as over: else the next starts, up to that number, would be
/// refused for what is taken back here. That waits until the workspace rests, because what it has
/// is of an older generation and would be taken back as well.
async fn is_over(world: &World, suspect: &Suspect) -> Result<bool, Fault> {
    let generation = suspect.generation;
    let put = world.bus.put(SOURCE, &suspect.workspace, None, |workspace, _| {
        let unborn = generation > workspace.generation();
        let goes = fate(workspace, suspect) == Fate::Goes;
        let over = Event::Stopped { generation, reason: StopReason::Superseded };
        if unborn && goes { vec![over] } else { Vec::new() }
    });
    let workspace = put.await?.workspace;
    Ok(workspace.ending().is_some_and(|ending| generation <= ending.generation))
}

/// Writes down that a task is gone, if it is still the one that is wanted.
async fn declare_lost(world: &World, suspect: &Suspect) -> Result<bool, Fault> {
    let Suspect { workspace: id, generation, attempt, .. } = suspect;
    let words = "the agent's task is gone and nobody saw it end";
    let state = TaskState::Stopped { reason: Reason::new(ReasonClass::AgentExited, words) };
    let put = world.bus.put(SOURCE, id, None, |workspace, _| {
        let same = workspace.wants_up(*generation) && workspace.attempt() == *attempt;
        let task = workspace.task(*generation).filter(|_| same);
        let lost = task.map(|task| Event::TaskChanged {
            generation: *generation,
            attempt: workspace.task_attempt(*generation),
            task: task.clone(),
            version: u64::MAX,
            state: state.clone(),
        });
        lost.into_iter().collect()
    });
    Ok(put.await?.cause.is_some())
}
