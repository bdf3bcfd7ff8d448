//! How a pooled key is put into a request: the header of its provider, and what that provider
//! demands besides of such a key.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use ports::PoolKey;
use serde_json::Value;

use crate::base64;
use crate::providers::Auth;

/// How Anthropic's OAuth tokens begin; they are no API keys, wherever the pool keeps them.
const ANTHROPIC_OAUTH_PREFIX: &str = "sk-ant-oat";
/// The version of Anthropic's API for clients that name none
/// (platform.claude.com/docs/en/api/versioning).
const ANTHROPIC_VERSION: &str = "2023-06-01";
/// Where a ChatGPT token holds its account.
const CHATGPT_CLAIM: &str = "https://api.openai.com/auth";

/// The form of a key: what the provider takes, but for OAuth tokens among Anthropic's keys.
pub(crate) fn form(auth: Auth, secret: &str) -> Auth {
    if auth == Auth::XApiKey && secret.starts_with(ANTHROPIC_OAUTH_PREFIX) {
        return Auth::AnthropicToken;
    }
    auth
}

/// Puts a key of this form into a request's headers. `None` when it cannot be a header's value, or
/// is no token of its form.
pub(crate) fn put(headers: &mut HeaderMap, form: Auth, secret: &str) -> Option<()> {
    let name = match form {
        Auth::XApiKey => HeaderName::from_static("x-api-key"),
        Auth::XGoogApiKey => HeaderName::from_static("x-goog-api-key"),
        Auth::ApiKey => HeaderName::from_static("api-key"),
        Auth::Bearer | Auth::AnthropicToken | Auth::ChatGptToken => AUTHORIZATION,
    };
    let text = if name == AUTHORIZATION { ["Bearer ", secret].concat() } else { secret.to_owned() };
    headers.insert(name, sensitive(text)?);
    match form {
        Auth::XApiKey | Auth::AnthropicToken => {
            let version = HeaderValue::from_static(ANTHROPIC_VERSION);
            headers.entry("anthropic-version").or_insert(version);
        }
        Auth::ChatGptToken => {
            headers.insert("chatgpt-account-id", sensitive(chatgpt_account(secret)?)?);
        }
        Auth::Bearer | Auth::XGoogApiKey | Auth::ApiKey => {}
    }
    Some(())
}

/// Whether these bytes hold the key.
pub(crate) fn is_in(bytes: &[u8], key: &PoolKey) -> bool {
    let secret = key.secret.expose().as_bytes();
    !secret.is_empty() && memchr::memmem::find(bytes, secret).is_some()
}

fn sensitive(text: String) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The account in a ChatGPT token. It is only read; whether the token is good, ChatGPT says.
fn chatgpt_account(token: &str) -> Option<String> {
    let claims = base64::decode(token.split('.').nth(1)?.as_bytes())?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    claims.get(CHATGPT_CLAIM)?.get("chatgpt_account_id")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{"https://api.openai.com/auth":{"chatgpt_account_id":"acc-1"}}` between two dots.
    const TOKEN: &str =
        "h.eyJodHRwczovL2FwaS5vcGVuYWkuY29tL2F1dGgiOnsiY2hhdGdwdF9hY2NvdW50X2lkIjoiYWNjLTEifX0.s";

    fn sent(auth: Auth, secret: &str) -> Option<Vec<(String, String)>> {
        let mut headers = HeaderMap::new();
        put(&mut headers, form(auth, secret), secret)?;
        let pair = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.to_string(), value.to_str().expect("text").to_owned())
        };
        Some(headers.iter().map(pair).collect())
    }

    #[test]
    fn each_provider_gets_its_key_where_it_looks_for_it() {
        for (auth, secret, expected) in [
            (Auth::Bearer, "sk-1", &[("authorization", "Bearer sk-1")][..]),
            (Auth::XGoogApiKey, "AI-1", &[("x-goog-api-key", "AI-1")]),
            (Auth::ApiKey, "az-1", &[("api-key", "az-1")]),
            (Auth::XApiKey, "sk-1", &[("x-api-key", "sk-1"), ("anthropic-version", "2023-06-01")]),
            (
                Auth::XApiKey,
                "sk-ant-oat01-1",
                &[("authorization", "Bearer sk-ant-oat01-1"), ("anthropic-version", "2023-06-01")],
            ),
        ] {
            let sent = sent(auth, secret).expect("a good key");
            let sent: Vec<(&str, &str)> = sent.iter().map(|(n, v)| (&**n, &**v)).collect();
            assert_eq!(sent, expected, "{auth:?}");
        }
    }

    #[test]
    fn a_chatgpt_token_tells_its_account_and_what_is_no_token_is_not_sent() {
        let sent = sent(Auth::ChatGptToken, TOKEN).expect("a token");
        assert!(sent.contains(&("chatgpt-account-id".to_owned(), "acc-1".to_owned())), "{sent:?}");
        for bad in ["sk-1", "a.b.c", "a.e30.c", "a.%%%.c"] {
            assert_eq!(self::sent(Auth::ChatGptToken, bad), None, "{bad}");
        }
    }
}
