//! One plain HTTP request to this machine, on a connection of its own and with bounds.
//!
//! It must not follow redirects, keep connections, or repeat a request: a question that is asked
//! twice is paid twice.

use std::time::Duration;

use bytes::Bytes;
use events::Secret;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::net::TcpStream;

/// The most that is read of an answer; a page of events or a model's long reply is a tenth of it.
pub(crate) const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A server on this machine accepts at once or does not run.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Why there is no answer.
#[derive(Debug, Error)]
pub(crate) enum Silence {
    /// The address is not `http://host:port`.
    #[error("{0} is not an address of the form http://host:port")]
    BadAddress(String),
    /// Nothing listens there, or it hung up.
    #[error("{address} does not answer: {source}")]
    NoAnswer {
        /// Who was asked.
        address: String,
        /// What the connection said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer broke off, or is longer than [`BODY_BYTES_MAX`].
    #[error("the answer cannot be read: {0}")]
    Unreadable(Box<dyn std::error::Error + Send + Sync>),
}

/// Sends `request`, whose address is the path alone, to the server at `base`.
///
/// # Errors
/// There is no answer. It sets no time limit on the answer: the caller knows what it waits for.
pub(crate) async fn send(
    base: &Uri,
    mut request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, Silence> {
    let bad = || Silence::BadAddress(base.to_string());
    let authority =
        base.authority().filter(|_| base.scheme_str() == Some("http")).ok_or_else(bad)?;
    let address = authority.to_string();
    let host = HeaderValue::from_str(&address).map_err(|_| bad())?;
    request.headers_mut().insert(HOST, host);
    let no_answer = |source: Box<dyn std::error::Error + Send + Sync>| Silence::NoAnswer {
        address: address.clone(),
        source,
    };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    let connect = TcpStream::connect((name, authority.port_u16().unwrap_or(80)));
    let stream = tokio::time::timeout(CONNECT_TIMEOUT, connect)
        .await
        .map_err(|late| no_answer(late.into()))?
        .map_err(|error| no_answer(error.into()))?;
    stream.set_nodelay(true).map_err(|error| no_answer(error.into()))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| no_answer(error.into()))?;
    // It ends with the answer's body; what it says then, the body has said already.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(|error| no_answer(error.into()))
}

/// Reads a whole answer.
///
/// # Errors
/// It breaks off or is too long.
pub(crate) async fn read(body: Incoming) -> Result<Bytes, Silence> {
    let whole = Limited::new(body, BODY_BYTES_MAX).collect().await;
    Ok(whole.map_err(Silence::Unreadable)?.to_bytes())
}

/// An answer as it was read.
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: StatusCode,
    /// Its body.
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as JSON of this shape.
    ///
    /// # Errors
    /// It is of another shape.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Silence> {
        serde_json::from_slice(&self.body).map_err(|error| Silence::Unreadable(error.into()))
    }

    /// What the server gives as its error, else the status.
    pub(crate) fn words(&self) -> String {
        let value: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let said = ["error", "why", "what"].into_iter().find_map(|name| value[name].as_str());
        said.map_or_else(|| format!("it answers {}", self.status), str::to_owned)
    }
}

/// Asks for `path` at `base` with a bearer token, and reads the answer.
///
/// # Errors
/// There is no answer.
pub(crate) async fn ask(
    base: &Uri,
    token: &Secret,
    method: Method,
    path: &str,
    body: Option<&serde_json::Value>,
) -> Result<Answer, Silence> {
    let text = body.map(ToString::to_string).unwrap_or_default();
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(AUTHORIZATION, format!("Bearer {}", token.expose()))
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(text)))
        .map_err(|error| Silence::Unreadable(error.into()))?;
    let response = send(base, request).await?;
    let status = response.status();
    Ok(Answer { status, body: read(response.into_body()).await? })
}
