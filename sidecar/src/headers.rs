//! Which headers pass, in both directions: allow lists, so that a header nobody thought of stays
//! out. Never a credential, a cookie, a forwarding header, or a framing header.

use http::header::{ACCEPT_ENCODING, AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue};
use ports::PoolKey;

use crate::betas::{self, CONTEXT_1M};
use crate::credential;
use crate::providers::Auth;

/// What a client may tell a provider, besides the betas of Anthropic. `session_id`,
/// `conversation_id` and `x-grok-conv-id` lead a conversation back to its prompt cache.
const REQUEST: [&str; 12] = [
    "accept",
    "anthropic-version",
    "content-type",
    "conversation_id",
    "openai-beta",
    "originator",
    "session_id",
    "user-agent",
    "x-amzn-bedrock-accept",
    "x-amzn-bedrock-performanceconfig-latency",
    "x-amzn-bedrock-service-tier",
    "x-grok-conv-id",
];
/// How many headers a request to a provider usually has, so that room is made for them once.
const USUAL_COUNT: usize = 12;
const BETA: HeaderName = HeaderName::from_static("anthropic-beta");
/// Tells the client that a beta it asked for was left out, as the pool's key does not have it.
const DOWNGRADE: &str = "x-teamclaw-downgrade";

/// Where clients put their key, besides `authorization`.
const TOKEN: [&str; 3] = ["x-api-key", "x-goog-api-key", "api-key"];

/// What a provider may tell a client. Organisation and project names are not in it: they are the
/// pool's business.
const RESPONSE: [&str; 11] = [
    "apim-request-id",
    "content-encoding",
    "content-type",
    "openai-processing-ms",
    "request-id",
    "retry-after",
    "retry-after-ms",
    "x-amzn-errortype",
    "x-amzn-requestid",
    "x-request-id",
    "x-should-retry",
];
const RESPONSE_PREFIXES: [&str; 5] = [
    "anthropic-ratelimit-",
    "ratelimitbysize-",
    "x-amzn-bedrock-",
    "x-ratelimit-",
    "x-ratelimitbysize-",
];

/// The headers of the request to a provider. `None` when the key cannot be a header's value.
pub(crate) fn for_provider(client: &HeaderMap, auth: Auth, key: &PoolKey) -> Option<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(USUAL_COUNT);
    for (name, value) in client {
        if REQUEST.contains(&name.as_str()) {
            headers.append(name.clone(), value.clone());
        }
    }
    // A compressed answer would hide its usage.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let secret = key.secret.expose();
    let form = credential::form(auth, secret);
    let betas = betas::governed(asked_betas(client), form == Auth::AnthropicToken);
    if !betas.is_empty() {
        headers.insert(BETA, HeaderValue::try_from(betas.join(",")).ok()?);
    }
    credential::put(&mut headers, form, secret)?;
    Some(headers)
}

fn asked_betas(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.get_all(BETA).iter().filter_map(|value| value.to_str().ok())
}

/// Whether the client asked for the long context and the key at hand has none.
pub(crate) fn downgraded(client: &HeaderMap, sent: &HeaderMap) -> bool {
    let has = |headers| asked_betas(headers).any(|betas| betas.contains(CONTEXT_1M));
    has(client) && !has(sent)
}

/// Tells the client so.
pub(crate) fn tell_downgrade(answer: &mut HeaderMap) {
    answer.insert(DOWNGRADE, HeaderValue::from_static("oauth-no-1m"));
}

/// The headers of the answer to the client; none that the provider put the key into.
pub(crate) fn for_client(provider: &HeaderMap, key: &PoolKey) -> HeaderMap {
    let passes = |name: &str| {
        RESPONSE.contains(&name) || RESPONSE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    };
    let mut headers = HeaderMap::new();
    for (name, value) in provider {
        if passes(name.as_str()) && !credential::is_in(value.as_bytes(), key) {
            headers.append(name.clone(), value.clone());
        }
    }
    headers
}

/// The workspace's token, wherever the provider's own client puts its key; `in_query` is what the
/// query says. `None` when there is none, or when two places disagree.
pub(crate) fn token<'a>(headers: &'a HeaderMap, in_query: Option<&'a str>) -> Option<&'a str> {
    let mut found = in_query;
    for (name, value) in headers {
        let is_bearer = name == AUTHORIZATION;
        if !is_bearer && !TOKEN.contains(&name.as_str()) {
            continue;
        }
        let text = value.to_str().ok()?;
        let text = if is_bearer { bearer(text)? } else { text };
        if found.is_some_and(|earlier| earlier != text) {
            return None;
        }
        found = Some(text);
    }
    found.filter(|token| !token.is_empty())
}

fn bearer(text: &str) -> Option<&str> {
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn a_token_is_taken_from_any_clients_place_and_two_must_agree() {
        assert_eq!(token(&map(&[("x-api-key", "t")]), None), Some("t"));
        assert_eq!(token(&map(&[("x-goog-api-key", "t")]), None), Some("t"));
        assert_eq!(token(&map(&[("api-key", "t")]), None), Some("t"));
        assert_eq!(token(&map(&[]), Some("t")), Some("t"));
        assert_eq!(token(&map(&[("x-goog-api-key", "t")]), Some("u")), None);
        assert_eq!(token(&map(&[("authorization", "bearer t")]), None), Some("t"));
        assert_eq!(
            token(&map(&[("authorization", "Bearer t"), ("x-api-key", "t")]), None),
            Some("t")
        );
        assert_eq!(token(&map(&[("authorization", "Bearer t"), ("x-api-key", "u")]), None), None);
        assert_eq!(token(&map(&[("x-api-key", "t"), ("x-api-key", "u")]), None), None);
        assert_eq!(token(&map(&[("authorization", "Basic t")]), None), None);
        assert_eq!(token(&map(&[("x-api-key", "")]), None), None);
        assert_eq!(token(&map(&[]), None), None);
    }

    #[test]
    fn only_listed_headers_reach_the_provider() {
        let client = map(&[
            ("x-api-key", "token"),
            ("authorization", "Bearer token"),
            ("cookie", "a=b"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-goog-api-key", "token"),
            ("api-key", "token"),
            ("anthropic-beta", "files-api-2025-04-14"),
            ("openai-organization", "org-1"),
            ("connection", "x-api-key"),
            ("te", "trailers"),
            ("accept-encoding", "gzip"),
            ("anthropic-version", "2023-06-01"),
        ]);
        let key = PoolKey::new(events::Secret::new("sk-1"));
        let headers = for_provider(&client, Auth::XApiKey, &key).expect("a good key");
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept-encoding", "anthropic-version", "x-api-key"]);
        assert_eq!(headers["x-api-key"], "sk-1");
        assert_eq!(headers["accept-encoding"], "identity");
    }

    #[test]
    fn a_long_context_that_the_key_does_not_have_is_told() {
        let client = map(&[("anthropic-beta", "context-1m-2025-08-07,effort-2025-11-24")]);
        for (secret, told) in [("sk-ant-api-1", false), ("sk-ant-oat-1", true)] {
            let secret = events::Secret::new(secret);
            let key = PoolKey::new(secret);
            let sent = for_provider(&client, Auth::XApiKey, &key).expect("a good key");
            assert!(sent[BETA].to_str().expect("text").contains("effort-2025-11-24"));
            assert_eq!(downgraded(&client, &sent), told, "{told}");
            assert!(!downgraded(&HeaderMap::new(), &sent));
        }
    }

    #[test]
    fn a_key_with_a_line_break_is_no_header() {
        let key = PoolKey::new(events::Secret::new("sk\r\nx: y"));
        assert!(for_provider(&HeaderMap::new(), Auth::Bearer, &key).is_none());
    }

    #[test]
    fn only_listed_headers_reach_the_client() {
        let provider = map(&[
            ("content-type", "text/event-stream"),
            ("set-cookie", "a=b"),
            ("location", "https://evil.example"),
            ("openai-organization", "acme"),
            ("anthropic-organization-id", "acme"),
            ("x-ratelimit-remaining-tokens", "1"),
            ("strict-transport-security", "x"),
            ("x-request-id", "of sk-1"),
        ]);
        let key = PoolKey::new(events::Secret::new("sk-1"));
        let headers = for_client(&provider, &key);
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-type", "x-ratelimit-remaining-tokens"]);
    }
}
