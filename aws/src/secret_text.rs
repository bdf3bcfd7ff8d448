//! A secret's text from Secrets Manager, for roots that need one as they start. Says nothing of it.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use events::Secret;
use ports::Fault;

use crate::error::fault;

/// As an operator knows it.
const SERVICE: &str = "Secrets Manager";

/// A secret that is there and has a text.
///
/// # Errors
/// What the service said; [`Fault::Nonsense`] when the text is empty.
pub async fn needed(client: &Client, name: &str) -> Result<Secret, Fault> {
    let empty = || Fault::Nonsense { service: SERVICE, words: format!("{name} is empty") };
    read(client, name, None).await?.ok_or_else(empty)
}

/// The version of a secret with this label; `None` when no version has it, or it has no text.
///
/// # Errors
/// What the service said.
pub async fn labelled(client: &Client, name: &str, label: &str) -> Result<Option<Secret>, Fault> {
    read(client, name, Some(label)).await
}

async fn read(client: &Client, name: &str, label: Option<&str>) -> Result<Option<Secret>, Fault> {
    let call = client.get_secret_value().secret_id(name);
    match call.set_version_stage(label.map(str::to_owned)).send().await {
        Ok(told) => Ok(told.secret_string.filter(|text| !text.is_empty()).map(Secret::new)),
        Err(error) => {
            let missing = error
                .as_service_error()
                .is_some_and(GetSecretValueError::is_resource_not_found_exception);
            if missing && label.is_some() { Ok(None) } else { Err(fault(SERVICE, &error)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_secretsmanager::Config;
    use aws_sdk_secretsmanager::config::retry::RetryConfig;
    use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region};
    use replay::Replay;

    use super::*;

    fn answering(answer: (u16, &'static str)) -> Client {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::for_tests())
            .retry_config(RetryConfig::disabled())
            .http_client(Replay::new([answer]));
        Client::from_conf(config.build())
    }

    const TEXT: (u16, &str) = (200, r#"{"SecretString":"s"}"#);
    const EMPTY: (u16, &str) = (200, r#"{"SecretString":""}"#);
    const BINARY: (u16, &str) = (200, r#"{"SecretBinary":"AAAA"}"#);
    const MISSING: (u16, &str) = (
        400,
        r#"{"__type":"ResourceNotFoundException","Message":"can't find the specified secret value"}"#,
    );
    const DENIED: (u16, &str) = (400, r#"{"__type":"AccessDeniedException","Message":"no"}"#);

    #[tokio::test]
    async fn a_secret_that_is_needed_is_there_and_has_a_text() {
        assert!(needed(&answering(TEXT), "name").await.expect("a text").matches("s"));
        for bad in [EMPTY, BINARY, MISSING, DENIED] {
            assert!(needed(&answering(bad), "name").await.is_err(), "{bad:?}");
        }
    }

    #[tokio::test]
    async fn a_label_that_no_version_has_is_nothing_and_what_cannot_be_told_is_a_fault() {
        for (answer, there) in [(TEXT, true), (EMPTY, false), (BINARY, false), (MISSING, false)] {
            let found = labelled(&answering(answer), "name", "NEW").await.expect("an answer");
            assert_eq!(found.is_some(), there, "{answer:?}");
        }
        assert!(labelled(&answering(DENIED), "name", "NEW").await.is_err());
    }
}
