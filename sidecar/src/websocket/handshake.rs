//! The handshake of a WebSocket (RFC 6455, section 4): what a client asks for, what goes on to the
//! provider, and whether the provider's answer is one to it.
//!
//! The client's own key goes on, so that its client can check the answer. Extensions stay out: with
//! a compressed message there would be nothing to meter.

use events::Secret;
use http::header::{
    CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use sha1::{Digest, Sha1};

use crate::base64;
use crate::refusal::{Kind, Refusal};

/// What both sides put after the key (section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// How many bytes a key is (section 4.1).
const KEY_LENGTH: usize = 16;
/// How a browser, which can set no header, sends its token
/// (platform.openai.com/docs/guides/realtime-websocket).
const TOKEN_PROTOCOL: &str = "openai-insecure-api-key.";
/// What else a client may ask for. Organisation and project, which have entries of their own, are
/// the pool's business.
const PROTOCOLS: [&str; 2] = ["realtime", "openai-beta.realtime-v1"];

/// What a client asks for. No `Debug`: it may hold a token.
pub(crate) struct Handshake {
    key: HeaderValue,
    protocols: Vec<&'static str>,
    token: Option<Secret>,
}

impl Handshake {
    /// The handshake of a request; `None` when it is a plain one.
    ///
    /// # Errors
    /// It asks for another protocol, or is no handshake of version 13.
    pub(crate) fn read(head: &Parts) -> Result<Option<Self>, Refusal> {
        let headers = &head.headers;
        if !headers.contains_key(UPGRADE) {
            return Ok(None);
        }
        let body = headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
        let good = head.method == Method::GET
            && !body
            && only(headers, UPGRADE).is_some_and(|name| name.eq_ignore_ascii_case("websocket"))
            && entries(headers, CONNECTION).any(|entry| entry.eq_ignore_ascii_case("upgrade"))
            && only(headers, SEC_WEBSOCKET_VERSION) == Some("13");
        let key = only(headers, SEC_WEBSOCKET_KEY).filter(|key| {
            base64::decode(key.as_bytes()).is_some_and(|key| key.len() == KEY_LENGTH)
        });
        let Some(key) = key.filter(|_| good).and_then(|key| HeaderValue::from_str(key).ok()) else {
            let words = "only a WebSocket of version 13 (RFC 6455) is an upgrade here";
            return Err(Refusal::new(Kind::BadRequest, words));
        };
        let asked = || entries(headers, SEC_WEBSOCKET_PROTOCOL);
        let token = asked().find_map(|entry| entry.strip_prefix(TOKEN_PROTOCOL));
        let known = |entry| PROTOCOLS.into_iter().find(|protocol| *protocol == entry);
        let protocols = asked().filter_map(known).collect();
        Ok(Some(Self { key, protocols, token: token.map(Secret::new) }))
    }

    /// The token, when it is among the protocols.
    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_ref().map(Secret::expose)
    }

    /// Puts the handshake into the headers for a provider.
    pub(super) fn put(&self, headers: &mut HeaderMap) {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(SEC_WEBSOCKET_KEY, self.key.clone());
        if let Ok(value) = HeaderValue::try_from(self.protocols.join(", "))
            && !value.is_empty()
        {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, value);
        }
    }

    /// What of the provider's answer makes the client's; `None` when it is no answer to this.
    pub(super) fn accepted(&self, answer: &HeaderMap) -> Option<HeaderMap> {
        let accept = only(answer, SEC_WEBSOCKET_ACCEPT)?;
        let expected = Sha1::new().chain_update(&self.key).chain_update(GUID).finalize();
        let upgrade = only(answer, UPGRADE)?;
        if base64::decode(accept.as_bytes())?[..] != expected[..]
            || !upgrade.eq_ignore_ascii_case("websocket")
            || answer.contains_key(SEC_WEBSOCKET_EXTENSIONS)
        {
            return None;
        }
        let mut headers = HeaderMap::new();
        if answer.contains_key(SEC_WEBSOCKET_PROTOCOL) {
            let chosen = only(answer, SEC_WEBSOCKET_PROTOCOL)?;
            let chosen = self.protocols.iter().find(|protocol| **protocol == chosen)?;
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(chosen));
        }
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, HeaderValue::from_str(accept).ok()?);
        Some(headers)
    }
}

/// The value of a header that is there once.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// The entries of a header that is a list.
fn entries(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    /// The example of section 1.3.
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    const GOOD: [(&str, &str); 4] = [
        ("upgrade", "websocket"),
        ("connection", "keep-alive, Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", KEY),
    ];

    fn head(method: Method, headers: &[(&'static str, &'static str)]) -> Parts {
        let mut request = Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    fn handshake(more: &[(&'static str, &'static str)]) -> Handshake {
        let read = Handshake::read(&head(Method::GET, &[&GOOD[..], more].concat()));
        read.ok().flatten().expect("a handshake")
    }

    #[test]
    fn a_plain_request_is_none_and_an_odd_handshake_is_refused() {
        assert!(matches!(Handshake::read(&head(Method::POST, &[])), Ok(None)));
        let without = |name: &str| -> Vec<_> {
            GOOD.into_iter().filter(|(other, _)| *other != name).collect()
        };
        let with =
            |name: &'static str, value: &'static str| [without(name), vec![(name, value)]].concat();
        let more =
            |name: &'static str, value: &'static str| [GOOD.to_vec(), vec![(name, value)]].concat();
        for headers in [
            without("connection"),
            without("sec-websocket-version"),
            without("sec-websocket-key"),
            with("upgrade", "h2c"),
            with("upgrade", "websocket, h2c"),
            with("connection", "keep-alive"),
            with("sec-websocket-version", "8"),
            with("sec-websocket-key", "c2hvcnQ="),
            with("sec-websocket-key", "!!!"),
            more("sec-websocket-key", KEY),
            more("content-length", "2"),
            more("transfer-encoding", "chunked"),
        ] {
            assert!(Handshake::read(&head(Method::GET, &headers)).is_err(), "{headers:?}");
        }
        assert!(Handshake::read(&head(Method::POST, &GOOD)).is_err());
    }

    #[test]
    fn the_token_among_the_protocols_stays_here_and_so_does_what_nobody_knows() {
        let asked = "realtime, openai-insecure-api-key.tc_ann, openai-organization.org-1, x";
        let handshake = handshake(&[
            ("sec-websocket-protocol", asked),
            ("sec-websocket-extensions", "permessage-deflate"),
        ]);
        assert_eq!(handshake.token(), Some("tc_ann"));
        let mut headers = HeaderMap::new();
        handshake.put(&mut headers);
        assert_eq!(headers["sec-websocket-protocol"], "realtime");
        assert_eq!(headers["sec-websocket-key"], KEY);
        assert!(!headers.contains_key("sec-websocket-extensions"));
    }

    #[test]
    fn only_an_answer_to_this_very_key_is_one() {
        let plain = handshake(&[]);
        let asked = handshake(&[("sec-websocket-protocol", "realtime")]);
        let answer = |more: &[(&'static str, &'static str)]| {
            let given = [("upgrade", "WebSocket"), ("sec-websocket-accept", ACCEPT)];
            head(Method::GET, &[&given[..], more].concat()).headers
        };
        let headers = plain.accepted(&answer(&[("x-request-id", "1")])).expect("an answer");
        assert_eq!(headers["sec-websocket-accept"], ACCEPT);
        assert_eq!(headers.len(), 3);
        let realtime = answer(&[("sec-websocket-protocol", "realtime")]);
        let headers = asked.accepted(&realtime).expect("an answer");
        assert_eq!(headers["sec-websocket-protocol"], "realtime");
        assert!(asked.accepted(&answer(&[])).is_some());
        for bad in [
            realtime,
            answer(&[("sec-websocket-extensions", "permessage-deflate")]),
            answer(&[("sec-websocket-accept", ACCEPT)]),
            HeaderMap::new(),
        ] {
            assert!(plain.accepted(&bad).is_none(), "{bad:?}");
        }
        let mut other = answer(&[]);
        other
            .insert(SEC_WEBSOCKET_ACCEPT, HeaderValue::from_static("t3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert!(plain.accepted(&other).is_none());
    }
}
