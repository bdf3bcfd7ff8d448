//! Headers, one a line, the first line of them a provider: only listed ones pass, with the pool's key in
//! one place and the token in none; and none with the key in it comes back.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::fuzzing;

/// A key of every form: no API key of Anthropic's, and a ChatGPT token that names its account.
const KEY: &str =
    "k.eyJodHRwczovL2FwaS5vcGVuYWkuY29tL2F1dGgiOnsiY2hhdGdwdF9hY2NvdW50X2lkIjoiYWNjLTEifX0.s";
const CREDENTIALS: [&str; 4] = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];
const LISTED: [&str; 15] = [
    "accept",
    "accept-encoding",
    "anthropic-beta",
    "anthropic-version",
    "chatgpt-account-id",
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

/// Checks one input.
pub fn check(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(100) {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default().trim_ascii();
        let value = HeaderValue::from_bytes(value);
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&line[..colon]), value) {
            headers.append(name, value);
        }
    }
    let token = fuzzing::token(&headers);
    if let Some(token) = &token {
        let among = |name| {
            headers
                .get_all(name)
                .iter()
                .any(|v| v.to_str().is_ok_and(|v| v.contains(token.as_str())))
        };
        assert!(CREDENTIALS.into_iter().any(among), "a token from nowhere");
    }
    for id in fuzzing::providers() {
        let sent = fuzzing::to_provider(&headers, id, KEY).expect("a good key");
        let put: Vec<_> = CREDENTIALS.iter().flat_map(|name| sent.get_all(*name)).collect();
        assert_eq!(put.len(), 1, "{id}");
        let told = put[0].to_str().expect("text");
        assert_eq!(told.trim_start_matches("Bearer "), KEY, "{id}");
        for name in sent.keys() {
            let name = name.as_str();
            assert!(LISTED.contains(&name) || CREDENTIALS.contains(&name), "{id} {name}");
        }
        assert_eq!(sent.get("chatgpt-account-id").is_some(), id == "openai-codex", "{id}");
        assert_eq!(sent.get_all("accept-encoding").iter().count(), 1, "{id}");
    }
    let secret = token.as_deref().filter(|token| token.len() > 3).unwrap_or(KEY);
    for (name, value) in &fuzzing::to_client(&headers, secret) {
        assert!(!CREDENTIALS.contains(&name.as_str()) && name != "set-cookie", "{name}");
        let found = value.as_bytes().windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!found, "{name} holds the key");
    }
}
