//! The real journal, and a word about every append that brings a workspace to the status that is
//! waited for. Reading the feed for it would cost as much as what is measured.

use std::sync::Arc;
use std::time::Duration;

use events::{Envelope, Status, Version, WorkspaceId};
use ports::{Cursor, Fault, Journal, Loaded, Projection, Query, Row, async_trait};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

/// A workspace, where it stands, and when that was durable.
pub(super) type News = (WorkspaceId, Status, Instant);

/// A journal that tells.
pub(super) struct Noticed {
    inner: Arc<dyn Journal>,
    news: UnboundedSender<News>,
}

impl Noticed {
    /// Tells of what is appended to `inner`.
    pub(super) fn new(inner: Arc<dyn Journal>, news: UnboundedSender<News>) -> Self {
        Self { inner, news }
    }
}

#[async_trait]
impl Journal for Noticed {
    async fn load(&self, id: &WorkspaceId) -> Result<Loaded, Fault> {
        self.inner.load(id).await
    }

    async fn append(
        &self,
        id: &WorkspaceId,
        expected: Version,
        events: &[Envelope],
        projection: &Projection,
    ) -> Result<Version, Fault> {
        let version = self.inner.append(id, expected, events, projection).await?;
        match projection.workspace.status() {
            // On its way: nobody waits for these.
            Status::Starting | Status::Stopping => {}
            status @ (Status::Asleep | Status::Ready | Status::Failed | Status::Parked) => {
                // Nobody may be waiting any more.
                let _heard = self.news.send((id.clone(), status, Instant::now()));
            }
        }
        Ok(version)
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
