//! The connections to a provider: kept, looked at before they are used again, closed when idle.

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::StatusCode;
use sidecar::stand_in::StandIn;
use support::rig::{Rig, listener};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MESSAGES: &str = "/anthropic/v1/messages";
const ASKED: &str = r#"{"model":"m"}"#;
const BODY: &str = r#"{"model":"m","usage":{"input_tokens":1,"output_tokens":1}}"#;
/// Longer than an idle connection is kept.
const LONG: Duration = Duration::from_secs(15);

/// Connections that were made, and that are over.
#[derive(Default)]
struct Seen {
    opened: AtomicUsize,
    over: AtomicUsize,
}

/// A provider that serves so many requests on each connection and then closes it without a word.
struct Provider {
    address: SocketAddr,
    seen: Arc<Seen>,
}

impl Provider {
    async fn new(answer: String, requests: usize) -> Self {
        let (listener, address) = listener().await;
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.opened.fetch_add(1, Ordering::SeqCst);
                let (answer, seen) = (answer.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    serve(stream, &answer, requests).await;
                    seen.over.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, seen }
    }

    async fn rig(&self) -> Rig {
        Rig::before(self.address, StandIn::new([]), &["sk-1"]).await
    }

    fn opened(&self) -> usize {
        self.seen.opened.load(Ordering::SeqCst)
    }

    fn over(&self) -> usize {
        self.seen.over.load(Ordering::SeqCst)
    }
}

/// Requests here end with their only brace.
async fn serve(mut stream: TcpStream, answer: &str, requests: usize) {
    for _ in 0..requests {
        let mut got = Vec::new();
        while got.last() != Some(&b'}') {
            if stream.read_buf(&mut got).await.unwrap_or(0) == 0 {
                return;
            }
        }
        stream.write_all(answer.as_bytes()).await.expect("written");
    }
}

fn json() -> String {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    format!("{head}content-length: {}\r\n\r\n{BODY}", BODY.len())
}

fn chunked() -> String {
    let data = "data: {\"type\":\"message_stop\"}\n\n";
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
    let length = data.len();
    format!("{head}transfer-encoding: chunked\r\n\r\n{length:x}\r\n{data}\r\n0\r\n\r\n")
}

#[tokio::test]
async fn one_connection_serves_one_request_after_another() {
    for answer in [json(), chunked()] {
        let provider = Provider::new(answer, usize::MAX).await;
        let rig = provider.rig().await;
        for _ in 0..20 {
            assert_eq!(rig.post(MESSAGES, ASKED).await.status, StatusCode::OK);
        }
        assert_eq!(provider.opened(), 1);
    }
}

#[tokio::test]
async fn what_the_provider_closed_meanwhile_is_not_used_again() {
    let provider = Provider::new(json(), 1).await;
    let rig = provider.rig().await;
    for n in 1..=20 {
        assert_eq!(rig.post(MESSAGES, ASKED).await.status, StatusCode::OK);
        support::rig::until("the provider closes", || provider.over() == n).await;
    }
    assert_eq!(provider.opened(), 20);
    rig.sidecar.flush().await;
    assert_eq!(rig.books.records().len(), 20);
}

#[tokio::test]
async fn a_connection_that_nobody_uses_is_closed() {
    let provider = Provider::new(json(), usize::MAX).await;
    let rig = provider.rig().await;
    assert_eq!(rig.post(MESSAGES, ASKED).await.status, StatusCode::OK);
    assert_eq!(provider.over(), 0);
    let closed = async {
        while provider.over() == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LONG, closed).await.expect("the sidecar closes it");
    assert_eq!(rig.post(MESSAGES, ASKED).await.status, StatusCode::OK);
    assert_eq!(provider.opened(), 2);
}

/// Bytes go both ways at once, so neither side waits for the other.
#[tokio::test]
async fn an_answer_that_comes_before_the_request_is_read_comes_through() {
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut some = [0; 1024];
        let _read = stream.read(&mut some).await.expect("the head");
        let answer = json().replace("200 OK", "400 Bad Request");
        stream.write_all(answer.as_bytes()).await.expect("written");
        // Never reads the rest, and keeps the connection.
        std::future::pending::<()>().await;
    });
    let rig = Rig::before(address, StandIn::new([]), &["sk-1"]).await;
    let large = format!(r#"{{"model":"m","x":"{}"}}"#, "x".repeat(20 * 1024 * 1024));
    let answer = rig.post(MESSAGES, large).await;
    assert_eq!((answer.status, answer.text()), (StatusCode::BAD_REQUEST, BODY));
}
