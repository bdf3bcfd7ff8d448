//! One HTTP request to an agent, or to its sidecar, on its address, with a time limit and a bounded
//! answer.
//!
//! The agent belongs to its person and may answer anything, for ever or not at all. It must not
//! follow redirects, keep connections, or log what was sent, which holds the pass.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ports::Reach;
use serde_json::Value;
use thiserror::Error;
use tokio::net::TcpStream;

/// The most we read of an answer.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// An agent on loopback accepts at once or does not run.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A busy OpenClaw answers its own questions within a second; this is ten times that.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The address that a request of the engine claims to come from: TEST-NET-1, nobody's. OpenClaw
/// wants to see one that is not loopback's.
const ENGINE_ADDRESS: HeaderValue = HeaderValue::from_static("192.0.2.1");

/// Why there is no answer.
#[derive(Debug, Error)]
pub(crate) enum Silence {
    /// Nothing listens there, or it hung up.
    #[error("it does not answer: {0}")]
    NoAnswer(String),
    /// It took longer than it may.
    #[error("it did not answer within {} seconds", .0.as_secs())]
    TooSlow(Duration),
    /// The answer is too long or not HTTP.
    #[error("its answer cannot be read: {0}")]
    Unreadable(String),
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as JSON; `Null` when it is something else.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// As whom we ask.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum As {
    /// With the pass and this name.
    User(&'static str),
    /// Without the pass, as anybody on this machine could.
    Nobody,
}

/// GETs `path`.
pub(crate) async fn get(reach: &Reach, path: &str, who: As) -> Result<Answer, Silence> {
    ask(reach, who, Request::get(path), Bytes::new()).await
}

/// POSTs JSON to `path`.
pub(crate) async fn post(
    reach: &Reach,
    path: &str,
    who: As,
    body: &Value,
) -> Result<Answer, Silence> {
    let request = Request::post(path).header(http::header::CONTENT_TYPE, "application/json");
    ask(reach, who, request, Bytes::from(body.to_string())).await
}

async fn ask(
    reach: &Reach,
    who: As,
    request: http::request::Builder,
    body: Bytes,
) -> Result<Answer, Silence> {
    let mut request = request
        .header(http::header::HOST, reach.address.to_string())
        .header("x-forwarded-for", ENGINE_ADDRESS)
        .header(http::header::CONNECTION, "close");
    if let As::User(name) = who {
        let pass = HeaderName::from_bytes(reach.pass.expose().as_bytes())
            .map_err(|_| Silence::Unreadable("the pass is not a header's name".to_owned()))?;
        request = request.header(pass, name).header("x-openclaw-scopes", "operator.admin");
    }
    send(reach.address, request, body).await
}

/// Sends a request as it is.
pub(crate) async fn send(
    address: SocketAddr,
    request: http::request::Builder,
    body: Bytes,
) -> Result<Answer, Silence> {
    let request =
        request.body(Full::new(body)).map_err(|error| Silence::Unreadable(error.to_string()))?;
    let stream = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address))
        .await
        .map_err(|_| Silence::TooSlow(CONNECT_TIMEOUT))?
        .map_err(|error| Silence::NoAnswer(error.to_string()))?;
    tokio::time::timeout(ANSWER_TIMEOUT, exchange(stream, request))
        .await
        .map_err(|_| Silence::TooSlow(ANSWER_TIMEOUT))?
}

async fn exchange(stream: TcpStream, request: Request<Full<Bytes>>) -> Result<Answer, Silence> {
    let no_answer = |error: hyper::Error| Silence::NoAnswer(error.to_string());
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(no_answer)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(no_answer)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
        let body = body.map_err(|error| Silence::Unreadable(error.to_string()))?.to_bytes();
        Ok(Answer { status: head.status, headers: head.headers, body })
    };
    // The connection is driven here and not in a task, so that giving up ends it.
    let mut connection = std::pin::pin!(connection);
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        biased;
        answer = &mut exchange => return answer,
        _ = &mut connection => {}
    }
    exchange.await
}

#[cfg(test)]
pub(crate) mod tests {
    use events::{Secret, WorkspaceId};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::settings::tests::PASS;

    pub(crate) fn reach(address: SocketAddr) -> Reach {
        let workspace: WorkspaceId = "amina".parse().unwrap();
        let (generation, attempt) = Default::default();
        Reach { workspace, generation, attempt, address, pass: Secret::new(PASS) }
    }

    /// An agent that answers each request with what `reply` makes of its text.
    pub(crate) async fn agent(reply: fn(&str) -> String) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut text = String::new();
                    let mut chunk = [0; 4096];
                    // Every request of ours ends with its body, which is JSON, or with its head.
                    while !text.ends_with("\r\n\r\n") && !text.ends_with('}') {
                        match stream.read(&mut chunk).await {
                            Ok(0) | Err(_) => return,
                            Ok(n) => text.push_str(&String::from_utf8_lossy(&chunk[..n])),
                        }
                    }
                    let _ = stream.write_all(reply(&text).as_bytes()).await;
                });
            }
        });
        address
    }

    pub(crate) fn http(status: &str, extra: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\n{extra}content-length: {}\r\n\r\n{body}", body.len())
    }

    #[tokio::test]
    async fn an_endless_answer_is_cut() {
        let address = agent(|_| http("200 OK", "", &"x".repeat(BODY_BYTES_MAX + 1))).await;
        let answer = get(&reach(address), "/", As::Nobody).await;
        assert!(matches!(answer.err(), Some(Silence::Unreadable(_))));
    }

    #[tokio::test]
    async fn nobody_listens() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let answer = get(&reach(free), "/", As::Nobody).await;
        assert!(matches!(answer.err(), Some(Silence::NoAnswer(_))));
    }
}
