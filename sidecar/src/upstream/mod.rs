//! The connections to the providers: HTTP/1.1 over TLS, kept while they are idle for a moment. It
//! repeats nothing by itself and follows no redirect.
//!
//! A connection has no task of its own: whoever waits for an answer drives it, and so does whoever
//! reads the answer's body. So an answer wakes one task and not two, and a client that hangs up
//! ends the request to the provider by dropping it.

mod answer;
mod idle;
mod line;
mod upgrade;

use std::sync::Arc;
use std::time::Duration;

use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::crypto::aws_lc_rs;
use thiserror::Error;
use tokio::time::timeout;
use tower::ServiceExt;

use crate::body::{BoxError, Out};
use crate::config::{BadConfig, Upstreams};
use crate::resolve::Resolver;

pub(crate) use answer::Answer;
use idle::{Idle, Place};
use line::{Line, Wire};

/// How long a connection may take, TLS included: three tries of a SYN.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, Error)]
pub(crate) enum Unanswered {
    /// There is no connection.
    #[error("no connection: {0}")]
    Connect(#[source] BoxError),
    /// The connection failed with the request on it.
    #[error("the connection failed: {0}")]
    Sent(#[source] hyper::Error),
}

impl Unanswered {
    /// Whether the provider may have the request. A kept connection that was closed just before
    /// takes nothing: sending it again bills nothing twice.
    pub(crate) fn reached(&self) -> bool {
        match self {
            Self::Connect(_) => false,
            Self::Sent(error) => !error.is_canceled(),
        }
    }
}

/// The client for every provider.
pub(crate) struct Upstream {
    connector: HttpsConnector<HttpConnector<Resolver>>,
    idle: Arc<Idle>,
}

impl Upstream {
    /// A client that reaches the given places.
    pub(crate) fn new(upstreams: &Upstreams) -> Result<Self, BadConfig> {
        let mut tcp = HttpConnector::new_with_resolver(Resolver::new(upstreams.named.clone()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_MAX));
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(aws_lc_rs::default_provider())
            .map_err(|error| BadConfig::Tls(error.to_string()))?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Self { connector, idle: Arc::default() })
    }

    /// Sends a request to its absolute URI and waits for the head of the answer.
    pub(crate) async fn send(&self, request: Request<Out>) -> Result<Response<Answer>, Unanswered> {
        let uri = request.uri().clone();
        let request = origin_form(request, &uri)?;
        let place =
            Place::of(&uri).ok_or_else(|| Unanswered::Connect("no host in the URI".into()))?;
        let mut line = match self.idle.take(&place) {
            Some(line) => line,
            None => self.connect(uri).await?,
        };
        let response = line.ask(request).await.map_err(Unanswered::Sent)?;
        let (head, incoming) = response.into_parts();
        let answer = Answer::new(incoming, line, place, Arc::clone(&self.idle));
        Ok(Response::from_parts(head, answer))
    }

    async fn connect(&self, uri: Uri) -> Result<Line, Unanswered> {
        let wire = self.wire(uri).await?;
        Line::open(wire).await.map_err(|error| Unanswered::Connect(error.into()))
    }

    /// Bytes to and from the place of this URI.
    async fn wire(&self, uri: Uri) -> Result<Wire, Unanswered> {
        let connecting = self.connector.clone().oneshot(uri);
        let late = |_| Unanswered::Connect("it took too long".into());
        timeout(CONNECT_MAX, connecting).await.map_err(late)?.map_err(Unanswered::Connect)
    }
}

/// The request as it stands on the wire: the path alone, and the host in its header.
fn origin_form(mut request: Request<Out>, uri: &Uri) -> Result<Request<Out>, Unanswered> {
    let odd = |_| Unanswered::Connect("the URI names no host that a header can hold".into());
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let host = HeaderValue::try_from(host).map_err(odd)?;
    request.headers_mut().insert(HOST, host);
    let path = uri.path_and_query().cloned();
    *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    Ok(request)
}
