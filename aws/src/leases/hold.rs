//! Who holds a lease: the first sidecar that asks for it after a start has shown its token.
//!
//! A start hands the token over in its task's variables, and ECS shows those to everybody who may
//! describe the task or hears its events. So the token alone is good once: a start opens its lease for
//! the time of a boot, the first who asks names itself by chance that it keeps to itself, and from then
//! on the lease answers to that name only. Who asks first and is not the sidecar is found out: the
//! sidecar is told that it comes second, and ends its task.
//!
//! The token's row holds it: `shownBy` the start, `openUntil` when, `heldBy` the SHA-256 of the name. A
//! later start of the same lease opens it anew, for the task before it has ended; a repeated one does
//! not.

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use events::token::token_hash;
use events::{Attempt, Gen, Secret};
use jiff::Timestamp;
use ports::{Fault, Lease};

use super::{DynamoLeases, LEASES, token_key};
use crate::Environment;
use crate::broker::wire::Proof;
use crate::broker::{HeldLeases, Refusal};
use crate::marks::mark;
use crate::rows::{failed, held, text, time};

/// Opens leases, for who starts tasks.
#[derive(Clone, Debug)]
pub struct Openings {
    client: Client,
    table: String,
}

impl Openings {
    /// The leases of an environment.
    pub fn new(client: Client, environment: &Environment) -> Self {
        Self { client, table: environment.named(LEASES.name) }
    }

    /// From now until then the first who shows the token holds its lease, unless this start or a later
    /// one has opened it before. A lease that is not in force stays so.
    ///
    /// # Errors
    /// What the table said.
    pub async fn open(
        &self,
        token: &Secret,
        (generation, attempt): (Gen, Attempt),
        until: Timestamp,
    ) -> Result<(), Fault> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", token_key(&token_hash(token.expose())))
            .update_expression("SET shownBy = :start, openUntil = :until REMOVE heldBy")
            .condition_expression(
                "attribute_exists(pk) AND (attribute_not_exists(shownBy) OR shownBy < :start)",
            )
            .expression_attribute_values(":start", text(mark(generation, attempt)))
            .expression_attribute_values(":until", text(time(until)));
        held(update.send().await).map(drop)
    }
}

#[async_trait]
impl HeldLeases for DynamoLeases {
    async fn hold(&self, proof: Proof<'_>, now: Timestamp) -> Result<Lease, Refusal> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", token_key(&token_hash(proof.token)))
            .update_expression("SET heldBy = :holder")
            .condition_expression(
                "heldBy = :holder OR (attribute_not_exists(heldBy) AND openUntil >= :now)",
            )
            .expression_attribute_values(":holder", text(token_hash(proof.holder)))
            .expression_attribute_values(":now", text(time(now)))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match update.send().await {
            Ok(answer) => {
                let row = answer.attributes.unwrap_or_default();
                self.lease(&row).map_err(Refusal::Unavailable)
            }
            Err(error) => Err(match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    let row = refused.item.as_ref();
                    match row.is_some_and(|row| row.contains_key("heldBy")) {
                        true => Refusal::Taken,
                        false => Refusal::Unknown,
                    }
                }
                _ => Refusal::Unavailable(failed(&error)),
            }),
        }
    }
}
