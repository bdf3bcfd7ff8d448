//! When an OAuth token is renewed, what is asked of the provider's token endpoint, and what its
//! answer means (RFC 6749, sections 5 and 6). Pure.

use events::Secret;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use ports::{Grant, PoolKey, Renewed};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::base64;

/// So long before its end a token is renewed: longer than any answer's head takes, and enough for
/// several tries.
pub(super) const LEAD: SignedDuration = SignedDuration::from_mins(5);
/// The longest error code that is repeated to an operator.
const CODE_LENGTH_MAX: usize = 60;

/// How it stands with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// There is time, or nothing to be done about it.
    Good,
    /// It is good for a while, and shall be renewed meanwhile.
    Ending,
    /// It is good no more.
    Ended,
}

/// What the token endpoint said.
pub(super) enum Said {
    /// The next token.
    Renewed(Renewed),
    /// It takes this refresh token no more, or never did; its own code for it.
    Refused(String),
    /// Nothing of use; it may be asked again. In words.
    Trouble(String),
}

/// How it stands with a key; `lead` is [`LEAD`] or more.
pub(super) fn standing(key: &PoolKey, lead: SignedDuration, now: Timestamp) -> Standing {
    let Some(grant) = key.grant.as_ref().filter(|grant| grant.refresh.is_some()) else {
        return Standing::Good;
    };
    match grant.ends.or_else(|| told_in(key.secret.expose())) {
        None => Standing::Good,
        Some(ends) if ends <= now => Standing::Ended,
        Some(ends) if ends.duration_since(now) <= lead => Standing::Ending,
        Some(_) => Standing::Good,
    }
}

/// What is asked. JSON, which both providers' own programs send.
pub(super) fn question(client: &str, refresh: &Secret) -> Secret {
    let question = json!({"grant_type": "refresh_token", "client_id": client,
        "refresh_token": refresh.expose()});
    Secret::new(question.to_string())
}

/// The endpoint's answer, as far as it matters. No `Debug`.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: Option<i64>,
}

/// What an answer to a question with this refresh token means.
pub(super) fn said(status: StatusCode, body: &[u8], spent: &Secret, now: Timestamp) -> Said {
    if status.is_success() {
        return renewed(body, spent, now)
            .unwrap_or_else(|| Said::Trouble("an answer without a token".to_owned()));
    }
    // 429 and 5xx say nothing about the token.
    let refusal = matches!(status.as_u16(), 400 | 401 | 403);
    match code(body).filter(|_| refusal) {
        Some(code) => Said::Refused(code),
        None => Said::Trouble(format!("it answered {}", status.as_u16())),
    }
}

fn renewed(body: &[u8], spent: &Secret, now: Timestamp) -> Option<Said> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let sendable =
        |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let token = Some(answer.access_token).filter(sendable)?;
    let lasts = answer.expires_in.filter(|seconds| *seconds > 0);
    let ends = lasts.and_then(|seconds| now.checked_add(SignedDuration::from_secs(seconds)).ok());
    // Who sends no new refresh token lets the old one be used again.
    let refresh = answer.refresh_token.filter(sendable).map_or_else(|| spent.clone(), Secret::new);
    let grant = Grant { ends: ends.or_else(|| told_in(&token)), refresh: Some(refresh) };
    Some(Said::Renewed(Renewed { token: Secret::new(token), grant }))
}

/// The error's code: `{"error":"invalid_grant"}`, or within an object as OpenAI has it. Whatever
/// looks like no code is not repeated: it may hold a token.
fn code(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let error = &body["error"];
    let told = [error, &error["code"], &error["type"]].into_iter().find_map(Value::as_str)?;
    let word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let good = !told.is_empty() && told.len() <= CODE_LENGTH_MAX && told.bytes().all(word);
    Some(if good { told.to_owned() } else { "an error without a code".to_owned() })
}

/// The end that a token tells of itself, if it is a JSON Web Token (RFC 7519, section 4.1.4). It is
/// only read; whether the token is good, the provider says.
fn told_in(token: &str) -> Option<Timestamp> {
    let claims = base64::decode(token.split('.').nth(1)?.as_bytes())?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    Timestamp::from_second(claims.get("exp")?.as_i64()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{"exp":1800000000}` between two dots.
    const WEB_TOKEN: &str = "h.eyJleHAiOjE4MDAwMDAwMDB9.s";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn key(token: &str, ends: Option<i64>, refresh: Option<&str>) -> PoolKey {
        let grant = Grant { ends: ends.map(at), refresh: refresh.map(Secret::new) };
        PoolKey { grant: Some(grant), ..PoolKey::new(Secret::new(token)) }
    }

    #[test]
    fn a_token_is_renewed_in_its_last_minutes_if_anything_renews_it() {
        let now = at(1_800_000_000);
        let lead = LEAD.as_secs();
        for (key, expected) in [
            (key("t", Some(1_800_000_000 + lead + 1), Some("r")), Standing::Good),
            (key("t", Some(1_800_000_000 + lead), Some("r")), Standing::Ending),
            (key("t", Some(1_800_000_001), Some("r")), Standing::Ending),
            (key("t", Some(1_800_000_000), Some("r")), Standing::Ended),
            (key("t", Some(1_800_000_000), None), Standing::Good),
            (key("t", None, Some("r")), Standing::Good),
            (key(WEB_TOKEN, None, Some("r")), Standing::Ended),
            (PoolKey::new(Secret::new("sk-1")), Standing::Good),
        ] {
            assert_eq!(standing(&key, LEAD, now), expected);
        }
    }

    fn told(status: u16, body: &str) -> String {
        let status = StatusCode::from_u16(status).expect("a status");
        match said(status, body.as_bytes(), &Secret::new("r1"), at(1_800_000_000)) {
            Said::Refused(code) => format!("refused: {code}"),
            Said::Trouble(words) => format!("trouble: {words}"),
            Said::Renewed(Renewed { token, grant }) => {
                let refresh = grant.refresh.expect("a refresh token");
                let ends = grant.ends.map(|ends| ends.to_string()).unwrap_or_default();
                format!("{} {} {ends}", token.expose(), refresh.expose())
            }
        }
    }

    #[test]
    fn an_answer_renews_refuses_or_says_nothing() {
        let whole =
            r#"{"access_token":"t2","refresh_token":"r2","expires_in":3600,"token_type":"Bearer"}"#;
        let web = format!(r#"{{"access_token":"{WEB_TOKEN}"}}"#);
        for (status, body, expected) in [
            (200, whole, "t2 r2 2027-01-15T09:00:00Z"),
            (200, r#"{"access_token":"t2","expires_in":60}"#, "t2 r1 2027-01-15T08:01:00Z"),
            (200, &web, "h.eyJleHAiOjE4MDAwMDAwMDB9.s r1 2027-01-15T08:00:00Z"),
            (200, r#"{"access_token":"t2"}"#, "t2 r1 "),
            (200, r#"{"access_token":"two words"}"#, "trouble: an answer without a token"),
            (200, "<html>", "trouble: an answer without a token"),
            (
                400,
                r#"{"error":"invalid_grant","error_description":"r1"}"#,
                "refused: invalid_grant",
            ),
            (
                401,
                r#"{"error":{"code":"refresh_token_reused","message":"r1"}}"#,
                "refused: refresh_token_reused",
            ),
            (403, r#"{"error":{"type":"forbidden"}}"#, "refused: forbidden"),
            (400, r#"{"error":"r1 is odd"}"#, "refused: an error without a code"),
            (400, "", "trouble: it answered 400"),
            (429, r#"{"error":"invalid_grant"}"#, "trouble: it answered 429"),
            (503, "", "trouble: it answered 503"),
            (302, "", "trouble: it answered 302"),
        ] {
            assert_eq!(told(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_question_names_the_client_and_the_refresh_token() {
        let asked: Value =
            serde_json::from_str(question("c", &Secret::new("r")).expose()).expect("JSON");
        let want = json!({"grant_type": "refresh_token", "client_id": "c", "refresh_token": "r"});
        assert_eq!(asked, want);
    }
}
