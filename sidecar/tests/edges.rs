//! The edges of HTTP, byte by byte: what a client reads and what a provider gets when one of them
//! does what is rare but right, or stops in the middle.

mod support;

use std::time::Duration;

use events::usage::{Completion, Tokens, UsageRecord};
use http::StatusCode;
use http_body_util::BodyExt;
use sidecar::Config;
use sidecar::stand_in::StandIn;
use support::raw::{Raw, json};
use support::rig::{Rig, listener, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const MESSAGES: &str = "/anthropic/v1/messages";
const ASKED: &str = r#"{"model":"m"}"#;
const BODY: &str = r#"{"model":"m","usage":{"input_tokens":5,"output_tokens":2}}"#;
/// Until something was certainly not going to come.
const NEVER: Duration = Duration::from_millis(300);

async fn before(answers: &[&str]) -> (Raw, Rig) {
    let raw = Raw::new(answers).await;
    let rig = Rig::before(raw.address, StandIn::new([]), &["sk-pool-one"]).await;
    (raw, rig)
}

/// A provider whose connections the test holds in its own hands.
async fn by_hand() -> (TcpListener, Rig) {
    let (listener, address) = listener().await;
    (listener, Rig::before(address, StandIn::new([]), &["sk-pool-one"]).await)
}

/// The next connection, with its request read.
async fn asked(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let mut got = Vec::new();
    while !got.ends_with(ASKED.as_bytes()) {
        assert!(stream.read_buf(&mut got).await.expect("bytes") > 0);
    }
    stream
}

/// The head of a request, with its body to follow.
fn head(line: &str, token: &str, more: &str) -> String {
    format!("{line} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {token}\r\n{more}\r\n")
}

fn post(rig: &Rig, more: &str) -> String {
    let more = format!("content-length: {}\r\n{more}", ASKED.len());
    head(&format!("POST {MESSAGES}"), &rig.ann, &more)
}

async fn client(rig: &Rig, bytes: &str) -> TcpStream {
    let mut stream = TcpStream::connect(rig.address).await.expect("a connection");
    stream.write_all(bytes.as_bytes()).await.expect("written");
    stream
}

/// What comes until so many bytes end it.
async fn read_to(stream: &mut TcpStream, end: &str) -> String {
    let mut got = Vec::new();
    while !got.ends_with(end.as_bytes()) {
        let n = stream.read_buf(&mut got).await.expect("bytes");
        assert!(n > 0, "it ended after {:?}", String::from_utf8_lossy(&got));
    }
    String::from_utf8(got).expect("UTF-8")
}

/// All that comes.
async fn rest(mut stream: TcpStream) -> String {
    let mut got = Vec::new();
    stream.read_to_end(&mut got).await.expect("an end");
    String::from_utf8(got).expect("UTF-8")
}

async fn records(rig: &Rig, count: usize) -> Vec<UsageRecord> {
    until("they are there", || rig.books.records().len() >= count).await;
    rig.sidecar.flush().await;
    rig.books.records()
}

fn used() -> Tokens {
    Tokens { uncached_input: 5, output: 2, ..Tokens::default() }
}

#[tokio::test]
async fn an_answer_to_head_has_no_body_and_the_connection_goes_on() {
    let (raw, rig) = before(&[&json("200 OK", "", "{}")]).await;
    let asked = head("HEAD /openai/v1/models", &rig.ann, "");
    let next = head("GET /openai/v1/models", &rig.ann, "connection: close\r\n");
    let mut stream = client(&rig, &asked).await;
    let first = read_to(&mut stream, "\r\n\r\n").await;
    assert!(first.starts_with("HTTP/1.1 405 "), "{first}");
    stream.write_all(next.as_bytes()).await.expect("written");
    let second = rest(stream).await;
    assert!(second.starts_with("HTTP/1.1 200 ") && second.ends_with("{}"), "{second}");
    assert_eq!(raw.count(), 1);
}

#[tokio::test]
async fn a_client_is_told_to_go_on_only_once_it_is_admitted() {
    let (raw, rig) = before(&[&json("200 OK", "", BODY)]).await;
    let expects = "expect: 100-continue\r\nconnection: close\r\n";
    let mut stream = client(&rig, &post(&rig, expects)).await;
    let told = read_to(&mut stream, "\r\n\r\n").await;
    assert!(told.starts_with("HTTP/1.1 100 "), "{told}");
    stream.write_all(ASKED.as_bytes()).await.expect("written");
    let answer = rest(stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(BODY), "{answer}");
    assert!(!raw.request(0).0.contains("expect"), "the provider has nothing to wait for");
    for (line, token, status) in [
        (format!("POST {MESSAGES}"), "tc_nobody", "401"),
        ("POST /anthropic/v1/files".to_owned(), &*rig.ann, "404"),
    ] {
        let more = format!("content-length: {}\r\n{expects}", ASKED.len());
        let answer = rest(client(&rig, &head(&line, token, &more)).await).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(!answer.contains("100 Continue"), "{answer}");
    }
    assert_eq!(raw.count(), 1);
}

#[tokio::test]
async fn what_a_provider_says_before_its_answer_is_not_the_answer() {
    let hints = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n\
        HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n";
    let (_raw, rig) = before(&[&format!("{hints}{}", json("200 OK", "", BODY))]).await;
    let asked = format!("{}{ASKED}", post(&rig, "connection: close\r\n"));
    let answer = rest(client(&rig, &asked).await).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(BODY), "{answer}");
    assert!(!answer.contains("Early Hints") && !answer.contains("link"), "{answer}");
    assert_eq!(records(&rig, 1).await[0].tokens, used());
}

#[tokio::test]
async fn a_switch_that_nobody_asked_for_is_no_answer() {
    let (_raw, rig) = before(&["HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"]).await;
    assert_eq!(rig.post(MESSAGES, ASKED).await.status, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn trailers_stay_here_and_the_body_is_whole() {
    let length = BODY.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\
         trailer: x-secret\r\n\r\n{length:x};ext=1\r\n{BODY}\r\n0\r\nx-secret: acme\r\n\r\n"
    );
    let (_raw, rig) = before(&[&answer]).await;
    let asked = format!("{}{ASKED}", post(&rig, "te: trailers\r\nconnection: close\r\n"));
    let answer = rest(client(&rig, &asked).await).await;
    assert!(answer.contains(BODY) && answer.ends_with("\r\n0\r\n\r\n"), "{answer}");
    assert!(!answer.to_lowercase().contains("trailer") && !answer.contains("x-secret"), "{answer}");
    let record = &records(&rig, 1).await[0];
    assert_eq!((record.tokens, record.completion), (used(), Completion::Complete));
}

#[tokio::test]
async fn an_answer_without_a_body_is_one() {
    let none = "HTTP/1.1 204 No Content\r\nx-request-id: 1\r\n\r\n";
    let (_raw, rig) = before(&[none]).await;
    let asked = format!("{}{ASKED}", post(&rig, ""));
    let mut stream = client(&rig, &asked).await;
    let answer = read_to(&mut stream, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    assert!(!answer.contains("transfer-encoding"), "{answer}");
    // The connection goes on, and nothing of a body is in the way.
    stream.write_all(asked.as_bytes()).await.expect("written");
    assert!(read_to(&mut stream, "\r\n\r\n").await.starts_with("HTTP/1.1 204 "));
}

#[tokio::test]
async fn an_answer_that_only_a_cache_can_use_is_none() {
    let (_raw, rig) = before(&["HTTP/1.1 304 Not Modified\r\netag: \"x\"\r\n\r\n"]).await;
    assert_eq!(rig.post(MESSAGES, ASKED).await.status, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn an_answer_that_ends_with_its_connection_is_whole() {
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{BODY}");
    let (_raw, rig) = before(&[&answer]).await;
    let answer = rig.post(MESSAGES, ASKED).await;
    assert_eq!((answer.status, answer.text()), (StatusCode::OK, BODY));
    let record = &records(&rig, 1).await[0];
    assert_eq!((record.tokens, record.completion), (used(), Completion::Complete));
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_for_the_client_too() {
    let part = r#"{"type":"message_start","message":{"usage":{"input_tokens":5}}}"#;
    let events = format!("data: {part}\n\n");
    let stream = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
    for (answer, whole) in [
        (
            format!("{stream}transfer-encoding: chunked\r\n\r\n{:x}\r\n{events}\r\n", events.len()),
            "0\r\n\r\n",
        ),
        (format!("{stream}transfer-encoding: chunked\r\n\r\nfff\r\n{events}"), "0\r\n\r\n"),
        (format!("{stream}content-length: 9999\r\n\r\n{events}"), "\0"),
    ] {
        let (_raw, rig) = before(&[&answer]).await;
        let asked = format!("{}{ASKED}", post(&rig, ""));
        let got = rest(client(&rig, &asked).await).await;
        assert!(got.contains(part), "what came is passed on: {got}");
        assert!(!got.ends_with(whole), "it must not look whole: {got}");
        let record = &records(&rig, 1).await[0];
        assert_eq!((record.completion, record.tokens.uncached_input), (Completion::Aborted, 5));
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_hangs_up_on_the_provider() {
    let (listener, rig) = by_hand().await;
    let asked_for = format!("{}{ASKED}", post(&rig, ""));
    for answer in ["", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"] {
        let mut stream = client(&rig, &asked_for).await;
        let mut provider = asked(&listener).await;
        if !answer.is_empty() {
            provider.write_all(answer.as_bytes()).await.expect("written");
            read_to(&mut stream, "hello\r\n").await;
        }
        drop(stream);
        let end = tokio::time::timeout(Duration::from_secs(5), provider.read(&mut [0; 1])).await;
        // Hung up, however roughly.
        assert!(matches!(end.expect("soon"), Ok(0) | Err(_)), "after {answer:?}");
    }
    assert_eq!(records(&rig, 2).await.len(), 2);
}

#[tokio::test]
async fn a_megabyte_is_the_same_however_it_is_cut() {
    let mut state = 11_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    let body: Vec<u8> = (0..1024 * 1024).map(|_| random() as u8).collect();
    let mut answer =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_vec();
    let mut left = &body[..];
    while !left.is_empty() {
        let (part, after) = left.split_at(left.len().min(1 + random() as usize % 9000));
        left = after;
        answer.extend(format!("{:X}\r\n", part.len()).bytes());
        answer.extend(part);
        answer.extend(b"\r\n");
    }
    answer.extend(b"0\r\n\r\n");
    let (listener, rig) = by_hand().await;
    let writes = async {
        let mut provider = asked(&listener).await;
        let mut left = &answer[..];
        while !left.is_empty() {
            let (part, after) = left.split_at(left.len().min(1 + random() as usize % 5000));
            left = after;
            provider.write_all(part).await.expect("written");
            tokio::task::yield_now().await;
        }
        provider
    };
    let (_provider, got) = tokio::join!(writes, rig.post(MESSAGES, ASKED));
    assert!(got.body == body, "byte for byte");
}

#[tokio::test]
async fn a_client_that_reads_nothing_holds_up_the_provider() {
    let (listener, rig) = by_hand().await;
    let asked_for = format!("{}{ASKED}", post(&rig, ""));
    let _stream = client(&rig, &asked_for).await;
    let mut provider = asked(&listener).await;
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    provider.write_all(head).await.expect("written");
    let (piece, mut written) = ([b'x'; 64 * 1024], 0);
    while let Ok(result) = tokio::time::timeout(NEVER, provider.write_all(&piece)).await {
        result.expect("written");
        written += piece.len();
        // What two kernels buffer is a few megabytes; more than that must be held by somebody.
        assert!(written < 32 * 1024 * 1024, "somebody keeps what nobody reads");
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_not_waited_for_without_an_end() {
    let (listener, rig) = by_hand().await;
    let asked_for = format!("{}{ASKED}", post(&rig, ""));
    let _stream = client(&rig, &asked_for).await;
    let mut provider = asked(&listener).await;
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    provider.write_all(head).await.expect("written");
    let piece = [b'x'; 64 * 1024];
    while tokio::time::timeout(NEVER, provider.write_all(&piece)).await.is_ok() {}
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(11 * 60)).await;
    tokio::time::resume();
    let ended = async { while provider.write_all(&piece).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("it is hung up on");
    assert_eq!(records(&rig, 1).await[0].completion, Completion::Aborted);
}

#[tokio::test]
async fn an_answer_that_never_ends_is_ended_for_a_slow_client_too() {
    let (listener, address) = listener().await;
    let upstreams = [("anthropic".to_owned(), format!("http://{address}"))].into();
    let config = Config { upstreams, total_max: Some(NEVER), ..Config::default() };
    let rig = Rig::with(config, address, StandIn::new([]), &["sk-pool-one"]).await;
    let mut stream = client(&rig, &format!("{}{ASKED}", post(&rig, ""))).await;
    let mut provider = asked(&listener).await;
    let writes = async move {
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        provider.write_all(head).await.expect("written");
        while provider.write_all(&[b'x'; 64 * 1024]).await.is_ok() {}
    };
    let reads = async move {
        let mut buffer = vec![0; 64 * 1024];
        while stream.read(&mut buffer).await.is_ok_and(|n| n > 0) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let both = async { tokio::join!(writes, reads) };
    tokio::time::timeout(Duration::from_secs(20), both).await.expect("it is ended");
    assert_eq!(records(&rig, 1).await[0].completion, Completion::Aborted);
}

#[tokio::test]
async fn an_answer_that_never_ends_is_ended() {
    let (listener, address) = listener().await;
    let upstreams = [("anthropic".to_owned(), format!("http://{address}"))].into();
    let total_max = Some(NEVER);
    let config = Config { upstreams, total_max, ..Config::default() };
    let rig = Rig::with(config, address, StandIn::new([]), &["sk-pool-one"]).await;
    for says_more in [true, false] {
        let provider = async {
            let mut provider = asked(&listener).await;
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n";
            provider.write_all(head.as_bytes()).await.expect("written");
            if !says_more {
                assert!(matches!(provider.read(&mut [0; 1]).await, Ok(0) | Err(_)));
                return;
            }
            while provider.write_all(b"1\r\n \r\n").await.is_ok() {}
        };
        let (response, ()) = tokio::join!(
            async { rig.open(MESSAGES, ASKED).await.into_body().collect().await },
            provider
        );
        assert!(response.is_err(), "it must not look whole");
    }
    let records = records(&rig, 2).await;
    assert!(records.iter().all(|record| record.completion == Completion::Aborted));
}
