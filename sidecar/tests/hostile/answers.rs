//! Answers of a hostile or careless provider: only listed headers reach the client, and the key in
//! none of them, nor in the provider's own words of an error, however they are dressed.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::site::{KEY, Site, answer, ok};
use crate::support::strict::Message;

/// Every name that may reach a client. Written down a second time.
const LISTED: [&str; 16] = [
    "apim-request-id",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "openai-processing-ms",
    "request-id",
    "retry-after",
    "retry-after-ms",
    "transfer-encoding",
    "x-amzn-errortype",
    "x-amzn-requestid",
    "x-request-id",
    "x-should-retry",
    "x-teamclaw-attempts",
];
const PREFIXES: [&str; 5] = [
    "anthropic-ratelimit-",
    "ratelimitbysize-",
    "x-amzn-bedrock-",
    "x-ratelimit-",
    "x-ratelimitbysize-",
];
const MARK: &str = "h0st1le";
const STATUSES: [&str; 10] = [
    "200 OK",
    "302 Found",
    "400 Bad Request",
    "401 Unauthorized",
    "403 Forbidden",
    "404 Not Found",
    "429 Too Many Requests",
    "500 Internal Server Error",
    "503 Service Unavailable",
    "529 Overloaded",
];

/// Asks with the provider answering so. That no byte of the key is in what comes, the site sees to.
async fn got(site: &Site, answer: &[u8]) -> Message {
    site.provider.answers(answer);
    let got = site.ask(b"POST /anthropic/v1/messages", b"", "{\"model\":\"m\"}").await;
    site.provider.take();
    for (name, value) in &got.headers {
        let listed = LISTED.contains(&name.as_str())
            || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        assert!(listed, "{name}: {value} reached the client");
    }
    got
}

const DROPPED: &str = "
accept-ch access-control-allow-credentials access-control-allow-origin age alt-svc
anthropic-organization-id authorization cf-cache-status cf-ray clear-site-data content-disposition
content-location content-security-policy cookie cross-origin-opener-policy etag expect-ct
keep-alive link location nel openai-organization openai-project openai-version p3p
permissions-policy pragma proxy-authenticate proxy-authorization proxy-connection
public-key-pins refresh report-to reporting-endpoints server server-timing set-cookie set-cookie2
sourcemap strict-transport-security timing-allow-origin trailer upgrade vary via www-authenticate
x-accel-redirect x-api-key x-aspnet-version x-backend x-cache x-content-type-options
x-dns-prefetch-control x-forwarded-for x-frame-options x-goog-api-key x-powered-by x-sendfile
x-served-by x-teamclaw-downgrade x-xss-protection
";

#[tokio::test]
async fn a_header_that_is_not_listed_reaches_no_client() {
    let site = Site::new().await;
    for status in ["200 OK", "400 Bad Request", "500 Internal Server Error"] {
        for name in DROPPED.split_whitespace() {
            let headers = format!("{name}: {MARK}\r\n");
            let got = got(&site, answer(status, &headers, r#"{"x":1}"#).as_bytes()).await;
            assert_eq!(got.status().to_string(), status[..3], "{name}");
            assert!(!format!("{:?}", got.headers).contains(MARK), "{name}: {got:?}");
        }
    }
}

#[tokio::test]
async fn a_key_that_is_echoed_in_a_header_is_not_passed_on() {
    for status in STATUSES {
        for name in [
            "x-request-id",
            "request-id",
            "content-type",
            "content-encoding",
            "retry-after",
            "x-ratelimit-key",
            "anthropic-ratelimit-key",
            "x-amzn-errortype",
            "x-amzn-bedrock-x",
        ] {
            for value in [KEY.to_owned(), format!("Bearer {KEY}"), format!("k={KEY}; x")] {
                let site = Site::new().await;
                let head = format!("HTTP/1.1 {status}\r\n{name}: {value}\r\n{name}: {MARK}\r\n");
                let bytes = format!("{head}content-length: 2\r\n\r\n{{}}");
                got(&site, bytes.as_bytes()).await;
            }
        }
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).expect("written");
    encoder.finish().expect("gzip")
}

fn zlib(text: &str) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).expect("written");
    encoder.finish().expect("zlib")
}

#[tokio::test]
async fn a_key_that_is_echoed_in_an_error_is_not_passed_on_however_it_is_dressed() {
    for status in STATUSES.iter().filter(|status| !status.starts_with('2')) {
        for words in [
            format!(r#"{{"error":{{"message":"Incorrect API key provided: {KEY}."}}}}"#),
            format!("<html>{KEY}{KEY} {KEY}</html>"),
            format!("event: error\ndata: {{\"authorization\":\"Bearer {KEY}\"}}\n\n"),
            KEY.to_owned(),
        ] {
            let plain = words.clone().into_bytes();
            let mut chunked = format!("{:x}\r\n", plain.len()).into_bytes();
            chunked.extend_from_slice(&plain);
            chunked.extend_from_slice(b"\r\n0\r\n\r\n");
            let length = |bytes: &[u8]| format!("content-length: {}\r\n", bytes.len());
            for (headers, body) in [
                (length(&plain), plain.clone()),
                ("transfer-encoding: chunked\r\n".to_owned(), chunked),
                ("connection: close\r\n".to_owned() + &length(&plain), plain.clone()),
                ("content-encoding: gzip\r\n".to_owned() + &length(&gzip(&words)), gzip(&words)),
                ("content-encoding: deflate\r\n".to_owned() + &length(&zlib(&words)), zlib(&words)),
                ("content-encoding: br\r\n".to_owned() + &length(&gzip(&words)), gzip(&words)),
            ] {
                let site = Site::new().await;
                let mut bytes = format!("HTTP/1.1 {status}\r\n{headers}\r\n").into_bytes();
                bytes.extend_from_slice(&body);
                let got = got(&site, &bytes).await;
                let dressed = got.body == gzip(&words) || got.body == zlib(&words);
                assert!(!dressed, "{status} {headers}: the key is in the folds of it");
            }
        }
    }
}

#[tokio::test]
async fn an_error_in_plain_words_still_comes_through_word_for_word() {
    let site = Site::new().await;
    let words = r#"{"type":"error","error":{"type":"invalid_request_error","message":"no"}}"#;
    let got = got(&site, answer("400 Bad Request", "x-request-id: r1\r\n", words).as_bytes()).await;
    assert_eq!((got.status(), &got.body[..]), (400, words.as_bytes()));
    assert_eq!(got.all("x-request-id"), ["r1"]);
}

/// What a provider adds to its answer is nobody's: not the next request's, not another person's.
#[tokio::test]
async fn what_a_provider_sends_unasked_answers_no_later_request() {
    let poison = answer("200 OK", "", r#"{"model":"p0ison","usage":{"input_tokens":9}}"#);
    for first in [
        format!("{}{poison}", ok()),
        format!("{}\r\n", ok()),
        format!("{}garbage", ok()),
        format!("HTTP/1.1 204 No Content\r\n\r\n{poison}"),
        format!("HTTP/1.1 204 No Content\r\ncontent-length: 9\r\n\r\n{poison}"),
        format!(
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n{poison}"
        ),
        format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 200\r\n\r\n{{}}{poison}"),
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\nx: y\r\n\r\n{poison}"
        ),
        format!("HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{{}}{poison}"),
        format!(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n{}{poison}",
            ok()
        ),
    ] {
        let site = Site::new().await;
        site.provider.answers(first.as_bytes());
        let line = b"POST /anthropic/v1/messages";
        let raw = site.raw(&request(line)).await;
        let seen = String::from_utf8_lossy(&raw);
        let whole =
            first.starts_with("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 200");
        assert!(whole || !seen.contains("p0ison"), "{first}: {seen}");
        site.provider.answers(ok());
        for _ in 0..3 {
            let next = site.ask(line, b"", "{\"model\":\"m\"}").await;
            let text = String::from_utf8_lossy(&next.body).into_owned();
            assert_eq!((next.status(), text.contains("p0ison")), (200, false), "{first}: {text}");
        }
    }
}

fn request(line: &[u8]) -> Vec<u8> {
    let mut bytes = line.to_vec();
    bytes.extend_from_slice(
        b" HTTP/1.1\r\nhost: localhost\r\nx-api-key: tc_ann\r\nconnection: close\r\n\
          content-length: 13\r\n\r\n{\"model\":\"m\"}",
    );
    bytes
}

/// An answer that is none: nothing of it is passed on as if it were.
#[tokio::test]
async fn what_is_no_answer_is_an_error_of_the_provider() {
    for bytes in [
        &b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\nx"
            [..],
        b"HTTP/1.1 999 Odd\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 099 Odd\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n{}",
        b"HTTP/1.1 200\0OK\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nx: \0\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nx : y\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2, 3\r\n\r\n{}",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"220 mail.example ESMTP\r\n",
        b"\x16\x03\x01\x00\x05hello",
        b"<html>hello</html>\r\n\r\n",
    ] {
        let site = Site::new().await;
        let got = got(&site, bytes).await;
        let shown = String::from_utf8_lossy(bytes);
        assert_eq!(got.status(), 502, "{shown}: {got:?}");
        assert_eq!(got.all("upgrade"), Vec::<&str>::new(), "{shown}");
    }
}
