//! One at a time decides about a workspace. Only one engine uses a data directory, so turns need no
//! more than memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use events::WorkspaceId;
use tokio::sync::OwnedMutexGuard;

/// The turns of every workspace.
#[derive(Default)]
pub(crate) struct Turns(Mutex<BTreeMap<WorkspaceId, Arc<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// The right to decide about one workspace.
    pub(crate) async fn take(&self, id: &WorkspaceId) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody holds or waits for are forgotten, so that the map stays small.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(id.clone()).or_default())
        };
        turn.lock_owned().await
    }
}
