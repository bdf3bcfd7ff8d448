//! A journal that a test can bend: one workspace that cannot be read, loads that fail, loads that
//! wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use events::{Envelope, Version, WorkspaceId};
use ports::{Cursor, Fault, Journal, Loaded, Projection, Query, Row, async_trait};
use tokio::sync::Notify;

pub(crate) struct Bent {
    inner: Arc<dyn Journal>,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) unreadable: Option<WorkspaceId>,
    /// The next load waits for this and then fails.
    pub(crate) fails_after: Option<Arc<Notify>>,
}

impl Bent {
    pub(crate) fn new(inner: Arc<dyn Journal>) -> Self {
        Self { inner, state: Mutex::default() }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Journal for Bent {
    async fn load(&self, id: &WorkspaceId) -> Result<Loaded, Fault> {
        let (bad, gate) = {
            let mut state = self.state();
            (state.unreadable.as_ref() == Some(id), state.fails_after.take())
        };
        if let Some(gate) = gate {
            gate.notified().await;
            return Err(Fault::unavailable("the journal", "it does not answer"));
        }
        if bad {
            return Err(Fault::unavailable("the journal", "an event that nobody can read"));
        }
        self.inner.load(id).await
    }

    async fn append(
        &self,
        id: &WorkspaceId,
        expected: Version,
        events: &[Envelope],
        projection: &Projection,
    ) -> Result<Version, Fault> {
        self.inner.append(id, expected, events, projection).await
    }

    async fn record(&self, events: &[Envelope]) -> Result<(), Fault> {
        self.inner.record(events).await
    }

    async fn history(
        &self,
        id: &WorkspaceId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<(Version, Envelope)>, Fault> {
        self.inner.history(id, after, limit).await
    }

    async fn feed(
        &self,
        after: Cursor,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<(Cursor, Envelope)>, Fault> {
        self.inner.feed(after, limit, wait).await
    }

    async fn find(
        &self,
        query: &Query,
        after: Option<&WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<Row>, Fault> {
        self.inner.find(query, after, limit).await
    }
}
