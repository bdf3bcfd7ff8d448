//! How many requests each workspace has under way, so that one that goes wild leaves room for the
//! others of a shared sidecar.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use events::WorkspaceId;
use ports::Lease;

use crate::limits::Pass;

/// The most requests of one workspace at once. An agent with sub-agents at work has about ten.
const UNDER_WAY_MAX: u32 = 64;

/// How many workspaces without a request are remembered: who asks again and again gets no new row each
/// time.
const RESTING_MAX: usize = 1024;

/// The count for each workspace that has any, and zero for those that had.
#[derive(Default)]
pub(crate) struct Turns(Mutex<BTreeMap<WorkspaceId, u32>>);

/// One request under way, until it is dropped.
pub(crate) struct Turn {
    turns: Arc<Turns>,
    lease: Arc<Lease>,
    /// What its limits count it by.
    _pass: Option<Pass>,
}

impl Turns {
    /// A turn for a lease's workspace; `None` when it has too many already.
    pub(crate) fn begin(self: &Arc<Self>, lease: &Arc<Lease>) -> Option<Turn> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match turns.get_mut(&lease.workspace) {
            Some(count) if *count >= UNDER_WAY_MAX => return None,
            Some(count) => *count += 1,
            None => drop(turns.insert(lease.workspace.clone(), 1)),
        }
        Some(Turn { turns: Arc::clone(self), lease: Arc::clone(lease), _pass: None })
    }
}

impl Turn {
    /// The same turn, let through by the gate.
    pub(crate) fn with(mut self, pass: Pass) -> Self {
        self._pass = Some(pass);
        self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut turns = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = turns.get_mut(&self.lease.workspace) {
            *count -= 1;
            if *count == 0 && turns.len() > RESTING_MAX {
                turns.remove(&self.lease.workspace);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use events::{Attempt, Gen};

    use super::*;

    #[test]
    fn one_workspace_cannot_take_all_and_nothing_is_left_behind() {
        let turns = Arc::new(Turns::default());
        let of = |name: &str| {
            Arc::new(Lease {
                workspace: name.parse().expect("a name"),
                generation: Gen(1),
                attempt: Attempt(1),
                team: "t".parse().expect("a name"),
                limits: events::Limits::default(),
            })
        };
        let many: Vec<Turn> =
            (0..RESTING_MAX + 9).filter_map(|n| turns.begin(&of(&format!("w{n}")))).collect();
        drop(many);
        let all: Vec<Turn> = std::iter::from_fn(|| turns.begin(&of("ann"))).collect();
        assert_eq!(all.len() as u32, UNDER_WAY_MAX);
        assert!(turns.begin(&of("bob")).is_some());
        drop(all);
        assert!(turns.begin(&of("ann")).is_some());
        let resting = turns.0.lock().expect("no panic");
        assert!(resting.len() <= RESTING_MAX && resting.values().all(|count| *count == 0));
    }
}
