//! Who a request comes from: the session in its cookie or its `Authorization` header.

use events::{Secret, WorkspaceId};
use http::{HeaderMap, header};
use jiff::Timestamp;
use ports::{Fault, People, Person};

/// The cookie that holds the session.
pub const COOKIE: &str = "teamclaw_session";

/// The longest token that is looked up; ours have 64 characters.
const TOKEN_LENGTH_MAX: usize = 256;

/// How a person proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The browser sent the cookie along, whoever made it ask.
    Cookie,
    /// The client wrote the header itself, so it meant to.
    Bearer,
}

/// Somebody who is logged in. No `Debug`: it holds the token.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) person: Person,
    pub(crate) by: By,
    pub(crate) token: Secret,
}

impl Caller {
    pub(crate) fn id(&self) -> &WorkspaceId {
        &self.person.id
    }
}

/// Finds the session. A bearer token counts first; one that is no session of ours may be meant for
/// the agent, so the cookie is looked at then.
pub(crate) async fn caller(
    people: &dyn People,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Option<Caller>, Fault> {
    for (by, token) in [(By::Bearer, bearer(headers)), (By::Cookie, cookie(headers))] {
        let Some(token) = token else { continue };
        if let Some(person) = people.find(token.expose(), now).await? {
            return Ok(Some(Caller { person, by, token }));
        }
    }
    Ok(None)
}

/// The bearer token, if there is exactly one.
fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, more) = (values.next()?, values.next());
    let text = value.to_str().ok().filter(|_| more.is_none() && is_bearer(value.as_bytes()))?;
    token(text.split_once(' ')?.1.trim())
}

/// Whether a value of `Authorization` is a bearer token.
pub(crate) fn is_bearer(value: &[u8]) -> bool {
    value.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer"))
        && value.get(6).is_none_or(|byte| byte.is_ascii_whitespace())
}

/// The session cookie. Two that differ count as none: an agent's page can plant a second one for
/// a path of its own, and with it somebody else's session.
fn cookie(headers: &HeaderMap) -> Option<Secret> {
    let mut found: Option<&[u8]> = None;
    for (name, value) in headers.get_all(header::COOKIE).iter().flat_map(|v| pairs(v.as_bytes())) {
        if name == COOKIE.as_bytes() {
            if found.is_some_and(|other| other != value) {
                return None;
            }
            found = Some(value);
        }
    }
    token(std::str::from_utf8(found?).ok()?)
}

/// Whether the session cookie is there at all, good or not.
pub(crate) fn has_cookie(headers: &HeaderMap) -> bool {
    let mut all = headers.get_all(header::COOKIE).iter().flat_map(|v| pairs(v.as_bytes()));
    all.any(|(name, _)| name == COOKIE.as_bytes())
}

/// The name and value of each cookie in a `Cookie` header.
pub(crate) fn pairs(value: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    value.split(|byte| *byte == b';').map(|pair| {
        let pair = pair.trim_ascii();
        let cut = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        (pair[..cut].trim_ascii(), pair.get(cut + 1..).unwrap_or_default().trim_ascii())
    })
}

/// A token as it may be looked up.
pub(crate) fn token(text: &str) -> Option<Secret> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let fits = (1..=TOKEN_LENGTH_MAX).contains(&text.len()) && text.bytes().all(good);
    fits.then(|| Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: header::HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), value.parse().expect("a value"))).collect()
    }

    #[test]
    fn the_cookie_is_found_among_others_and_only_when_it_is_unambiguous() {
        let table: [(&[&str], Option<&str>); 9] = [
            (&["teamclaw_session=abc"], Some("abc")),
            (&["a=b; teamclaw_session=abc; c=d"], Some("abc")),
            (&["a=b", "teamclaw_session=abc"], Some("abc")),
            (&["teamclaw_session=abc; teamclaw_session=abc"], Some("abc")),
            (&["teamclaw_session=abc; teamclaw_session=evil"], None),
            (&["teamclaw_session=abc", "teamclaw_session=evil"], None),
            (&["xteamclaw_session=abc; Teamclaw_Session=abc"], None),
            (&["teamclaw_session="], None),
            (&["teamclaw_session=a b"], None),
        ];
        for (values, expected) in table {
            let found = cookie(&of(header::COOKIE, values));
            assert_eq!(found.as_ref().map(Secret::expose), expected, "{values:?}");
        }
    }

    #[test]
    fn one_bearer_token_is_read_and_two_are_none() {
        let table: [(&[&str], Option<&str>); 8] = [
            (&["Bearer abc"], Some("abc")),
            (&["bearer   abc "], Some("abc")),
            (&["Bearer abc", "Bearer evil"], None),
            (&["Basic abc"], None),
            (&["Bearerabc"], None),
            (&["Bearer"], None),
            (&["Bearer "], None),
            (&["Bearer a, Bearer b"], None),
        ];
        for (values, expected) in table {
            let found = bearer(&of(header::AUTHORIZATION, values));
            assert_eq!(found.as_ref().map(Secret::expose), expected, "{values:?}");
        }
    }
}
