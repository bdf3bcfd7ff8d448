//! What a request asks for, parsed once. What is odd is refused, never repaired.
//!
//! An allow list of characters: there is no percent sign in it but in the escaped colon that
//! clients of Bedrock send, so no spelling of a dot, a slash or a backslash can get past; the
//! upstream path is later built from a matched template.

use std::net::{Ipv4Addr, Ipv6Addr};

use thiserror::Error;

/// Longest path and query. The longest that we serve is under 200 bytes.
pub(crate) const TARGET_LENGTH_MAX: usize = 2048;
/// Longest provider id.
const PROVIDER_LENGTH_MAX: usize = 32;
/// The query names that the official clients use on the paths we serve.
const QUERY_NAMES: [&str; 10] = [
    "after_id",
    "alt",
    "api-version",
    "before_id",
    "beta",
    "intent",
    "limit",
    "model",
    "pageSize",
    "pageToken",
];
/// The query name under which Gemini's clients may put their key.
const QUERY_KEY: &str = "key";

/// A request's place: `/{provider}{path}?{query}`. No `Debug`: it may hold a token.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// The first segment.
    pub(crate) provider: &'a str,
    /// The rest, with its leading slash.
    pub(crate) path: &'a str,
    /// Without the question mark, and without the token.
    pub(crate) query: Option<String>,
    /// The token, when it is in the query.
    pub(crate) key: Option<&'a str>,
}

/// Why a request's place is odd. The words never repeat what came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Odd {
    /// Longer than anything that we serve.
    #[error("the address is too long")]
    TooLong,
    /// Not `/{provider}/{path}`.
    #[error("the address must look like /{{provider}}/v1/...")]
    Shape,
    /// A character that no path of ours has.
    #[error("the path has a character that no provider's path has")]
    Character,
    /// An empty segment, or one of dots alone.
    #[error("the path has an empty or dotted segment")]
    Segment,
    /// A query that no path of ours takes.
    #[error("the query has a part that is not served here")]
    Query,
}

impl<'a> Target<'a> {
    /// Parses the path and query of an origin-form request target.
    pub(crate) fn parse(raw: &'a str) -> Result<Self, Odd> {
        if raw.len() > TARGET_LENGTH_MAX {
            return Err(Odd::TooLong);
        }
        let (whole, query) = match raw.split_once('?') {
            Some((whole, query)) => (whole, Some(query)),
            None => (raw, None),
        };
        let inner = whole.strip_prefix('/').ok_or(Odd::Shape)?;
        let segments = || inner.as_bytes().split(|byte| *byte == b'/');
        if !segments().all(good_segment) {
            return Err(Odd::Character);
        }
        if segments().any(|segment| segment.iter().all(|byte| *byte == b'.')) {
            return Err(Odd::Segment);
        }
        let slash = segments().next().map_or(0, <[u8]>::len);
        if slash == inner.len() {
            return Err(Odd::Shape);
        }
        let (provider, path) = inner.split_at(slash);
        if !good_provider_id(provider) {
            return Err(Odd::Shape);
        }
        let (query, key) = split_query(query)?;
        Ok(Self { provider, path, query, key })
    }

    /// The value of a name in the query.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let mut pairs = self.query.iter().flat_map(|query| query.split('&'));
        pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }
}

/// Whether a provider may have this id: lower-case letters, digits and hyphens.
pub(crate) fn good_provider_id(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=PROVIDER_LENGTH_MAX).contains(&id.len()) && id.bytes().all(plain)
}

/// Whether a segment has only what a path may have: besides the bytes of a path an escaped colon
/// (`anthropic.claude-3-haiku-20240307-v1%3A0`), and an at sign within (`claude-haiku-4-5@20251001`).
fn good_segment(segment: &[u8]) -> bool {
    if segment.iter().all(|byte| PATH_BYTES[usize::from(*byte)]) {
        return true;
    }
    let mut rest = segment;
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            b'%' if after.starts_with(b"3A") || after.starts_with(b"3a") => &after[2..],
            b'@' => after,
            _ if path_byte(byte) => after,
            _ => return false,
        };
    }
    !segment.starts_with(b"@")
}

/// A byte that a path may have. Colon and dot are in fine-tuned models' names.
pub(crate) const fn path_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.' | b':')
}

/// The same for each byte, looked up: every request has a path.
const PATH_BYTES: [bool; 256] = {
    let mut all = [false; 256];
    let mut byte = 0;
    while byte < all.len() {
        all[byte] = path_byte(byte as u8);
        byte += 1;
    }
    all
};

/// The query without the token, and the token.
fn split_query(query: Option<&str>) -> Result<(Option<String>, Option<&str>), Odd> {
    let value_byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let (mut kept, mut key) = (Vec::new(), None);
    for pair in query.iter().flat_map(|query| query.split('&')) {
        let (name, value) = pair.split_once('=').ok_or(Odd::Query)?;
        let known = name == QUERY_KEY || QUERY_NAMES.contains(&name);
        if !known || !value.bytes().all(value_byte) {
            return Err(Odd::Query);
        }
        if name != QUERY_KEY {
            kept.push(pair);
        } else if key.replace(value).is_some() {
            return Err(Odd::Query);
        }
    }
    Ok((Some(kept.join("&")).filter(|query| !query.is_empty()), key))
}

/// Whether a `Host` header names this machine itself or one of `names`: a web page that made its
/// own name point here (DNS rebinding) sends its own name.
pub(crate) fn good_host(host: &str, names: &[String]) -> bool {
    let ours = |name: &str| names.iter().any(|ours| ours.eq_ignore_ascii_case(name));
    if let Some(rest) = host.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        let Ok(ip) = address.parse::<Ipv6Addr>() else { return false };
        let good_end = port.is_empty() || port.strip_prefix(':').is_some_and(good_port);
        return good_end && (ip.is_loopback() || ours(address));
    }
    let name = match host.split_once(':') {
        Some((name, port)) if good_port(port) => name,
        Some(_) => return false,
        None => host,
    };
    let loopback = name.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback());
    name.eq_ignore_ascii_case("localhost") || loopback || ours(name)
}

/// Rust's own reading of a number takes a plus sign.
fn good_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ODD: [&str; 75] = [
        "",
        "*",
        "/",
        "//",
        "///",
        "/anthropic",
        "/anthropic/",
        "//anthropic/v1/messages",
        "/anthropic//v1/messages",
        "/anthropic/v1//messages",
        "/anthropic/v1/messages/",
        "/anthropic/./v1/messages",
        "/anthropic/../v1/messages",
        "/anthropic/v1/../v1/messages",
        "/anthropic/v1/messages/..",
        "/anthropic/v1/.../messages",
        "/anthropic/%2e/v1/messages",
        "/anthropic/%2E%2E/v1/messages",
        "/anthropic/%2e./v1/messages",
        "/anthropic/.%2e/v1/messages",
        "/anthropic/%252e%252e/v1/messages",
        "/anthropic/%c0%ae%c0%ae/v1/messages",
        "/anthropic/%e0%80%ae/v1/messages",
        "/anthropic/%uff0e%uff0e/v1/messages",
        "/anthropic/\u{ff0e}\u{ff0e}/v1/messages",
        "/anthropic/\u{2024}\u{2024}/v1/messages",
        "/anthropic%2fv1/messages",
        "/anthropic/v1%2Fmessages",
        "/anthropic/v1%252fmessages",
        "/anthropic/v1%5cmessages",
        "/anthropic/v1\\messages",
        "/anthropic\\..\\v1/messages",
        "\\anthropic\\v1\\messages",
        "/anthropic/v1/messages;x=1",
        "/anthropic/..;/v1/messages",
        "/anthropic/v1/messages%00",
        "/anthropic/v1/messages\0",
        "/anthropic/v1/mess\tages",
        "/anthropic/v1/messages\r\nX-Evil: 1",
        "/anthropic/v1/messages%0d%0aX-Evil:%201",
        "/anthropic/v1/messages\n",
        "/anthropic/v1/mess ages",
        " /anthropic/v1/messages",
        "/anthropic/v1/messages#fragment",
        "/anthropic/v1/messages#?beta=true",
        "http://evil.example/v1/messages",
        "https://api.anthropic.com/v1/messages",
        "//evil.example/v1/messages",
        "evil.example:443",
        "anthropic/v1/messages",
        "/@evil.example/v1/messages",
        "/anthropic@evil.example/v1/messages",
        "/anthropic/v1/@evil.example",
        "/Anthropic/v1/messages",
        "/ANTHROPIC/v1/messages",
        "/__proto__/v1/messages",
        "/anthropic./v1/messages",
        "/.anthropic/v1/messages",
        "/anthropic:443/v1/messages",
        "/an%74hropic/v1/messages",
        "/anthropic/v1/mess%61ges",
        "/anthropic/v1/messages?",
        "/anthropic/v1/messages?url=http://evil.example",
        "/google/v1beta/models?key=tc_1&key=tc_1",
        "/anthropic/v1/messages?api_key=sk-1",
        "/anthropic/v1/messages?beta=true#x",
        "/anthropic/v1/messages?beta=true&",
        "/anthropic/v1/messages?beta=a%26b",
        "/anthropic/v1/messages?beta=true?beta=true",
        "/anthropic/v1/messages?beta",
        "/anthropic/v1/messages?beta=a\r\nb",
        "/anthropic/v1/messages?limit=1;after_id=2",
        "/amazon-bedrock/model/m%3A%2e%2e/converse",
        "/amazon-bedrock/model/m%3/converse",
        "/amazon-bedrock/model/@evil.example/converse",
    ];

    #[test]
    fn what_is_odd_is_refused() {
        for raw in ODD {
            assert!(Target::parse(raw).is_err(), "{raw:?}");
        }
        for long in [8 * 1024, 64 * 1024] {
            let raw = format!("/anthropic/{}", "a".repeat(long));
            assert_eq!(Target::parse(&raw).err(), Some(Odd::TooLong));
        }
        assert_eq!(Target::parse(&format!("/{}/v1", "a".repeat(33))).err(), Some(Odd::Shape));
    }

    #[test]
    fn what_is_plain_is_taken_apart() {
        let raw = "/anthropic/v1/messages?beta=true";
        let target = Target::parse(raw).unwrap_or_else(|odd| panic!("{raw}: {odd}"));
        assert_eq!(target.provider, "anthropic");
        assert_eq!(target.path, "/v1/messages");
        assert_eq!(target.query.as_deref(), Some("beta=true"));
        for path in [
            "/v1/models/ft:gpt-4.1:acme::x_1",
            "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse",
            "/publishers/anthropic/models/claude-haiku-4-5@20251001:rawPredict",
        ] {
            let raw = format!("/some{path}");
            let target = Target::parse(&raw).unwrap_or_else(|odd| panic!("{raw}: {odd}"));
            assert_eq!(target.path, path);
        }
    }

    #[test]
    fn a_token_in_the_query_is_taken_out_of_it() {
        for (raw, query) in [
            ("/google/v1beta/models?key=tc_1", None),
            ("/google/v1beta/models?alt=sse&key=tc_1", Some("alt=sse")),
            ("/google/v1beta/models?key=tc_1&alt=sse", Some("alt=sse")),
        ] {
            let target = Target::parse(raw).unwrap_or_else(|odd| panic!("{raw}: {odd}"));
            assert_eq!((target.key, target.query.as_deref()), (Some("tc_1"), query));
        }
    }

    #[test]
    fn only_this_machine_or_a_configured_name_is_a_host() {
        let names = ["sidecar.internal".to_owned()];
        for good in [
            "localhost",
            "LOCALHOST:80",
            "127.0.0.1:3000",
            "127.9.9.9",
            "[::1]",
            "[::1]:3000",
            "sidecar.internal:1",
        ] {
            assert!(good_host(good, &names), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "localhost:x",
            "localhost:",
            "localhost:+80",
            "[::1]:+80",
            "[::1]evil",
            "[::1",
            "[127.0.0.1]",
            "evil@localhost",
            "x/?",
            "x/#",
            "localhost/",
            "localhost:80:80",
            "[::1]:99999",
            "0.0.0.0",
            "[::]",
        ] {
            assert!(!good_host(bad, &names), "{bad}");
        }
    }
}
