//! What a request asks for, parsed once. What is odd is refused, never repaired.
//!
//! An allow list of characters: there is no percent sign in it, so no spelling of a dot, a slash
//! or a backslash can get past; the upstream path is later built from a matched template.

use thiserror::Error;

/// Longest path and query. The longest that we serve is under 200 bytes.
pub(crate) const TARGET_LENGTH_MAX: usize = 2048;
/// Longest provider id.
const PROVIDER_LENGTH_MAX: usize = 32;
/// The query names that the official clients use on the paths we serve.
const QUERY_NAMES: [&str; 4] = ["beta", "limit", "after_id", "before_id"];

/// A request's place: `/{provider}{path}?{query}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// The first segment.
    pub(crate) provider: &'a str,
    /// The rest, with its leading slash.
    pub(crate) path: &'a str,
    /// Without the question mark.
    pub(crate) query: Option<&'a str>,
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
        if !inner.bytes().all(path_byte) {
            return Err(Odd::Character);
        }
        if inner.split('/').any(|segment| segment.bytes().all(|b| b == b'.')) {
            return Err(Odd::Segment);
        }
        let slash = inner.find('/').ok_or(Odd::Shape)?;
        let (provider, path) = inner.split_at(slash);
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if provider.len() > PROVIDER_LENGTH_MAX || !provider.bytes().all(plain) {
            return Err(Odd::Shape);
        }
        if query.is_some_and(|query| !good_query(query)) {
            return Err(Odd::Query);
        }
        Ok(Self { provider, path, query })
    }
}

/// A byte that a path may have. Colon and dot are in fine-tuned models' names.
pub(crate) fn path_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.' | b':')
}

fn good_query(query: &str) -> bool {
    let value_byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    query.split('&').all(|pair| match pair.split_once('=') {
        Some((name, value)) => QUERY_NAMES.contains(&name) && value.bytes().all(value_byte),
        None => false,
    })
}

/// Whether a `Host` header names this machine itself or one of `names`: a web page that made its
/// own name point here (DNS rebinding) sends its own name.
pub(crate) fn good_host(host: &str, names: &[String]) -> bool {
    let bare = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, "")) => address,
            Some((address, port)) if good_port(port) => address,
            _ => return false,
        },
        None => match host.split_once(':') {
            Some((_, port)) if port.parse::<u16>().is_err() => return false,
            Some((name, _)) => name,
            None => host,
        },
    };
    let bare = bare.to_ascii_lowercase();
    let loopback = bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    bare == "localhost" || loopback || names.contains(&bare)
}

fn good_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ODD: [&str; 72] = [
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
        "/anthropic/v1/messages?key=sk-1",
        "/anthropic/v1/messages?api_key=sk-1",
        "/anthropic/v1/messages?beta=true#x",
        "/anthropic/v1/messages?beta=true&",
        "/anthropic/v1/messages?beta=a%26b",
        "/anthropic/v1/messages?beta=true?beta=true",
        "/anthropic/v1/messages?beta",
        "/anthropic/v1/messages?beta=a\r\nb",
        "/anthropic/v1/messages?limit=1;after_id=2",
    ];

    #[test]
    fn what_is_odd_is_refused() {
        for raw in ODD {
            assert!(Target::parse(raw).is_err(), "{raw:?}");
        }
        for long in [8 * 1024, 64 * 1024] {
            let raw = format!("/anthropic/{}", "a".repeat(long));
            assert_eq!(Target::parse(&raw), Err(Odd::TooLong));
        }
        assert_eq!(Target::parse(&format!("/{}/v1", "a".repeat(33))), Err(Odd::Shape));
    }

    #[test]
    fn what_is_plain_is_taken_apart() {
        let target = Target::parse("/anthropic/v1/messages?beta=true").expect("plain");
        assert_eq!(target.provider, "anthropic");
        assert_eq!(target.path, "/v1/messages");
        assert_eq!(target.query, Some("beta=true"));
        let target = Target::parse("/openai/v1/models/ft:gpt-4.1:acme::x_1").expect("plain");
        assert_eq!(target.path, "/v1/models/ft:gpt-4.1:acme::x_1");
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
            "[::1]evil",
            "[::1",
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
