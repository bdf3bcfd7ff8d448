//! Finds what was lost and what was left over. It keeps nothing in memory between two sweeps, so
//! that any process goes on where another was killed, and any number may sweep at once.
//!
//! Lost: a workspace that is due, or on its way, is nudged again. Left over: a task, route or lease
//! that no live record owns is reported at the first good inventory and removed at a second one.
//! Missing: so is a task on record that nobody runs. What an inventory could not read is neither
//! there nor gone: it removes nothing, and leaves every suspicion as it was.

mod fate;
mod inventory;
mod late;
mod removal;

use events::Gen;
use jiff::{SignedDuration, Timestamp};
use ports::{Fault, Suspect};

use crate::world::World;
pub use fate::{Fate, fate};
use inventory::Inventory;

const SOURCE: &str = "/consumers/sweeper";

/// How long something must have been suspected when the inventory begins that removes it: a little
/// less than the minute between two sweeps, and longer than a handler takes between an effect and
/// its record, or a compute to know of a fresh task. Sweepers whose clocks differ by more may follow
/// each other sooner; their inventories never overlap.
pub const SUSPECTED_FOR: SignedDuration = SignedDuration::from_secs(50);

/// What one sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Workspaces and rotations that were nudged.
    pub nudged: usize,
    /// Tasks of workspaces that want them whose end the compute knew and nobody had written down.
    pub observed: usize,
    /// Things that are suspected for the first time.
    pub reported: usize,
    /// Things that were removed.
    pub removed: usize,
}

/// One sweep. Call it once a minute, from wherever.
///
/// # Errors
/// What a search or an inventory said. The other half of the sweep was done all the same, but
/// nothing was removed if it was an inventory.
pub async fn sweep(world: &World) -> Result<Swept, Fault> {
    let nudged = late::nudge(&world.bus).await;
    let rotations = late::nudge_rotations(&world.pools).await;
    let swept = collect(world).await;
    Ok(Swept { nudged: nudged? + rotations?, ..swept? })
}

/// Whether something may be removed by a sweep whose inventory began at `began`, as far as time
/// tells.
pub fn is_ripe(since: Timestamp, began: Timestamp) -> bool {
    began.duration_since(since) >= SUSPECTED_FOR
}

/// Looks for what is left over, and removes what an earlier sweep suspected as well.
///
/// The order is what makes two inventories of two sweeps:
/// 1. What is suspected is read *before* the inventory, so that whoever removes begins to look after
///    somebody has finished looking. Two sweeps at once have both read too early, whatever their
///    clocks say.
/// 2. Things are listed before their owners' journals are read: what a start makes is asked for on
///    record before it is made, so that the owner of a thing in a list is in the journal by then.
/// 3. What was found is compared in one write, with the time after the inventory; its age is taken
///    from the time before the inventory. Both make it younger, never older.
/// 4. Whether the thing is still nobody's is decided once more before it is removed, by an append
///    or a record that no later fact takes back ([`removal`]).
async fn collect(world: &World) -> Result<Swept, Fault> {
    let before = world.suspects.list().await?;
    let began = world.bus.now();
    let found = inventory::take(world).await?;
    // Nobody could say anything of these; they keep their time and wait for the next sweep.
    let unsure = before.iter().map(|(suspect, _)| suspect).filter(|it| found.is_unsure(it));
    let named: Vec<Suspect> = found.suspects.iter().chain(unsure).cloned().collect();
    let suspected = world.suspects.compare(world.bus.now(), &named).await?;
    let mut swept = Swept { observed: found.observed, ..Swept::default() };
    for suspect in &found.suspects {
        if !before.iter().any(|(known, _)| known == suspect) {
            swept.reported += 1;
            tracing::warn!(?suspect, "nobody seems to own this; it goes if that is so next time");
        }
    }
    swept.removed = removal::all(world, ripe(&before, began, &found, suspected)).await;
    Ok(swept)
}

/// What this sweep may remove: found by it and, without a gap, by one that had ended before it
/// began, long enough ago.
fn ripe(
    before: &[(Suspect, Timestamp)],
    began: Timestamp,
    found: &Inventory,
    suspected: Vec<(Suspect, Timestamp)>,
) -> Vec<Suspect> {
    let twice = suspected.into_iter().filter(|it| before.contains(it) && is_ripe(it.1, began));
    twice.map(|(suspect, _)| suspect).filter(|it| !found.is_unsure(it)).collect()
}

/// Whether a generation is still on record: it makes things, or takes them back by itself.
fn owns(workspace: &events::Workspace, generation: Gen) -> bool {
    let over = workspace.ending().map_or(Gen(0), |ending| ending.generation);
    generation > over && generation <= workspace.generation()
}
