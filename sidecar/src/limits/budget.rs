//! What one workspace has used, as far as this process knows.

use std::sync::{Mutex, MutexGuard, PoisonError};

use events::limits::Spent;
use ports::Fault;

use super::Before;

/// One workspace's use.
#[derive(Default)]
pub(super) struct Budget {
    state: Mutex<State>,
    /// Held by who reads the ledger, so that many first requests read it once.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    spent: Spent,
    /// Whether the ledger's part is in it.
    known: bool,
}

impl Budget {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at what was used, or changes it. Nobody else does meanwhile.
    pub(super) fn spent<T>(&self, look: impl FnOnce(&mut Spent) -> T) -> T {
        look(&mut self.state().spent)
    }

    /// Makes sure that what was used before this process began is in it. What ends while the ledger
    /// is read counts on top: perhaps twice, for as long as this process lives, but never not at
    /// all.
    pub(super) async fn known(
        &self,
        read: impl AsyncFnOnce() -> Result<Before, Fault>,
    ) -> Result<(), Fault> {
        if self.state().known {
            return Ok(());
        }
        let _one = self.reading.lock().await;
        if self.state().known {
            return Ok(());
        }
        self.state().spent.forget();
        let Before { at, today, month } = read().await?;
        let mut state = self.state();
        state.spent.remember(at, today, month);
        state.known = true;
        Ok(())
    }
}
