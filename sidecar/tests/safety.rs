//! Who gets in, what gets out, and what never does.

mod support;

use std::time::Duration;

use http::{Method, StatusCode};
use sidecar::stand_in::StandIn;
use support::raw::{Raw, json};
use support::rig::Rig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const KEY: &str = "sk-pool-secret";
const MESSAGES: &str = "/anthropic/v1/messages";
const OK: &str = r#"{"model":"claude-haiku-4-5","usage":{"input_tokens":1,"output_tokens":1}}"#;

async fn before(answers: &[&str]) -> (Raw, Rig) {
    let raw = Raw::new(answers).await;
    let rig = Rig::before(raw.address, StandIn::new([]), &[KEY]).await;
    (raw, rig)
}

/// Sends exactly these bytes and gives the first line of the answer and the rest.
async fn send(rig: &Rig, bytes: &str) -> (String, String) {
    let mut stream = TcpStream::connect(rig.address).await.expect("a connection");
    stream.write_all(bytes.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(5), read).await.expect("an end").expect("bytes");
    let text = String::from_utf8(answer).expect("UTF-8");
    let (first, rest) = text.split_once("\r\n").unwrap_or((&text, ""));
    (first.to_owned(), rest.to_owned())
}

#[tokio::test]
async fn the_token_stays_here_and_the_key_goes_nowhere_else() {
    let answer = json("200 OK", "set-cookie: a=b\r\nopenai-organization: acme\r\n", OK);
    let (raw, rig) = before(&[&answer]).await;
    let got = rig.post(MESSAGES, "{\"model\":\"m\"}").await;
    let (head, _) = raw.request(0);
    assert!(!head.contains("tc_ann"), "{head}");
    assert!(head.contains(&format!("x-api-key: {KEY}")));
    assert!(head.starts_with("post /v1/messages http/1.1\r\n"), "{head}");
    let headers = format!("{:?}", got.headers);
    for secret in [KEY, "tc_ann", "acme", "a=b"] {
        assert!(!headers.contains(secret), "{headers}");
    }
    rig.sidecar.flush().await;
    let record = serde_json::to_string(&rig.books.records()).expect("JSON");
    assert!(!record.contains(KEY) && !record.contains("tc_ann"), "{record}");
}

#[tokio::test]
async fn a_token_that_is_not_good_gets_401_in_the_providers_shape_and_reaches_nobody() {
    let (raw, rig) = before(&[&json("200 OK", "", OK)]).await;
    for token in ["", "tc_bob", "tc_an", "tc_annn", KEY] {
        let answer = rig.ask(token, Method::POST, MESSAGES).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{token:?}");
        assert_eq!(answer.json()["error"]["type"], "authentication_error");
        let answer = rig.ask(token, Method::POST, "/openai/v1/responses").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{token:?}");
        assert_eq!(answer.json()["error"]["code"], "invalid_api_key");
    }
    assert_eq!(raw.count(), 0);
}

#[tokio::test]
async fn a_revoked_token_is_worthless_within_five_seconds() {
    let (_, rig) = before(&[&json("200 OK", "", OK)]).await;
    assert_eq!(rig.ask(&rig.ann, Method::POST, MESSAGES).await.status, StatusCode::OK);
    rig.tokens.0.lock().expect("no panic").clear();
    let revoked = tokio::time::Instant::now();
    while rig.ask(&rig.ann, Method::POST, MESSAGES).await.status == StatusCode::OK {
        assert!(revoked.elapsed() < Duration::from_secs(5), "still good after five seconds");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_fresh_token_works_at_once_though_it_was_refused_before() {
    let (_, rig) = before(&[&json("200 OK", "", OK)]).await;
    rig.tokens.0.lock().expect("no panic").clear();
    assert_eq!(rig.ask(&rig.ann, Method::POST, MESSAGES).await.status, StatusCode::UNAUTHORIZED);
    rig.tokens.give("ann");
    assert_eq!(rig.ask(&rig.ann, Method::POST, MESSAGES).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (other, _) = before(&[&json("200 OK", "", OK)]).await;
    let place = format!("location: http://{}/steal\r\n", other.address);
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let (raw, rig) = before(&[&json(status, &place, "{}")]).await;
        let answer = rig.post(MESSAGES, "{}").await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{status}");
        assert!(answer.headers.get("location").is_none());
        assert_eq!((raw.count(), other.count()), (1, 0), "{status}");
    }
}

#[tokio::test]
async fn odd_requests_on_the_wire_reach_nobody() {
    let (raw, rig) = before(&[&json("200 OK", "", OK)]).await;
    let host = "Host: localhost\r\n";
    let rest = "x-api-key: tc_ann\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    for (line, headers) in [
        ("POST http://evil.example/anthropic/v1/messages HTTP/1.1", host),
        ("POST https://api.anthropic.com/v1/messages HTTP/1.1", host),
        ("CONNECT api.anthropic.com:443 HTTP/1.1", host),
        ("OPTIONS * HTTP/1.1", host),
        ("POST //anthropic/v1/messages HTTP/1.1", host),
        ("POST /anthropic/../v1/messages HTTP/1.1", host),
        ("POST /anthropic/%2e%2e/v1/messages HTTP/1.1", host),
        ("POST /anthropic/v1%2fmessages HTTP/1.1", host),
        ("POST /anthropic/v1\\messages HTTP/1.1", host),
        ("POST /anthropic/v1/messages?key=x HTTP/1.1", host),
        ("POST /anthropic/v1/messages HTTP/1.1", ""),
        ("POST /anthropic/v1/messages HTTP/1.1", "Host: evil.example\r\n"),
        ("POST /anthropic/v1/messages HTTP/1.1", "Host: localhost.evil.example\r\n"),
        ("POST /anthropic/v1/messages HTTP/1.1", "Host: localhost\r\nHost: evil.example\r\n"),
        ("POST /anthropic/v1/messages HTTP/1.1", "Host: localhost\r\nUpgrade: websocket\r\n"),
        ("POST /anthropic/v1/messages HTTP/1.1", "Host: localhost\r\nContent-Length: 3\r\n"),
        ("POST /anthropic/v1/messages HTTP/1.1", "Host: localhost\r\nContent-Encoding: gzip\r\n"),
        ("POST /anthropic/v1/messages HTTP/1.1", "Host : localhost\r\n"),
        ("POST /anthropic/v1/messages HTTP/1.1", "Host: localhost\r\n folded: x\r\n"),
        ("POST /anthropic/v1/messages HTTP/1.0", ""),
        (
            "POST /anthropic/v1/messages HTTP/1.1",
            "Host: localhost\r\nTransfer-Encoding: chunked\r\n",
        ),
    ] {
        let (first, _) = send(&rig, &format!("{line}\r\n{headers}{rest}")).await;
        assert!(
            first.starts_with("HTTP/1.1 400") || first.starts_with("HTTP/1.0 400"),
            "{line} {headers}: {first}"
        );
    }
    assert_eq!(raw.count(), 0);
    let (first, _) = send(&rig, &format!("POST {MESSAGES} HTTP/1.1\r\n{host}{rest}")).await;
    assert_eq!(first, "HTTP/1.1 200 OK", "the plain request is served");
}

#[tokio::test]
async fn what_is_not_served_is_404_or_405_in_the_providers_shape() {
    let (raw, rig) = before(&[&json("200 OK", "", OK)]).await;
    for (method, path, status) in [
        (Method::GET, "/openai/v1/responses/resp_1", 404),
        (Method::DELETE, "/openai/v1/responses/resp_1", 404),
        (Method::GET, "/openai/v1/files", 404),
        (Method::POST, "/anthropic/v1/messages/batches", 404),
        (Method::GET, "/gemini/v1/models", 404),
        (Method::GET, "/openai/v1/responses", 405),
        (Method::PUT, "/anthropic/v1/messages", 405),
    ] {
        let answer = rig.ask(&rig.ann, method, path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert!(answer.json()["error"]["message"].is_string());
    }
    assert_eq!(raw.count(), 0);
}

#[tokio::test]
async fn a_body_that_cannot_be_read_or_is_too_large_is_refused() {
    let (raw, rig) = before(&[&json("200 OK", "", OK)]).await;
    for body in ["", "[]", "{", r#"{"stream":true,"stream":false}"#, "\"x\"", "{}{}"] {
        let answer = rig.post(MESSAGES, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body:?}");
    }
    let answer = rig.post(MESSAGES, vec![b' '; 33 * 1024 * 1024]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(raw.count(), 0);
}

#[tokio::test]
async fn a_body_too_large_to_repeat_still_passes_byte_for_byte() {
    let (raw, rig) = before(&[&json("200 OK", "", OK)]).await;
    let body = format!(r#"{{"model":"claude-haiku-4-5","x":"{}"}}"#, "y".repeat(9 * 1024 * 1024));
    assert_eq!(rig.post(MESSAGES, body.clone()).await.status, StatusCode::OK);
    let (head, got) = raw.request(0);
    assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
    assert!(got == body.as_bytes(), "the body was changed on its way");
    rig.sidecar.flush().await;
    assert_eq!(rig.books.records()[0].tokens.output, 1);
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_is_an_error_that_may_be_tried_again() {
    let (listener, nobody) = support::rig::listener().await;
    drop(listener);
    let rig = Rig::before(nobody, StandIn::new([]), &[KEY]).await;
    let answer = rig.post(MESSAGES, "{\"model\":\"claude-haiku-4-5\"}").await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert_eq!(answer.headers["x-should-retry"], "true");
    assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
}

#[tokio::test]
async fn https_is_spoken_where_it_is_asked_for_and_no_key_leaves_before_it_is_up() {
    let (listener, address) = support::rig::listener().await;
    let base = format!("https://{address}");
    let rig = Rig::at(base, address, StandIn::new([]), &[KEY]).await;
    let provider = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut hello = vec![0; 4096];
        let length = stream.read(&mut hello).await.expect("bytes");
        hello.truncate(length);
        // Something that is no TLS: the client must give up.
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.expect("written");
        let mut rest = Vec::new();
        // A reset is as good an end as any.
        let _reset = stream.read_to_end(&mut rest).await;
        hello.extend_from_slice(&rest);
        hello
    });
    let answer = rig.post(MESSAGES, "{\"model\":\"claude-haiku-4-5\"}").await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    let sent = provider.await.expect("no panic");
    assert_eq!(sent.first(), Some(&0x16), "a TLS handshake comes first");
    assert!(!sent.windows(KEY.len()).any(|window| window == KEY.as_bytes()));
}
