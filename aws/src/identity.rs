//! Who the credentials at hand are.

use aws_sdk_sts::Client;
use ports::Fault;

use crate::error::fault;

/// An account and a role or user in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Twelve digits.
    pub account: String,
    /// Who, as an ARN.
    pub arn: String,
}

/// Asks STS, which every identity may (STS API reference, `GetCallerIdentity`).
///
/// # Errors
/// There are no credentials, they are no longer valid, or STS does not answer.
pub async fn identity(client: &Client) -> Result<Identity, Fault> {
    let answer = client.get_caller_identity().send().await;
    let answer = answer.map_err(|error| fault("STS", &error))?;
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Ok(Identity { account: text(answer.account()), arn: text(answer.arn()) })
}
