//! What the broker is asked and answers over HTTP. Pure; both ends read and write it here.

use events::Secret;
use jiff::Timestamp;
use ports::{Fault, Lease};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Where the broker answers, at the end of its base URL.
pub const PATH: &str = "/lease";
/// Where it tells what the workspace of a lease has used (GET), before the question since when.
pub const USED_PATH: &str = "/lease/used";
/// In which header a sidecar says which one it is: chance that it made at its start, that stands nowhere
/// else, and that it never changes.
pub const HOLDER_HEADER: &str = "x-teamclaw-holder";
/// What stands before the token in `Authorization` (RFC 6750), in any case.
const SCHEME: &str = "bearer ";
/// The longest token that is looked up: twice as long as ours.
const TOKEN_LENGTH_MAX: usize = 140;
/// The shortest name of a sidecar: 128 bits in hex, which nobody guesses.
const HOLDER_LENGTH_MIN: usize = 32;

/// What a sidecar shows the broker. No `Debug`: it holds secrets.
#[derive(Clone, Copy)]
pub struct Proof<'a> {
    /// The lease's token, which others may have read.
    pub token: &'a str,
    /// Which sidecar it is, which nobody else knows.
    pub holder: &'a str,
}

impl<'a> Proof<'a> {
    /// Reads it from the values of `Authorization` and of [`HOLDER_HEADER`]; `None` when one of them is
    /// none.
    pub fn read(authorization: Option<&'a str>, holder: Option<&'a str>) -> Option<Self> {
        let (token, holder) = (bearer(authorization?)?, holder?.trim());
        let good = holder.len() >= HOLDER_LENGTH_MIN && is_token(holder);
        good.then_some(Self { token, holder })
    }
}

/// What a token was traded for. No `Debug`: it holds credentials.
#[derive(Clone)]
pub struct Traded {
    /// What the token stands for, its limits as they are now.
    pub lease: Lease,
    /// The credentials' public half.
    pub access_key: String,
    /// Their secret half.
    pub secret_key: Secret,
    /// What proves that they are a session's.
    pub session: Secret,
    /// When they end.
    pub expires: Timestamp,
}

/// Why a token was not traded.
#[derive(Debug, Error)]
pub enum Refusal {
    /// No lease has it: it never was one's, it was revoked, or nobody held it in time.
    #[error("the token is not good, or not any more")]
    Unknown,
    /// Somebody else came first with it.
    #[error("somebody else holds the lease of this token")]
    Taken,
    /// The broker cannot trade now; ask again.
    #[error("credentials cannot be given now")]
    Unavailable(#[source] Fault),
}

/// A body that is no answer of a broker. Says nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the broker's answer cannot be read")]
pub struct Unreadable;

/// The answer's text. Exists only on its way into and out of it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    lease: Lease,
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: Timestamp,
}

impl Refusal {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Unknown => 401,
            Self::Taken => 409,
            Self::Unavailable(_) => 503,
        }
    }

    /// The body, for a person who looks.
    pub fn body(&self) -> String {
        serde_json::json!({ "error": self.to_string() }).to_string()
    }
}

impl Traded {
    /// The body of a 200.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn body(&self) -> Result<Secret, Unreadable> {
        let text = Text {
            lease: self.lease.clone(),
            access_key_id: self.access_key.clone(),
            secret_access_key: self.secret_key.expose().to_owned(),
            session_token: self.session.expose().to_owned(),
            expiration: self.expires,
        };
        serde_json::to_string(&text).map(Secret::new).map_err(|_| Unreadable)
    }

    /// Reads the body of a 200.
    ///
    /// # Errors
    /// It is none.
    pub fn read(body: &Secret) -> Result<Self, Unreadable> {
        // The library's own words could tell a part of it.
        let text: Text = serde_json::from_str(body.expose()).map_err(|_| Unreadable)?;
        Ok(Self {
            lease: text.lease,
            access_key: text.access_key_id,
            secret_key: Secret::new(text.secret_access_key),
            session: Secret::new(text.session_token),
            expires: text.expiration,
        })
    }
}

/// The path and the query that ask what was used in the hours from `since` on. The answer's body is a
/// [`ports::Spending`].
pub fn used_since(since: Timestamp) -> String {
    // RFC 3339 in UTC has nothing in it that a query would escape.
    format!("{USED_PATH}?since={since}")
}

/// The token in an `Authorization` header; `None` when there is none that could be one.
fn bearer(header: &str) -> Option<&str> {
    let scheme = header.get(..SCHEME.len())?;
    let token = header.get(SCHEME.len()..)?.trim();
    (scheme.eq_ignore_ascii_case(SCHEME) && is_token(token)).then_some(token)
}

fn is_token(text: &str) -> bool {
    (1..=TOKEN_LENGTH_MAX).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use events::{Attempt, Gen, Limits};

    use super::*;

    #[test]
    fn an_answer_is_read_as_it_was_written() {
        let lease = Lease {
            workspace: "ann".parse().expect("a name"),
            generation: Gen(3),
            attempt: Attempt(2),
            team: "red".parse().expect("a name"),
            limits: Limits::default(),
        };
        let expires: Timestamp = "2026-11-26T05:00:00Z".parse().expect("a time");
        let traded = Traded {
            lease: lease.clone(),
            access_key: "ASIA1".to_owned(),
            secret_key: Secret::new("s"),
            session: Secret::new("t"),
            expires,
        };
        let read = Traded::read(&traded.body().expect("a body")).expect("an answer");
        assert_eq!((read.lease, read.access_key, read.expires), (lease, "ASIA1".into(), expires));
        assert!(read.secret_key.matches("s") && read.session.matches("t"));
        for broken in ["", "{}", "[]", r#"{"secretAccessKey":"sk-secret"}"#] {
            let error = Traded::read(&Secret::new(broken)).err().expect("broken");
            assert!(!error.to_string().contains("sk-secret"));
        }
    }

    #[test]
    fn a_header_holds_a_bearer_token_or_none() {
        assert_eq!(bearer("Bearer tc_1"), Some("tc_1"));
        assert_eq!(bearer("bearer  tc_1 "), Some("tc_1"));
        let long = format!("Bearer {}", "x".repeat(141));
        for none in ["", "Bearer", "Bearer ", "Basic tc_1", "tc_1", "Bearer a b", "Bearer ü", &long]
        {
            assert_eq!(bearer(none), None, "{none}");
        }
    }

    /// A name that can be guessed proves nothing.
    #[test]
    fn a_proof_is_a_token_and_a_name_that_nobody_guesses() {
        let (name, token) = ("0123456789abcdef0123456789abcdef", Some("Bearer tc_1"));
        let read = Proof::read(token, Some(name)).expect("a proof");
        assert_eq!((read.token, read.holder), ("tc_1", name));
        let long = "x".repeat(141);
        for holder in [
            None,
            Some(""),
            Some(&name[1..]),
            Some(&long[..]),
            Some("a name of words, of enough letters"),
        ] {
            assert!(Proof::read(token, holder).is_none(), "{holder:?}");
        }
        assert!(Proof::read(None, Some(name)).is_none());
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_header_holds_is_read_without_a_panic(text in ".{0,200}") {
            let token = bearer(&text);
            proptest::prop_assert!(token.is_none_or(|token| text.contains(token)));
        }
    }

    #[test]
    fn who_is_refused_for_good_is_told_apart_from_who_may_ask_again() {
        assert_eq!(Refusal::Unknown.status(), 401);
        assert_eq!(Refusal::Taken.status(), 409);
        let away = Refusal::Unavailable(Fault::unavailable("sts", "InternalFailure: secret words"));
        assert_eq!(away.status(), 503);
        assert!(!away.body().contains("secret words"), "{}", away.body());
    }
}
