//! Trades tokens at STS.

use std::sync::Arc;

use aws_sdk_sts::Client;
use aws_sdk_sts::operation::assume_role::AssumeRoleOutput;
use events::Secret;
use jiff::Timestamp;
use ports::{Fault, Lease};

use super::policy::{BadRole, Grants, LIFE, session_name, session_policy};
use super::wire::Proof;
use super::{HeldLeases, Refusal, Traded};
use crate::Environment;
use crate::error::fault;

/// As an operator knows it.
const SERVICE: &str = "sts";

/// The broker of an environment.
pub struct StsBroker {
    client: Client,
    leases: Arc<dyn HeldLeases>,
    role: String,
    policy: String,
}

impl StsBroker {
    /// A broker of these leases.
    ///
    /// # Errors
    /// The role's ARN is none.
    pub fn new(
        client: Client,
        environment: &Environment,
        grants: &Grants,
        leases: Arc<dyn HeldLeases>,
    ) -> Result<Self, BadRole> {
        let policy = session_policy(environment, grants)?;
        Ok(Self { client, leases, role: grants.role.clone(), policy })
    }

    /// Trades a token for whoever holds its lease. It is looked up by its SHA-256, so that time tells
    /// nothing about it.
    ///
    /// # Errors
    /// As [`HeldLeases::hold`] says; [`Refusal::Unavailable`] also when STS does not give any.
    pub async fn trade(&self, proof: Proof<'_>, now: Timestamp) -> Result<Traded, Refusal> {
        let lease = self.leases.hold(proof, now).await?;
        let call = self.client.assume_role().role_arn(&self.role).policy(&self.policy);
        let call = call.role_session_name(session_name(&lease.workspace));
        let call = call.duration_seconds(i32::try_from(LIFE.as_secs()).unwrap_or(i32::MAX));
        let given = call.send().await.map_err(|error| fault(SERVICE, &error));
        given.and_then(|given| traded(lease, given)).map_err(|fault| {
            tracing::error!(%fault, "no credentials for a lease that is good");
            Refusal::Unavailable(fault)
        })
    }
}

fn traded(lease: Lease, given: AssumeRoleOutput) -> Result<Traded, Fault> {
    let odd = |words: &str| Fault::Nonsense { service: SERVICE, words: words.to_owned() };
    let given = given.credentials.ok_or_else(|| odd("an answer without credentials"))?;
    let expires = Timestamp::from_second(given.expiration.secs());
    Ok(Traded {
        lease,
        access_key: given.access_key_id,
        secret_key: Secret::new(given.secret_access_key),
        session: Secret::new(given.session_token),
        expires: expires.map_err(|_| odd("credentials without an end"))?,
    })
}
