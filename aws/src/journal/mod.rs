//! [`Journal`] on one table of DynamoDB.
//!
//! | item | pk | sk | holds |
//! |---|---|---|---|
//! | an append | `W#ann`, `L#anthropic` | `V#` and the version that it led to | `envelopes`, `after` |
//! | what a workspace folds to | `W#ann` | `P` | `version`, `rules`, `fold`, and what indexes need |
//! | what a provider's rotations fold to | `L` | `anthropic` | `version`, `rules`, `fold` |
//! | an event of no list | `E#` and its id | `E` | `envelopes` |
//! | the mark of an event in a list | `E#` and its id | `E` | `list`, `version` |
//! | a row of the feed | `F#` and a shard | its number | `facts`, one JSON array for each item ordered |
//! | how many rows there are | `C` | `C` | `rows` |
//!
//! An append is one transaction: the append, the fold if the list still is at the version expected,
//! and a mark for each event, by which a repeat is known. An append's key is the version that it *led
//! to*: so the one before it is known by name, and a history after a version is one range.
//!
//! The feed is made in a second transaction (`sequence.rs`), by a function on the table's stream or
//! by whoever reads the feed: one order over all events cannot be had in the first, for all appends of
//! a company would meet at one counter. Until it has its place, an item is `pending`.
//!
//! **Announcing.** The stream carries new images. What is announced, and what wakes the sequencer, is
//! every *inserted* item that is pending, and nothing else:
//! `{"eventName":["INSERT"],"dynamodb":{"NewImage":{"pending":{"S":[{"exists":true}]}}}}`. A pipe to the
//! bus makes of it the detail type `Recorded` and the detail
//! `{"list":<$.dynamodb.NewImage.pk.S>,"types":<$.dynamodb.NewImage.types.SS>,`
//! `"envelopes":<$.dynamodb.NewImage.envelopes.S>}`: `types` is for the patterns of rules, `envelopes`
//! is the JSON array of the facts as text.

mod announced;
mod feed;
mod item;
pub(crate) mod keys;
mod list;
mod order;
pub(crate) mod packed;
pub(crate) mod pending;
mod search;
mod sequence;
mod store;

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use events::{Envelope, Event, Version, Workspace, WorkspaceId};
use jiff::Timestamp;
use ports::{Cursor, Fault, Journal, Loaded, Projection, Query, Row};

use crate::Environment;
use crate::rows::nonsense;
use crate::tables::{Index, Table};
pub use announced::announced;
pub(crate) use keys::{List, ROTATIONS};
pub(crate) use list::Fold;
pub(crate) use store::{Store, items};

/// What has no place in the feed yet.
const PENDING: Index = keys_only("pending", "pending", "since");
/// Workspaces by status, in the order of their ids.
const STATUS: Index = keys_only("by-status", "status", "pk");
/// Workspaces by team, in the order of their ids.
const TEAM: Index = keys_only("by-team", "team", "pk");
/// Workspaces by when they are due.
const DUE: Index = keys_only("by-due", "dueIn", "due");
/// Workspaces that failed or are parked, by the step and since when.
const TROUBLE: Index = keys_only("by-trouble", "trouble", "troubleAt");
/// Workspaces by when they were used last.
const ACTIVE: Index = keys_only("by-activity", "activeIn", "activeAt");

/// The table.
pub const JOURNAL: Table = Table {
    name: "journal",
    hash: "pk",
    range: Some("sk"),
    indexes: &[PENDING, STATUS, TEAM, DUE, TROUBLE, ACTIVE],
    expires: None,
    stream: true,
};

const fn keys_only(name: &'static str, hash: &'static str, range: &'static str) -> Index {
    Index { name, hash, range: Some(range), whole: false }
}

/// The journal of one environment.
#[derive(Clone, Debug)]
pub struct DynamoJournal {
    store: Store,
}

impl DynamoJournal {
    /// The journal of this environment.
    pub fn new(client: Client, environment: &Environment) -> Self {
        Self { store: Store::of(client, environment) }
    }

    /// Gives everything that is pending its place in the feed, and says how many items that were. Safe
    /// to call at any time, by many at once, and to lose.
    ///
    /// # Errors
    /// [`Fault::Conflict`] when somebody else was faster again and again; else what the table said.
    pub async fn sequence(&self) -> Result<usize, Fault> {
        self.store.sequence().await
    }

    /// Folds anew what older rules folded, and says how many workspaces that were: for whoever
    /// deploys new rules, so that searches are right before anything is appended.
    ///
    /// # Errors
    /// What the table said.
    pub async fn refold(&self, now: Timestamp) -> Result<usize, Fault> {
        self.store.refold(now).await
    }
}

impl Store {
    /// The journal's table in an environment.
    pub(crate) fn of(client: Client, environment: &Environment) -> Self {
        Self::new(client, environment.named(JOURNAL.name))
    }
}

impl Fold for Workspace {
    const RULES: u32 = events::workspace::RULES;

    fn absorb(&mut self, at: Timestamp, event: &Event) {
        self.absorb(at, event);
    }
}

#[async_trait]
impl Journal for DynamoJournal {
    async fn load(&self, id: &WorkspaceId) -> Result<Loaded, Fault> {
        let (version, workspace) = self.store.load(&List::of_workspace(id)).await?;
        Ok(Loaded { version, workspace })
    }

    async fn append(
        &self,
        id: &WorkspaceId,
        expected: Version,
        events: &[Envelope],
        projection: &Projection,
    ) -> Result<Version, Fault> {
        if events.iter().any(|event| event.subject.as_ref() != Some(id)) {
            return Err(nonsense(format!("an event of another workspace than {id}")));
        }
        let indexed = search::indexed(&Row::of(id, projection));
        let folded = (&projection.workspace, indexed);
        self.store.append(&List::of_workspace(id), expected, events, folded).await
    }

    async fn record(&self, events: &[Envelope]) -> Result<(), Fault> {
        for event in events {
            let one = std::slice::from_ref(event);
            let put = pending::pending(self.store.table(), &keys::event(event.id), one)?;
            self.store.put(put).await?;
        }
        Ok(())
    }

    async fn history(
        &self,
        id: &WorkspaceId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<(Version, Envelope)>, Fault> {
        self.store.history(&List::of_workspace(id), after, limit).await
    }

    async fn feed(
        &self,
        after: Cursor,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<(Cursor, Envelope)>, Fault> {
        self.store.feed(after, limit, wait).await
    }

    async fn find(
        &self,
        query: &Query,
        after: Option<&WorkspaceId>,
        limit: usize,
    ) -> Result<Vec<Row>, Fault> {
        self.store.find(query, after, limit).await
    }
}
