//! Usage on its way from a sidecar to the ledger: a message of SQS for each batch, whose body is the
//! JSON list of its records. Here is the receiving half, pure; the sending half is [`SqsUsage`].
//!
//! Nobody can send in another's name: STS calls each session by its workspace, and SQS tells by its
//! own word (`SenderId`, not a field of the message) which session sent it. The queue's policy lets
//! nobody send but sidecars' role.

#[cfg(feature = "sqs")]
mod sqs;

use events::{Envelope, Event, WorkspaceId};
use thiserror::Error;

#[cfg(feature = "sqs")]
pub use sqs::SqsUsage;

use crate::broker::policy::workspace_of;

/// Why a batch is not counted. It never will be: it is set aside.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// It was not sent by a session of a workspace.
    #[error("it was sent by {0:?}, which is no session of a workspace")]
    NoSession(String),
    /// It is no list of facts.
    #[error("it is no batch of usage: {0}")]
    Unreadable(String),
    /// There is something else than usage in it.
    #[error("it holds something else than usage")]
    NotUsage,
    /// There is another's usage in it.
    #[error("a session of {sender} sent usage of {subject}")]
    Foreign {
        /// Who sent it.
        sender: WorkspaceId,
        /// Whose usage it is said to be.
        subject: WorkspaceId,
    },
}

/// The records of a batch, if every one of them is of the workspace whose session sent it.
/// `sender_id` is SQS's `SenderId`: of a role's session `AROA…:session`
/// (AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html).
///
/// # Errors
/// Why it is not counted.
pub fn accept(body: &str, sender_id: &str) -> Result<Vec<Envelope>, Refused> {
    let session = sender_id.split_once(':').map(|(_role, session)| session);
    let sender = session.and_then(workspace_of);
    let sender = sender.ok_or_else(|| Refused::NoSession(sender_id.to_owned()))?;
    let batch: Vec<Envelope> =
        serde_json::from_str(body).map_err(|error| Refused::Unreadable(error.to_string()))?;
    for envelope in &batch {
        match (&envelope.event, &envelope.subject) {
            (Event::UsageRecorded(_), Some(subject)) if *subject == sender => {}
            (Event::UsageRecorded(_), Some(subject)) => {
                return Err(Refused::Foreign { sender, subject: subject.clone() });
            }
            _ => return Err(Refused::NotUsage),
        }
    }
    Ok(batch)
}

#[cfg(test)]
mod tests;
