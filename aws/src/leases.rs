//! [`Leases`] on a table: a row for each token in force, found by its SHA-256, and one for each
//! workspace with its fence and the hashes of what it holds.
//!
//! A grant writes both in one transaction, under the fence. A revoke first raises the fence, after
//! which nothing up to it is granted any more, and then deletes what the workspace held up to it;
//! whoever repeats it after a crash deletes the rest. So a token's row is the lease, a look is one
//! consistent read, and nobody reads first and writes then.
//!
//! Fences have no time to live: what was revoked stays so. They are a row for each workspace, of
//! two hundred bytes. The list is read from an index of the tokens' rows, which follows the table by
//! a moment; the sweeper waits for a second inventory, and what it revokes is fenced.
//!
//! Limits are not in the table: they are those of the book that this process was given, so that
//! what an administrator changes is in force for whoever runs already.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};
use events::token::{lease_token, pass, token_hash};
use events::{Attempt, Gen, LimitsBook, Reason, ReasonClass, Secret, WorkspaceId};
use ports::{Fault, Lease, LeaseLookup, Leases};

use crate::Environment;
use crate::marks::{mark, try_of};
use crate::rows::cancelled::{Unwritten, unwritten};
use crate::rows::{self, Item, PART, contended, failed, needed, parsed, part, text, unbuilt};
use crate::tables::{Index, Table};

mod hold;

pub use hold::Openings;

/// The leases in force.
const IN_FORCE: Index = Index { name: "in-force", hash: PART, range: Some("pk"), whole: true };
/// The table of leases.
pub const LEASES: Table = Table {
    name: "leases",
    hash: "pk",
    range: None,
    indexes: &[IN_FORCE],
    expires: None,
    stream: false,
};

/// How often a grant meets another write of its workspace's row before it is given back.
const TRIES: usize = 4;

/// The leases of one environment.
#[derive(Clone)]
pub struct DynamoLeases {
    client: Client,
    table: String,
    secret: Secret,
    book: Arc<LimitsBook>,
}

impl DynamoLeases {
    /// Leases in the environment's table, whose tokens follow from the token secret, without any
    /// limit.
    pub fn new(client: Client, environment: &Environment, secret: Secret) -> Self {
        Self { client, table: environment.named(LEASES.name), secret, book: Arc::default() }
    }

    /// The same with the limits of this book.
    #[must_use]
    pub fn limited_by(&self, book: LimitsBook) -> Self {
        Self { book: Arc::new(book), ..self.clone() }
    }

    /// The two writes of a grant: under the fence, and unless it is made already.
    fn granting(&self, hash: &str, lease: &Lease) -> Result<[TransactWriteItem; 2], BuildError> {
        let (id, at) = (lease.workspace.as_str(), mark(lease.generation, lease.attempt));
        let held = AttributeValue::Ss(vec![held(&at, hash)]);
        let update = Update::builder()
            .table_name(&self.table)
            .key("pk", workspace_key(&lease.workspace))
            .update_expression("ADD held :held")
            .condition_expression("attribute_not_exists(revoked) OR revoked < :try")
            .expression_attribute_values(":held", held)
            .expression_attribute_values(":try", text(&*at))
            .build()?;
        let put = Put::builder()
            .table_name(&self.table)
            .item("pk", token_key(hash))
            .item("workspace", text(id))
            .item("team", text(lease.team.as_str()))
            .item("granted", text(at))
            .item(PART, text(part(id)))
            .condition_expression("attribute_not_exists(pk)")
            .build()?;
        Ok([
            TransactWriteItem::builder().update(update).build(),
            TransactWriteItem::builder().put(put).build(),
        ])
    }

    /// Raises the fence, if it is below, and gives what the workspace holds.
    async fn fence(&self, id: &WorkspaceId, at: &str) -> Result<Vec<String>, Fault> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", workspace_key(id))
            .update_expression("SET revoked = :try")
            .condition_expression("attribute_not_exists(revoked) OR revoked < :try")
            .expression_attribute_values(":try", text(at))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let row = match update.send().await {
            Ok(answer) => answer.attributes,
            Err(error) => match error.as_service_error() {
                // It is there already, or a later one; what an earlier call left is still to do.
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    refused.item.clone()
                }
                _ => return Err(failed(&error)),
            },
        };
        let held = row.and_then(|mut row| row.remove("held"));
        Ok(held.and_then(|held| held.as_ss().ok().cloned()).unwrap_or_default())
    }

    fn lease(&self, row: &Item) -> Result<Lease, Fault> {
        let (generation, attempt) = try_of(needed(row, "granted")?)?;
        let (workspace, team) = (parsed(row, "workspace")?, parsed(row, "team")?);
        let limits = self.book.of(&team, &workspace);
        Ok(Lease { workspace, generation, attempt, team, limits })
    }
}

#[async_trait]
impl LeaseLookup for DynamoLeases {
    async fn find(&self, token_hash: &str) -> Result<Option<Lease>, Fault> {
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let answer = get.key("pk", token_key(token_hash)).send().await;
        let row = answer.map_err(|error| failed(&error))?.item;
        row.map(|row| self.lease(&row)).transpose()
    }
}

#[async_trait]
impl Leases for DynamoLeases {
    fn token(&self, id: &WorkspaceId, generation: Gen, attempt: Attempt) -> Secret {
        lease_token(&self.secret, id, generation, attempt)
    }

    fn pass(&self, id: &WorkspaceId, generation: Gen, attempt: Attempt) -> Secret {
        pass(&self.secret, id, generation, attempt)
    }

    async fn grant(&self, lease: &Lease) -> Result<(), Fault> {
        let token = self.token(&lease.workspace, lease.generation, lease.attempt);
        let hash = token_hash(token.expose());
        for _ in 0..TRIES {
            let writes = self.granting(&hash, lease).map_err(unbuilt)?;
            let write = self.client.transact_write_items().set_transact_items(Some(writes.into()));
            let Err(error) = write.send().await else { return Ok(()) };
            match unwritten(&error) {
                Unwritten::Conditions(places) if places.contains(&0) => return Err(revoked(lease)),
                // The token is good already.
                Unwritten::Conditions(_) => return Ok(()),
                Unwritten::Busy => {}
                Unwritten::Fault(fault) => return Err(fault),
            }
        }
        Err(contended())
    }

    async fn revoke(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        attempt: Attempt,
    ) -> Result<(), Fault> {
        let at = mark(generation, attempt);
        let mut gone = self.fence(id, &at).await?;
        gone.retain(|held| held.split(' ').next().is_some_and(|granted| granted <= at.as_str()));
        if gone.is_empty() {
            return Ok(());
        }
        for hash in gone.iter().filter_map(|held| held.split(' ').nth(1)) {
            let delete = self.client.delete_item().table_name(&self.table);
            let answer = delete.key("pk", token_key(hash)).send().await;
            answer.map_err(|error| failed(&error))?;
        }
        // Last, so that who comes after a crash still finds what is to be deleted.
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", workspace_key(id))
            .update_expression("DELETE held :gone")
            .expression_attribute_values(":gone", AttributeValue::Ss(gone));
        update.send().await.map(drop).map_err(|error| failed(&error))
    }

    async fn list(&self) -> Result<Vec<Lease>, Fault> {
        let mut found = Vec::new();
        for part in rows::parts() {
            for row in rows::rows_in(&self.client, &self.table, &IN_FORCE, part).await? {
                found.push(self.lease(&row)?);
            }
        }
        let order = |lease: &Lease| (lease.workspace.clone(), lease.generation, lease.attempt);
        found.sort_by_cached_key(order);
        Ok(found)
    }
}

fn token_key(hash: &str) -> AttributeValue {
    text(format!("T#{hash}"))
}

fn workspace_key(id: &WorkspaceId) -> AttributeValue {
    text(format!("W#{id}"))
}

/// What a workspace's row says of one lease: when it dies, and where it is.
fn held(granted: &str, hash: &str) -> String {
    format!("{granted} {hash}")
}

fn revoked(lease: &Lease) -> Fault {
    let Lease { workspace, generation, attempt, .. } = lease;
    let words = format!(
        "the lease of {workspace} for generation {generation}, try {attempt} was revoked and stays so"
    );
    Fault::Refused(Reason::new(ReasonClass::Internal, words))
}
