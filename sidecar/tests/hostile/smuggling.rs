//! Framing that two readers take in two ways. Whatever the sidecar makes of it, the provider gets no
//! more requests than the client got answers, each with a body that the client meant, each readable
//! in one way only; and after what is ambiguous the connection is closed.

use crate::site::{Site, TOKEN, check_credentials};
use crate::support::strict::Message;

/// What must come of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Nothing reaches the provider, and what is answered is refused.
    Refused,
    /// It is served, and then the connection is closed, whatever follows.
    OnceThenClosed,
    /// It is waited for, within bounds; when the client hangs up, nothing has reached the provider.
    AwaitedInVain,
    /// It is refused, but where it ends is beyond doubt: what follows is a request of its own.
    RefusedAlone,
    /// Each of two requests is served, for they were two.
    Both,
}
use Fate::{AwaitedInVain, Both, OnceThenClosed, Refused, RefusedAlone};

const BODY: &str = r#"{"model":"m"}"#;
/// The body in one chunk.
const CHUNKS: &str = "d\r\n{\"model\":\"m\"}\r\n0\r\n\r\n";

/// The begin of a good request.
fn head(target: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {TOKEN}\r\n")
}

/// What is to be smuggled: a request that must never be served behind an ambiguous one.
fn second() -> String {
    let head = head("/openai/v1/responses");
    format!("{head}connection: close\r\ncontent-length: 14\r\n\r\n{{\"model\":\"2nd\"}}")
        .replace("content-length: 14", "content-length: 15")
}

/// A case by the lines after a good begin and what follows the head, up to a second request.
fn framed(name: &'static str, fate: Fate, lines: &str, body: &str) -> (&'static str, Fate, String) {
    (name, fate, format!("{}{lines}\r\n{body}", head("/anthropic/v1/messages")))
}

fn lengths() -> Vec<(&'static str, Fate, String)> {
    let of =
        |name, fate, value: &str| framed(name, fate, &format!("content-length: {value}\r\n"), BODY);
    vec![
        of("a good length", Both, "13"),
        of("leading zeros", Both, "0000013"),
        of("space around", Both, "  13\t"),
        of("a plus", Refused, "+13"),
        of("a minus", Refused, "-13"),
        of("hexadecimal", Refused, "0xd"),
        of("a fraction", Refused, "13.0"),
        of("an exponent", Refused, "13e0"),
        of("a comma and the same", Refused, "13, 13"),
        of("a comma and another", Refused, "13, 0"),
        of("a comma at the end", Refused, "13,"),
        of("a space within", Refused, "1 3"),
        of("a tab within", Refused, "1\t3"),
        of("a letter", Refused, "13x"),
        of("an underscore", Refused, "1_3"),
        of("digits that are none of ASCII", Refused, "\u{661}\u{663}"),
        of("nothing", Refused, ""),
        of("a semicolon", Refused, "13;x=1"),
        of("quotes", Refused, "\"13\""),
        of("beyond 64 bits", Refused, "18446744073709551629"),
        of("the largest", Refused, "18446744073709551615"),
        of("beyond the bound", Refused, "33554433"),
        framed("two that differ", Refused, "content-length: 13\r\ncontent-length: 0\r\n", BODY),
        framed(
            "two that differ, the other way",
            Refused,
            "content-length: 0\r\ncontent-length: 13\r\n",
            BODY,
        ),
        framed("a space before the colon", Refused, "content-length : 13\r\n", BODY),
        framed("a tab before the colon", Refused, "content-length\t: 13\r\n", BODY),
        framed("a folded length", Refused, "content-length:\r\n 13\r\n", BODY),
        framed("a NUL behind", Refused, "content-length: 13\0\r\n", BODY),
        framed("a carriage return within", Refused, "content-length: 13\rx: y\r\n", BODY),
        framed("an underscore for the hyphen", Refused, "content_length: 13\r\n", BODY),
        framed("no length at all", Refused, "", BODY),
    ]
}

fn codings() -> Vec<(&'static str, Fate, String)> {
    let of = |name, fate, value: &str| {
        framed(name, fate, &format!("transfer-encoding: {value}\r\n"), CHUNKS)
    };
    vec![
        of("chunked", Both, "chunked"),
        of("chunked in capitals", Both, "CHUNKED"),
        of("x in front", Refused, "xchunked"),
        of("x behind", Refused, "chunkedx"),
        of("identity", Refused, "identity"),
        of("gzip", Refused, "gzip"),
        of("chunked and then identity", Refused, "chunked, identity"),
        of("chunked and then gzip", Refused, "chunked, gzip"),
        of("quoted", Refused, "\"chunked\""),
        of("a semicolon", Refused, "chunked;q=1"),
        of("a vertical tab", Refused, "\x0bchunked"),
        of("a NUL", Refused, "chunked\0"),
        of("nothing", Refused, ""),
        of("a letter that is none of ASCII", Refused, "chun\u{212a}ed"),
        framed("a space before the colon", Refused, "transfer-encoding : chunked\r\n", CHUNKS),
        framed("folded", Refused, "transfer-encoding:\r\n chunked\r\n", CHUNKS),
        framed("an underscore", Refused, "transfer_encoding: chunked\r\n", CHUNKS),
        framed("TE.TE", Refused, "transfer-encoding: chunked\r\ntransfer-encoding: x\r\n", CHUNKS),
        framed(
            "CL.TE",
            OnceThenClosed,
            "content-length: 6\r\ntransfer-encoding: chunked\r\n",
            CHUNKS,
        ),
        framed(
            "CL.TE of no body",
            Refused,
            "content-length: 6\r\ntransfer-encoding: chunked\r\n",
            "0\r\n\r\nX",
        ),
        framed(
            "TE.CL",
            OnceThenClosed,
            "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
            CHUNKS,
        ),
        framed(
            "TE.CL of no number",
            OnceThenClosed,
            "transfer-encoding: chunked\r\ncontent-length: x\r\n",
            CHUNKS,
        ),
        framed(
            "CL.TE in which neither fits",
            Refused,
            "content-length: 13\r\ntransfer-encoding: chunked\r\n",
            BODY,
        ),
        framed(
            "CL.CL.TE",
            OnceThenClosed,
            "content-length: 3\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n",
            CHUNKS,
        ),
        framed(
            "TE of no chunks with CL",
            Refused,
            "transfer-encoding: x\r\ncontent-length: 13\r\n",
            BODY,
        ),
    ]
}

fn chunks() -> Vec<(&'static str, Fate, String)> {
    let of =
        |name, fate, chunks: &str| framed(name, fate, "transfer-encoding: chunked\r\n", chunks);
    vec![
        of("an extension", Both, "d;a=b\r\n{\"model\":\"m\"}\r\n0\r\n\r\n"),
        of("a quoted extension", Both, "d;a=\"b;c\"\r\n{\"model\":\"m\"}\r\n0;x\r\n\r\n"),
        of("many chunks", Both, "1\r\n{\r\n8\r\n\"model\":\r\n4\r\n\"m\"}\r\n0\r\n\r\n"),
        of("leading zeros", Both, "000d\r\n{\"model\":\"m\"}\r\n000\r\n\r\n"),
        of("a trailer", Both, "d\r\n{\"model\":\"m\"}\r\n0\r\nx-api-key: tc_bob\r\n\r\n"),
        of("a line feed in an extension", Refused, "d;a\nb\r\n{\"model\":\"m\"}\r\n0\r\n\r\n"),
        of("line feeds alone", Refused, "d\n{\"model\":\"m\"}\n0\n\n"),
        of("a line feed after the size", Refused, "d\n{\"model\":\"m\"}\r\n0\r\n\r\n"),
        of("a line feed after the data", Refused, "d\r\n{\"model\":\"m\"}\n0\r\n\r\n"),
        of("0x in front", Refused, "0xd\r\n{\"model\":\"m\"}\r\n0\r\n\r\n"),
        of("a plus", Refused, "+d\r\n{\"model\":\"m\"}\r\n0\r\n\r\n"),
        of("a minus", Refused, "-d\r\n{\"model\":\"m\"}\r\n0\r\n\r\n"),
        of("a space in front", Refused, " d\r\n{\"model\":\"m\"}\r\n0\r\n\r\n"),
        of("a digit after a space", Refused, "d 1\r\n{\"model\":\"m\"}\r\n0\r\n\r\n"),
        of("no size", Refused, "\r\n{\"model\":\"m\"}\r\n0\r\n\r\n"),
        of("a size of letters", Refused, "dg\r\n{\"model\":\"m\"}\r\n0\r\n\r\n"),
        of(
            "a size of 64 bits and one",
            Refused,
            "1000000000000000d\r\n{\"model\":\"m\"}\r\n0\r\n\r\n",
        ),
        of("the largest size", AwaitedInVain, "ffffffffffffffff\r\n{\"model\":\"m\"}\r\n0\r\n\r\n"),
        of("a size too small", Refused, "c\r\n{\"model\":\"m\"}\r\n0\r\n\r\n"),
        of("a size too large", Refused, "e\r\n{\"model\":\"m\"}\r\n0\r\n\r\n"),
        of("two characters in place of the line end", Refused, "d\r\n{\"model\":\"m\"}XX0\r\n\r\n"),
        of("a NUL in the size", Refused, "d\0\r\n{\"model\":\"m\"}\r\n0\r\n\r\n"),
        of("a quote", Refused, "\"d\"\r\n{\"model\":\"m\"}\r\n0\r\n\r\n"),
    ]
}

fn lines() -> Vec<(&'static str, Fate, String)> {
    let rest = format!("host: localhost\r\nx-api-key: {TOKEN}\r\ncontent-length: 13\r\n\r\n{BODY}");
    let of = |name, fate, first: &str| (name, fate, format!("{first}{rest}"));
    vec![
        of("a line end in front", Both, "\r\nPOST /anthropic/v1/messages HTTP/1.1\r\n"),
        of("HTTP/1.0", OnceThenClosed, "POST /anthropic/v1/messages HTTP/1.0\r\n"),
        of("HTTP/0.9", Refused, "POST /anthropic/v1/messages\r\n"),
        of("HTTP/2 in words", Refused, "POST /anthropic/v1/messages HTTP/2.0\r\n"),
        of("HTTP/1.2", Refused, "POST /anthropic/v1/messages HTTP/1.2\r\n"),
        of("http in small letters", Refused, "POST /anthropic/v1/messages http/1.1\r\n"),
        of("HTTP/2 prior knowledge", Refused, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        of("two spaces", Refused, "POST  /anthropic/v1/messages HTTP/1.1\r\n"),
        of("a tab", Refused, "POST\t/anthropic/v1/messages HTTP/1.1\r\n"),
        of("a space behind", Refused, "POST /anthropic/v1/messages HTTP/1.1 \r\n"),
        of("a NUL in the method", Refused, "PO\0ST /anthropic/v1/messages HTTP/1.1\r\n"),
        of("a colon in the method", Refused, "host:x /anthropic/v1/messages HTTP/1.1\r\n"),
        of(
            "absolute form with another host",
            RefusedAlone,
            "POST http://evil.example/anthropic/v1/messages HTTP/1.1\r\n",
        ),
        of(
            "absolute form with our host",
            RefusedAlone,
            "POST http://localhost/anthropic/v1/messages HTTP/1.1\r\n",
        ),
        of("a TLS hello", Refused, "\x16\x03\x01\x02\r\n"),
        (
            "HTTP/1.0 with chunks",
            Refused,
            format!(
                "POST /anthropic/v1/messages HTTP/1.0\r\nhost: localhost\r\nx-api-key: {TOKEN}\r\ntransfer-encoding: chunked\r\n\r\n{CHUNKS}"
            ),
        ),
        ("a body for GET", Both, format!("GET /anthropic/v1/models HTTP/1.1\r\n{rest}")),
    ]
}

#[tokio::test]
async fn no_framing_makes_two_requests_of_one_or_one_of_two() {
    let cases: Vec<_> = [lengths(), codings(), chunks(), lines()].into_iter().flatten().collect();
    assert!(cases.len() >= 90, "{} cases", cases.len());
    for (name, fate, bytes) in cases {
        let site = Site::new().await;
        let sent = format!("{bytes}{}", second());
        let answers = match fate {
            AwaitedInVain => {
                site.cut(sent.as_bytes()).await;
                Vec::new()
            }
            Refused | OnceThenClosed | RefusedAlone | Both => site.send(sent.as_bytes()).await,
        };
        let reached = site.provider.take();
        reached.iter().for_each(|message| check_credentials(&site, message));
        let statuses: Vec<u16> = answers.iter().map(Message::status).collect();
        let what = format!("{name}: {statuses:?} for {bytes:?}");
        assert!(reached.len() <= answers.len(), "{what}: more were asked than answered");
        let bodies: Vec<&[u8]> = reached.iter().map(|message| &message.body[..]).collect();
        let ours = if bytes.starts_with("GET") { "" } else { BODY };
        let (ours, theirs) = (ours.as_bytes(), &br#"{"model":"2nd"}"#[..]);
        match fate {
            Refused | AwaitedInVain => {
                assert_eq!(bodies, [&b""[..]; 0], "{what}");
                assert!(statuses.iter().all(|status| (400..=505).contains(status)), "{what}");
            }
            OnceThenClosed => {
                assert_eq!((&statuses[..], &bodies[..]), (&[200][..], &[ours][..]), "{what}")
            }
            RefusedAlone => {
                assert_eq!(
                    (&statuses[..], &bodies[..]),
                    (&[400, 200][..], &[theirs][..]),
                    "{what}"
                );
            }
            Both => assert_eq!(
                (&statuses[..], &bodies[..]),
                (&[200, 200][..], &[ours, theirs][..]),
                "{what}"
            ),
        }
    }
}

/// A client that hangs up within its body has asked nothing.
#[tokio::test]
async fn a_request_that_is_cut_anywhere_reaches_nobody() {
    let site = Site::new().await;
    for whole in [
        format!("{}content-length: 13\r\n\r\n{BODY}", head("/anthropic/v1/messages")),
        format!("{}transfer-encoding: chunked\r\n\r\n{CHUNKS}", head("/anthropic/v1/messages")),
    ] {
        for cut in 0..whole.len() {
            site.cut(&whole.as_bytes()[..cut]).await;
        }
    }
    assert_eq!(site.provider.take(), []);
    assert_eq!(site.provider.connections(), 0);
}
