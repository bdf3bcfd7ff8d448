//! What an account may have, as Service Quotas says it.

use aws_sdk_servicequotas::Client;
use ports::Fault;

use crate::error::{Said, fault};

/// The service, as an operator knows it.
const SERVICE: &str = "Service Quotas";
/// A quota that nobody ever changed in this account has no applied value; so the code also says when
/// the quota itself is unknown (servicequotas API reference, `GetServiceQuota`).
const NONE: &str = "NoSuchResourceException";

/// The quotas of one account and region.
pub struct Quotas {
    client: Client,
}

impl Quotas {
    /// Those of the client's region. IAM's are answered in us-east-1 alone.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The value in force: the account's own, else AWS's default; none where there is no such quota.
    ///
    /// # Errors
    /// Service Quotas does not answer, or the credentials may not ask.
    pub async fn value(&self, service: &str, code: &str) -> Result<Option<f64>, Fault> {
        let asked = self.client.get_service_quota().service_code(service).quota_code(code);
        match asked.send().await {
            Ok(answer) => return Ok(answer.quota().and_then(|quota| quota.value())),
            Err(error) if !is_none(Said::of(&error).as_ref()) => {
                return Err(fault(SERVICE, &error));
            }
            Err(_) => {}
        }
        let asked =
            self.client.get_aws_default_service_quota().service_code(service).quota_code(code);
        match asked.send().await {
            Ok(answer) => Ok(answer.quota().and_then(|quota| quota.value())),
            Err(error) if is_none(Said::of(&error).as_ref()) => Ok(None),
            Err(error) => Err(fault(SERVICE, &error)),
        }
    }
}

fn is_none(said: Option<&Said>) -> bool {
    said.is_some_and(|said| said.code == NONE)
}

#[cfg(test)]
mod tests {
    use replay::Replay;

    use super::*;

    /// Quotas whose calls are answered so, one after the other.
    fn answered(answers: &[(u16, &'static str)]) -> Quotas {
        Quotas::new(Client::new(&Replay::new(answers.iter().copied()).config()))
    }

    const ABSENT: (u16, &str) =
        (400, r#"{"__type":"NoSuchResourceException","Message":"no such quota"}"#);
    const SIX: (u16, &str) = (200, r#"{"Quota":{"QuotaCode":"L-3032A538","Value":6.0}}"#);

    #[tokio::test]
    async fn the_accounts_own_value_counts_then_the_default_then_nothing() {
        let value = async |answers: &[(u16, &'static str)]| {
            answered(answers).value("fargate", "L-3032A538").await
        };
        assert_eq!(value(&[SIX]).await.expect("a value"), Some(6.0));
        assert_eq!(value(&[ABSENT, SIX]).await.expect("a value"), Some(6.0));
        assert_eq!(value(&[ABSENT, ABSENT]).await.expect("an answer"), None);
        let denied = (400, r#"{"__type":"AccessDeniedException","Message":"not yours"}"#);
        assert!(matches!(value(&[denied]).await, Err(Fault::Nonsense { .. })));
        assert!(matches!(value(&[ABSENT, denied]).await, Err(Fault::Nonsense { .. })));
    }

    #[test]
    fn a_quota_that_nobody_changed_is_told_from_one_that_may_not_be_read() {
        let said = |code: &str| Said { code: code.to_owned(), status: 400, ..Said::default() };
        assert!(is_none(Some(&said("NoSuchResourceException"))));
        assert!(!is_none(Some(&said("AccessDeniedException"))));
        assert!(!is_none(None), "silence says nothing");
    }
}
