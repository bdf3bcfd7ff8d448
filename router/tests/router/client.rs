//! A client that sends exactly what a test wants.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long anything may take before a test says that it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}

/// A request that is being put together.
pub(crate) struct Call {
    to: SocketAddr,
    request: http::request::Builder,
    body: String,
}

impl Call {
    pub(crate) fn new(to: SocketAddr, method: Method, path: &str) -> Self {
        let request = Request::builder().method(method).uri(path).header(header::HOST, "door.test");
        Self { to, request, body: String::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// With a session's cookie, as a browser on one of the door's own pages.
    pub(crate) fn cookie(self, token: &str) -> Self {
        self.with("cookie", &format!("teamclaw_session={token}")).with("origin", "http://door.test")
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    /// As a person who opens a page.
    pub(crate) fn page(self) -> Self {
        self.with("accept", "text/html,*/*;q=0.8").with("sec-fetch-mode", "navigate")
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        self.body = body.to_owned();
        self
    }

    /// Sends it and gives the answer as it begins.
    pub(crate) async fn begin(self) -> Response<Incoming> {
        let stream = TcpStream::connect(self.to).await.expect("the door is open");
        let shake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = shake.expect("a connection");
        tokio::spawn(connection.with_upgrades());
        let request = self.request.body(Body::from(self.body)).expect("a request");
        let answer = tokio::time::timeout(PATIENCE, sender.send_request(request)).await;
        answer.expect("no answer in time").expect("an answer")
    }

    /// Sends it and reads the answer to its end.
    pub(crate) async fn send(self) -> Answer {
        let (parts, body) = self.begin().await.into_parts();
        let whole = tokio::time::timeout(PATIENCE, body.collect()).await;
        let bytes = whole.expect("no end in time").expect("a whole answer").to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status, headers: parts.headers, text }
    }
}

/// Sends raw bytes and gives the connection and what came back up to the end of the head.
pub(crate) async fn raw(to: SocketAddr, request: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(to).await.expect("the door is open");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut head = Vec::new();
    let read = async {
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => break,
            }
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("no head in time");
    (stream, String::from_utf8_lossy(&head).into_owned())
}

/// Waits until something is so, and says what it waited for when it never is.
pub(crate) async fn until(what: &str, so: impl Fn() -> bool) {
    let wait = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("never: {what}"));
}
