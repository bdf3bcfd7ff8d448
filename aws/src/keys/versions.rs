//! The versions of the pool's secret: the one that is in force, and the exchange of it for another
//! if nobody else has exchanged it meanwhile.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_smithy_runtime_api::http::Response;
use events::Secret;
use events::pool::Pool;
use ports::Fault;
use ports::keys::SERVICE;
use sha2::{Digest, Sha256};

use crate::Environment;
use crate::error::{Said, fault};

/// The label of the version that is in force.
const CURRENT: &str = "AWSCURRENT";
/// The label of a version on its way. Left on one that never came into force it does no harm: the
/// next change takes it along.
const PENDING: &str = "AWSPENDING";

/// The secret.
pub(super) struct Versions {
    client: Client,
    secret: String,
}

/// The pool as it was read. No `Debug`: it holds keys.
pub(super) struct Read {
    pub(super) pool: Pool,
    /// The version that it was; `None` when the secret has no value yet.
    version: Option<String>,
}

/// Where AWSCURRENT is after an exchange.
pub(super) enum Moved {
    /// At the new version.
    Here,
    /// Somebody else's exchange came first.
    Elsewhere,
}

impl Versions {
    pub(super) fn of(client: Client, environment: &Environment) -> Self {
        Self { client, secret: environment.pool_secret() }
    }

    /// The pool that is in force. A secret without a value is a pool without keys; no secret at all
    /// is a fault.
    pub(super) async fn read(&self) -> Result<Read, Fault> {
        let call = self.client.get_secret_value().secret_id(&self.secret).version_stage(CURRENT);
        let got = match call.send().await {
            Ok(got) => got,
            Err(error) if has_no_value(&error) => {
                return Ok(Read { pool: Pool::empty(), version: None });
            }
            Err(error) => return Err(sorted(&error)),
        };
        let words = || "the secret has no text".to_owned();
        let text = got.secret_string.map(Secret::new);
        let text = text.ok_or_else(|| Fault::Nonsense { service: SERVICE, words: words() })?;
        Ok(Read { pool: Pool::parse(text.expose())?, version: got.version_id })
    }

    /// Puts the text into force in the place of what was read.
    pub(super) async fn replace(&self, read: &Read, text: &Secret) -> Result<Moved, Fault> {
        let token = version_for(read.version.as_deref(), text);
        // The same token with the same text is the same version, however often it is put.
        let put = self.client.put_secret_value().secret_id(&self.secret);
        let put = put.client_request_token(&token).secret_string(text.expose());
        put.version_stages(PENDING).send().await.map_err(|error| sorted(&error))?;
        let to = self.client.update_secret_version_stage().secret_id(&self.secret);
        let to = to.version_stage(CURRENT).move_to_version_id(&token);
        let moved = to.set_remove_from_version_id(read.version.clone()).send().await;
        let error = match moved {
            Ok(_) => return Ok(Moved::Here),
            Err(error) => error,
        };
        match Said::of(&error) {
            // AWSCURRENT is not where it was read. It may be where we wanted it: the answer to the
            // first of two tries may have been lost.
            Some(said) if said.code == "InvalidParameterException" => {
                let now = self.read().await?.version;
                Ok(if now.as_ref() == Some(&token) { Moved::Here } else { Moved::Elsewhere })
            }
            Some(said) => Err(meaning(said)),
            None => Err(fault(SERVICE, &error)),
        }
    }
}

/// The new version's id, which is also the idempotency token: 32 to 64 characters
/// (API_PutSecretValue.html, ClientRequestToken). It follows from what was read and what comes of
/// it, so that the same change made again is the same version, and nobody can tell a key from it.
fn version_for(read: Option<&str>, text: &Secret) -> String {
    let mut hash = Sha256::new();
    hash.update(read.unwrap_or_default());
    hash.update(b"/");
    hash.update(text.expose());
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether the secret is there and nothing was ever put into it.
fn has_no_value<R>(error: &SdkError<GetSecretValueError, R>) -> bool {
    let said = error.as_service_error().filter(|said| said.is_resource_not_found_exception());
    let words = said.and_then(ProvideErrorMetadata::message).unwrap_or_default();
    words.contains("staging label")
}

fn sorted<E: ProvideErrorMetadata>(error: &SdkError<E, Response>) -> Fault {
    Said::of(error).map_or_else(|| fault(SERVICE, error), meaning)
}

/// What Secrets Manager alone says; the rest means what it means everywhere.
fn meaning(said: Said) -> Fault {
    match said.code.as_str() {
        // Its own trouble; too many versions in too short a time, which pass after a day.
        "InternalServiceError" | "InternalServiceErrorException" => {
            Fault::unavailable(SERVICE, said.words)
        }
        "LimitExceededException" => Fault::Throttled { service: SERVICE, after: said.after },
        // Credentials or permissions that are on their way, or over: what was read before is good
        // until then, and who asks again may be told.
        "AccessDeniedException"
        | "ExpiredTokenException"
        | "UnrecognizedClientException"
        | "DecryptionFailure" => {
            Fault::unavailable(SERVICE, format!("{}: {}", said.code, said.words))
        }
        _ => said.fault(SERVICE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_follows_from_what_was_read_and_what_came_of_it() {
        let token = |read, text: &str| version_for(read, &Secret::new(text));
        assert_eq!(token(Some("a"), "x"), token(Some("a"), "x"));
        assert_eq!(token(Some("a"), "x").len(), 64);
        let different = [token(None, "x"), token(Some("a"), "x"), token(Some("b"), "x")];
        assert!(different[0] != different[1] && different[1] != different[2]);
        assert_ne!(token(Some("a"), "x"), token(Some("a"), "y"));
    }

    #[test]
    fn what_passes_by_itself_is_asked_again_and_a_broken_request_is_not() {
        let fault =
            |code: &str| meaning(Said { code: code.to_owned(), status: 400, ..Said::default() });
        assert!(matches!(fault("InternalServiceError"), Fault::Unavailable { .. }));
        assert!(matches!(fault("ThrottlingException"), Fault::Throttled { .. }));
        assert!(matches!(fault("LimitExceededException"), Fault::Throttled { .. }));
        assert!(matches!(fault("AccessDeniedException"), Fault::Unavailable { .. }));
        assert!(matches!(fault("ResourceNotFoundException"), Fault::Nonsense { .. }));
    }
}
