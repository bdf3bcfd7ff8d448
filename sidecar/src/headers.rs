//! Which headers pass, in both directions: allow lists, so that a header nobody thought of stays
//! out. Never a credential, a cookie, a forwarding header, or a framing header.

use http::header::{ACCEPT_ENCODING, AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue};
use ports::PoolKey;

use crate::providers::Auth;

/// What a client may tell a provider.
const REQUEST: [&str; 6] =
    ["accept", "anthropic-beta", "anthropic-version", "content-type", "openai-beta", "user-agent"];

/// What a provider may tell a client. Organisation and project names are not in it: they are the
/// pool's business.
const RESPONSE: [&str; 8] = [
    "content-encoding",
    "content-type",
    "openai-processing-ms",
    "request-id",
    "retry-after",
    "retry-after-ms",
    "x-request-id",
    "x-should-retry",
];
const RESPONSE_PREFIXES: [&str; 2] = ["anthropic-ratelimit-", "x-ratelimit-"];

/// The headers of the request to a provider. `None` when the key cannot be a header's value.
pub(crate) fn for_provider(client: &HeaderMap, auth: Auth, key: &PoolKey) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for name in REQUEST {
        for value in client.get_all(name) {
            headers.append(HeaderName::from_static(name), value.clone());
        }
    }
    // A compressed answer would hide its usage.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let secret = key.secret.expose();
    let (name, text) = match auth {
        Auth::XApiKey => (HeaderName::from_static("x-api-key"), secret.to_owned()),
        Auth::Bearer => (AUTHORIZATION, format!("Bearer {secret}")),
    };
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Some(headers)
}

/// The headers of the answer to the client.
pub(crate) fn for_client(provider: &HeaderMap) -> HeaderMap {
    let passes = |name: &str| {
        RESPONSE.contains(&name) || RESPONSE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    };
    let mut headers = HeaderMap::new();
    for (name, value) in provider {
        if passes(name.as_str()) {
            headers.append(name.clone(), value.clone());
        }
    }
    headers
}

/// The workspace's token, wherever the provider's own client puts its key. `None` when there is
/// none, or when two places disagree.
pub(crate) fn token(headers: &HeaderMap) -> Option<&str> {
    let mut found = None;
    for name in ["x-api-key", "x-goog-api-key", "authorization"] {
        for value in headers.get_all(name) {
            let text = value.to_str().ok()?;
            let text = if name == "authorization" { bearer(text)? } else { text };
            if found.is_some_and(|earlier| earlier != text) {
                return None;
            }
            found = Some(text);
        }
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
        assert_eq!(token(&map(&[("x-api-key", "t")])), Some("t"));
        assert_eq!(token(&map(&[("x-goog-api-key", "t")])), Some("t"));
        assert_eq!(token(&map(&[("authorization", "bearer t")])), Some("t"));
        assert_eq!(token(&map(&[("authorization", "Bearer t"), ("x-api-key", "t")])), Some("t"));
        assert_eq!(token(&map(&[("authorization", "Bearer t"), ("x-api-key", "u")])), None);
        assert_eq!(token(&map(&[("x-api-key", "t"), ("x-api-key", "u")])), None);
        assert_eq!(token(&map(&[("authorization", "Basic t")])), None);
        assert_eq!(token(&map(&[("x-api-key", "")])), None);
        assert_eq!(token(&map(&[])), None);
    }

    #[test]
    fn only_listed_headers_reach_the_provider() {
        let client = map(&[
            ("x-api-key", "token"),
            ("authorization", "Bearer token"),
            ("cookie", "a=b"),
            ("x-forwarded-for", "1.2.3.4"),
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
        ]);
        let headers = for_client(&provider);
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-type", "x-ratelimit-remaining-tokens"]);
    }
}
