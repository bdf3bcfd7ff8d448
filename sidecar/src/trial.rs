//! Whether a provider takes a key, before the pool has it: one cheap question with that key, which
//! bills nothing. It is asked over the connections that requests use, at the place where requests go,
//! and no key is sent on to where an answer points.

use std::time::Duration;

use bytes::Bytes;
use events::{ProviderId, Secret};
use http::header::{ACCEPT, ACCEPT_ENCODING, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use ports::{Fault, Trial, Tried, async_trait};
use tokio::time::timeout;

use crate::body::{Out, full};
use crate::config::place;
use crate::credential;
use crate::pool::Outcome;
use crate::providers::Provider;
use crate::proxy::Sidecar;

/// The provider as an operator knows it; which one stands in the words.
const SERVICE: &str = "the provider";
/// How long an answer may take: less than a step of a rotation.
const ANSWER_MAX: Duration = Duration::from_secs(15);
/// How much of an error is read: they are under 4 KiB.
const ERROR_LENGTH_MAX: usize = 64 * 1024;
/// How a trial names itself. Some providers refuse who does not.
const AGENT: HeaderValue = HeaderValue::from_static("teamclaw");

#[async_trait]
impl Trial for Sidecar {
    async fn try_key(&self, provider: &ProviderId, key: &Secret) -> Result<Tried, Fault> {
        let Some(provider) = self.upstreams.providers.find(provider.as_str()) else {
            return Ok(Tried::Unasked);
        };
        let Some(request) = question(provider, key) else { return Ok(Tried::Unasked) };
        let Some(request) = request else {
            // It cannot even be a header: no better than one that the provider does not know.
            return Ok(Tried::Refused(StatusCode::UNAUTHORIZED.as_u16()));
        };
        let late = |_| Fault::unavailable(SERVICE, format!("{} did not answer", provider.id));
        let asked = timeout(ANSWER_MAX, self.upstream.send(request)).await.map_err(late)?;
        let answer = asked.map_err(|error| Fault::unavailable(SERVICE, error))?;
        let (head, body) = answer.into_parts();
        let whole = timeout(ANSWER_MAX, Limited::new(body, ERROR_LENGTH_MAX).collect()).await;
        let whole = whole.ok().and_then(Result::ok).map(|whole| whole.to_bytes());
        verdict(&provider.id, head.status, &head.headers, whole.as_deref())
    }
}

/// What to ask. `None`: nothing; `Some(None)`: the key cannot be sent.
fn question(provider: &Provider, key: &Secret) -> Option<Option<Request<Out>>> {
    let (path, query) = provider.trial()?.split_once('?').map_or_else(
        || (provider.trial().unwrap_or_default(), None),
        |(path, query)| (path, Some(query)),
    );
    let uri = place(provider.base.as_deref()?, path, query)?;
    let mut headers = HeaderMap::new();
    let form = credential::form(provider.auth(), key.expose());
    if credential::put(&mut headers, form, key.expose()).is_none() {
        return Some(None);
    }
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(USER_AGENT, AGENT);
    let mut request = Request::new(full(Bytes::new()));
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Some(Some(request))
}

/// What an answer says of the key.
fn verdict(
    provider: &str,
    status: StatusCode,
    headers: &HeaderMap,
    body: Option<&[u8]>,
) -> Result<Tried, Fault> {
    match Outcome::of(status, body) {
        Outcome::Worked => Ok(Tried::Taken),
        Outcome::Refused(_) => Ok(Tried::Refused(status.as_u16())),
        Outcome::Limited => {
            let told = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            let after = told.and_then(|text| text.parse().ok()).map(Duration::from_secs);
            Err(Fault::Throttled { service: SERVICE, after })
        }
        Outcome::Nothing if status.is_server_error() => {
            Err(Fault::unavailable(SERVICE, format!("{provider} answered {status}")))
        }
        // A gateway of the company's own need not list models: it says nothing of the key.
        Outcome::Nothing => Ok(Tried::Unasked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::Registry;

    fn said(status: u16, body: &str) -> Result<Tried, &'static str> {
        let status = StatusCode::from_u16(status).expect("a status");
        let verdict = verdict("acme", status, &HeaderMap::new(), Some(body.as_bytes()));
        verdict.map_err(|fault| {
            let throttled = matches!(fault, Fault::Throttled { .. });
            let unavailable = matches!(fault, Fault::Unavailable { .. });
            if throttled {
                "throttled"
            } else if unavailable {
                "unavailable"
            } else {
                "another"
            }
        })
    }

    #[test]
    fn a_key_is_refused_only_when_the_provider_says_so_of_the_key() {
        let invalid = r#"{"error":{"details":[{"reason":"API_KEY_INVALID"}]}}"#;
        let table = [
            (200, "{}", Ok(Tried::Taken)),
            (401, "", Ok(Tried::Refused(401))),
            (402, "", Ok(Tried::Refused(402))),
            (403, "", Ok(Tried::Refused(403))),
            (400, invalid, Ok(Tried::Refused(400))),
            (400, "{}", Ok(Tried::Unasked)),
            (301, "", Ok(Tried::Unasked)),
            (404, "", Ok(Tried::Unasked)),
            (429, "", Err("throttled")),
            (500, "", Err("unavailable")),
            (529, "", Err("unavailable")),
        ];
        for (status, body, expected) in table {
            assert_eq!(said(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn the_question_goes_where_requests_go_with_the_key_in_its_place() {
        let registry = Registry::of_table();
        let ask = |id: &str, key: &str| {
            let provider = registry.find(id).expect("in the table");
            question(provider, &Secret::new(key))
        };
        let asked = ask("anthropic", "sk-1").flatten().expect("a question");
        assert_eq!(asked.uri(), "https://api.anthropic.com/v1/models?limit=1");
        assert_eq!(asked.headers()["x-api-key"], "sk-1");
        let asked = ask("openrouter", "sk-1").flatten().expect("a question");
        assert_eq!(asked.uri(), "https://openrouter.ai/api/v1/key");
        assert_eq!(asked.headers()["authorization"], "Bearer sk-1");
        assert!(ask("anthropic", "two\nlines").expect("a question").is_none());
        assert!(ask("vertex", "sk-1").is_none() && ask("azure-openai", "sk-1").is_none());
    }
}
