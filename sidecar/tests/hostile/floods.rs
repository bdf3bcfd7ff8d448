//! More than there is room for, slower than anybody should be, and without an end: each is bounded,
//! and who behaves is served meanwhile. Slow things take simulated time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Method, StatusCode};
use http_body_util::BodyExt;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sidecar::stand_in::StandIn;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::site::{KEY, TOKEN, answer};
use crate::support::gate::{Gate, Manners};
use crate::support::raw::{Raw, json};
use crate::support::rig::{Rig, listener, whole};

const MESSAGES: &str = "/anthropic/v1/messages";
const ASKED: &str = r#"{"model":"m"}"#;
const OK: &str = r#"{"model":"m","usage":{"input_tokens":1,"output_tokens":1}}"#;
/// What is opened by somebody who says nothing.
const QUIET: usize = 10_000;
/// How many the sidecar serves at once.
const CONNECTIONS_MAX: usize = 1024;

/// Both ends of every connection are in this process.
fn room_for_files() {
    let wanted = (2 * QUIET) as u64;
    let now = getrlimit(Resource::Nofile);
    if now.current.is_some_and(|current| current < wanted) {
        let most = now.maximum.unwrap_or(wanted);
        assert!(most >= wanted / 2 + 3000, "this test needs 13,000 open files, not {most}");
        let current = Some(wanted.min(most));
        setrlimit(Resource::Nofile, Rlimit { current, ..now }).expect("a limit below the hard one");
    }
}

#[tokio::test]
async fn ten_thousand_who_say_nothing_keep_nobody_out() {
    room_for_files();
    let gate = Gate::holding().await;
    gate.set("k1", Manners::good());
    let rig = Rig::before(gate.address, StandIn::new([]), &["k1"]).await;
    let under_way = rig.open(MESSAGES, ASKED).await;
    assert_eq!(under_way.status(), StatusCode::OK);
    let mut quiet = Vec::new();
    for n in 0..QUIET {
        let mut stream = TcpStream::connect(rig.address).await.expect("a connection");
        // Some have begun to say something.
        if n % 3 == 0 {
            stream.write_all(b"POST /anthropic/v1/mess").await.expect("written");
        }
        quiet.push(stream);
        if n % 1000 == 999 {
            let answer = rig.ask(&rig.ann, Method::GET, "/anthropic/v1/files").await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "served after {n} others");
        }
    }
    gate.let_go(1);
    let whole = whole(under_way).await;
    assert_eq!(whole.json()["usage"]["input_tokens"], 1, "what was under way is not cut");
    let mut open = 0;
    for stream in &mut quiet {
        let mut byte = [0];
        let closed = timeout(Duration::ZERO, stream.read(&mut byte)).await.is_ok();
        open += usize::from(!closed);
    }
    assert!((CONNECTIONS_MAX / 2..=CONNECTIONS_MAX).contains(&open), "{open} are still open");
}

async fn before(answer: &str) -> (Raw, Rig) {
    let raw = Raw::new(&[answer]).await;
    let rig = Rig::before(raw.address, StandIn::new([]), &[KEY]).await;
    (raw, rig)
}

/// Reads to the end and gives what came.
async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    // A reset is as good an end as any.
    let _reset = stream.read_to_end(&mut all).await;
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_is_waited_for_half_a_minute_however_it_drips() {
    let (raw, rig) = before(&json("200 OK", "", OK)).await;
    let head = format!("POST {MESSAGES} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {TOKEN}\r\n");
    for sent in ["", "P", "POST /anthropic", &head] {
        let mut stream = TcpStream::connect(rig.address).await.expect("a connection");
        stream.write_all(sent.as_bytes()).await.expect("written");
        let begun = Instant::now();
        rest(&mut stream).await;
        assert!(begun.elapsed() <= Duration::from_secs(31), "{sent:?}: {:?}", begun.elapsed());
    }
    let mut stream = TcpStream::connect(rig.address).await.expect("a connection");
    stream.write_all(head.as_bytes()).await.expect("written");
    let begun = Instant::now();
    while stream.write_all(b"x: y\r\n").await.is_ok() {
        sleep(Duration::from_secs(1)).await;
        assert!(begun.elapsed() <= Duration::from_secs(33), "it still listens");
    }
    assert_eq!(raw.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_waited_for_a_minute_and_reaches_nobody() {
    let (raw, rig) = before(&json("200 OK", "", OK)).await;
    for framing in ["content-length: 100", "transfer-encoding: chunked"] {
        let mut stream = TcpStream::connect(rig.address).await.expect("a connection");
        let head = format!("POST {MESSAGES} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {TOKEN}\r\n");
        let begin = if framing.starts_with('c') { "{" } else { "1\r\n{\r\n" };
        let bytes = format!("{head}{framing}\r\n\r\n{begin}");
        stream.write_all(bytes.as_bytes()).await.expect("written");
        let begun = Instant::now();
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(begun.elapsed() <= Duration::from_secs(61), "{:?}", begun.elapsed());
    }
    assert_eq!(raw.count(), 0);
}

#[tokio::test]
async fn one_workspace_with_too_many_slow_requests_is_told_so_and_stops_no_other() {
    let (_, rig) = before(&json("200 OK", "", OK)).await;
    let bob = rig.tokens.give("bob");
    // A request that is not metered, for the rig knows of Ann's activity alone.
    let head = format!(
        "GET /anthropic/v1/models HTTP/1.1\r\nhost: localhost\r\nx-api-key: {bob}\r\n\
         expect: 100-continue\r\ncontent-length: 100\r\n\r\n"
    );
    let mut slow = Vec::new();
    loop {
        let mut stream = TcpStream::connect(rig.address).await.expect("a connection");
        stream.write_all(head.as_bytes()).await.expect("written");
        let mut line = [0; 12];
        stream.read_exact(&mut line).await.expect("a first word");
        if &line != b"HTTP/1.1 100" {
            assert_eq!(&line, b"HTTP/1.1 429");
            break;
        }
        slow.push(stream);
    }
    assert_eq!(slow.len(), 64);
    assert_eq!(rig.post(MESSAGES, ASKED).await.status, StatusCode::OK, "Ann is not Bob");
}

/// A provider that reads the head of one request, says something, and goes on saying it without an
/// end. Counts how much it said, and the connections that were closed on it.
async fn endless(
    head: &'static str,
    again: Vec<u8>,
    pause: Duration,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let (listener, address) = listener().await;
    let closed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&closed);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (again, count) = (again.clone(), Arc::clone(&count));
            tokio::spawn(async move {
                let mut some = [0; 4096];
                let _head = stream.read(&mut some).await;
                let _gone = stream.write_all(head.as_bytes()).await;
                while stream.write_all(&again).await.is_ok() {
                    sleep(pause).await;
                }
                count.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    (address, closed)
}

#[tokio::test(start_paused = true)]
async fn an_error_without_an_end_is_left_alone_and_its_connection_closed() {
    let chunk = |n: usize| format!("{n:x}\r\n{}\r\n", "x".repeat(n)).into_bytes();
    for (status, expected) in [
        ("500 Trouble", 502),
        ("400 Bad Request", 502),
        ("429 Too Many", 429),
        ("401 Unauthorized", 503),
    ] {
        for (again, pause) in [(chunk(16_384), 0), (chunk(1), 1_000)] {
            let head: &'static str =
                format!("HTTP/1.1 {status}\r\ntransfer-encoding: chunked\r\n\r\n").leak();
            let (address, closed) = endless(head, again, Duration::from_millis(pause)).await;
            let rig = Rig::before(address, StandIn::new([]), &["k1", "k2"]).await;
            let begun = Instant::now();
            let answer = rig.post(MESSAGES, ASKED).await;
            assert!(begun.elapsed() <= Duration::from_secs(25), "{status}: {:?}", begun.elapsed());
            assert_eq!(answer.status.as_u16(), expected, "{status}: {}", answer.text());
            assert!(!answer.text().contains("xxx"), "{status}");
            let tries = if expected == 502 { 1 } else { 2 };
            let hung_up = async {
                while closed.load(Ordering::SeqCst) < tries {
                    sleep(Duration::from_millis(100)).await;
                }
            };
            timeout(Duration::from_secs(60), hung_up).await.expect("the provider is hung up on");
        }
    }
}

/// A provider that swallows: it counts what comes and never answers.
async fn swallower() -> (SocketAddr, Arc<AtomicUsize>) {
    let (listener, address) = listener().await;
    let swallowed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&swallowed);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let mut some = vec![0; 1 << 18];
                while let Ok(read @ 1..) = stream.read(&mut some).await {
                    count.fetch_add(read, Ordering::SeqCst);
                }
            });
        }
    });
    (address, swallowed)
}

#[tokio::test]
async fn a_body_without_an_end_is_cut_at_its_bound() {
    let (address, swallowed) = swallower().await;
    let rig = Rig::before(address, StandIn::new([]), &[KEY]).await;
    let mut stream = TcpStream::connect(rig.address).await.expect("a connection");
    let head = format!(
        "POST {MESSAGES} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {TOKEN}\r\n\
         transfer-encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("written");
    let chunk = format!("100000\r\n{}\r\n", " ".repeat(1 << 20));
    let mut sent = 0;
    while stream.write_all(chunk.as_bytes()).await.is_ok() {
        sent += 1;
        assert!(sent < 100, "it takes more than it should");
    }
    let got = swallowed.load(Ordering::SeqCst);
    assert!(got <= 33 << 20, "{got} bytes reached the provider");
    rig.sidecar.flush().await;
    assert_eq!(rig.books.records().len(), 1, "what may have been billed is counted");
}

#[tokio::test]
async fn json_of_any_depth_harms_nobody() {
    let deep = |n: usize, open: &str, close: &str| open.repeat(n) + "1" + &close.repeat(n);
    let (_, rig) = before(&json("200 OK", "", OK)).await;
    for n in [200, 1_000_000] {
        for (body, status) in [
            (format!(r#"{{"x":{},"model":"m"}}"#, deep(n, "[", "]")), 200),
            (format!(r#"{{"x":{},"model":"m"}}"#, deep(n, "{\"a\":", "}")), 200),
            (format!(r#"{{"stream":true,"stream_options":{}}}"#, deep(n, "[", "]")), 200),
            (format!(r#"{{"stream":true,"stream_options":{}}}"#, deep(n, "{\"a\":", "}")), 200),
            (format!(r#"{{"model":{}}}"#, deep(n, "[", "]")), 400),
            (deep(n, "[", "]"), 400),
            ("[".repeat(n), 400),
            ("{\"a\":".repeat(n), 400),
        ] {
            let answer = rig.post("/openai/v1/chat/completions", body.clone()).await;
            let begin = &body[..60];
            assert_eq!(answer.status.as_u16(), status, "{begin}: {}", answer.text());
        }
    }
    for n in [200, 100_000] {
        for usage in [
            deep(n, "[", "]"),
            deep(n, "{\"input_tokens\":", "}"),
            "[".repeat(n),
            format!("{{\"input_tokens\":1,\"x\":{}}}", deep(n, "[", "]")),
        ] {
            let bomb = format!(r#"{{"model":"m","usage":{usage}}}"#);
            let (_, rig) = before(&json("200 OK", "", &bomb)).await;
            let answer = rig.post(MESSAGES, ASKED).await;
            assert_eq!(answer.text(), bomb, "byte for byte");
            rig.sidecar.flush().await;
            assert_eq!(rig.books.records().len(), 1);
        }
    }
}

#[tokio::test]
async fn an_error_of_many_folds_is_not_unfolded() {
    use std::io::Write as _;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&vec![b'x'; 32 << 20]).expect("written");
    let folded = gzip.finish().expect("gzip");
    assert!(folded.len() < 64 * 1024, "it passes for an error's length");
    let head = answer("400 Bad Request", "connection: close\r\ncontent-encoding: gzip\r\n", "");
    let mut bytes = head
        .replace("content-length: 0", &format!("content-length: {}", folded.len()))
        .into_bytes();
    bytes.extend_from_slice(&folded);
    let raw = Raw::bytes(vec![bytes]).await;
    let rig = Rig::before(raw.address, StandIn::new([]), &[KEY]).await;
    let got = rig.open(MESSAGES, ASKED).await;
    assert_eq!(got.status(), StatusCode::BAD_GATEWAY);
    let body = got.into_body().collect().await.expect("a body").to_bytes();
    assert!(body.len() < 1000, "{} bytes", body.len());
}
