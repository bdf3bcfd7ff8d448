//! The connections to the providers: HTTP/1.1 over TLS, kept while they are idle for a moment. It
//! repeats nothing by itself and follows no redirect.
//!
//! Such a connection has no task of its own: whoever waits for an answer drives it, and so does
//! whoever reads the answer's body. So an answer wakes one task and not two, and a client that
//! hangs up ends the request to the provider by dropping it. HTTP/2, where it is wanted, is in
//! `shared`.

mod answer;
mod idle;
mod line;
mod shared;
mod tls;
mod upgrade;

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri};
use hyper::client::conn::http2::SendRequest;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use thiserror::Error;
use tokio::time::timeout;
use tower::ServiceExt;

use crate::body::{BoxError, Out};
use crate::config::{BadConfig, Config, Upstreams};
use crate::resolve::Resolver;

pub(crate) use answer::Answer;
use idle::{Idle, Place};
use line::{Line, Wire};
use shared::{Shared, Stream, Way};

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
    /// Whether the provider may have the request. A connection that was closed just before takes
    /// nothing: sending it again bills nothing twice.
    pub(crate) fn reached(&self) -> bool {
        match self {
            Self::Connect(_) => false,
            Self::Sent(error) => !error.is_canceled() && !untouched(error),
        }
    }

    /// Whether it may go at once by another connection.
    pub(crate) fn may_go_again(&self) -> bool {
        matches!(self, Self::Sent(_)) && !self.reached()
    }
}

/// Whether the provider itself says that it did nothing with the request (RFC 9113, section 8.7):
/// it is above the last that a GOAWAY takes, or was refused as a stream.
fn untouched(error: &hyper::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
            return error.is_remote() && (error.is_go_away() || refused);
        }
        cause = error.source();
    }
    false
}

type Connector = HttpsConnector<HttpConnector<Resolver>>;

/// The client for every provider.
pub(crate) struct Upstream {
    connector: Connector,
    idle: Arc<Idle>,
    /// How connections are made that may be shared, and those that are.
    shared: Option<(Connector, Shared)>,
}

impl Upstream {
    /// A client that reaches the given places.
    pub(crate) fn new(config: &Config, upstreams: &Upstreams) -> Result<Self, BadConfig> {
        let mut tcp = HttpConnector::new_with_resolver(Resolver::new(upstreams.named.clone()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_MAX));
        let tls = tls::client(config.tls_roots.as_deref())?;
        let builder = || HttpsConnectorBuilder::new().with_tls_config(tls.clone()).https_or_http();
        let connector = builder().enable_http1().wrap_connector(tcp.clone());
        let shared = || {
            let both = builder().enable_http1().enable_http2().wrap_connector(tcp.clone());
            (both, Shared::default())
        };
        let shared = config.upstream_http2.then(shared);
        Ok(Self { connector, idle: Arc::default(), shared })
    }

    /// Sends a request to its absolute URI and waits for the head of the answer.
    pub(crate) async fn send(&self, request: Request<Out>) -> Result<Response<Answer>, Unanswered> {
        let uri = request.uri().clone();
        let place =
            Place::of(&uri).ok_or_else(|| Unanswered::Connect("no host in the URI".into()))?;
        // Making a connection takes much room in a future, which every request would carry along.
        let line = match (self.idle.take(&place), &self.shared) {
            (Some(line), _) => line,
            (None, None) => Box::pin(self.connect(uri.clone())).await?,
            (None, Some((connector, shared))) => {
                let connect = || Box::pin(wire(connector, uri.clone()));
                match Box::pin(shared.way(place.clone(), connect)).await? {
                    Way::Shared(sender, stream) => {
                        return Box::pin(ask(sender, stream, request)).await;
                    }
                    Way::Alone(wire) => Box::pin(open(*wire)).await?,
                }
            }
        };
        let request = origin_form(request, &uri)?;
        self.ask(line, place, request).await
    }

    async fn ask(
        &self,
        mut line: Box<Line>,
        place: Place,
        request: Request<Out>,
    ) -> Result<Response<Answer>, Unanswered> {
        let response = line.ask(request).await.map_err(Unanswered::Sent)?;
        let (head, incoming) = response.into_parts();
        let answer = Answer::alone(incoming, line, place, Arc::clone(&self.idle));
        Ok(Response::from_parts(head, answer))
    }

    async fn connect(&self, uri: Uri) -> Result<Box<Line>, Unanswered> {
        open(wire(&self.connector, uri).await?).await
    }
}

async fn open(wire: Wire) -> Result<Box<Line>, Unanswered> {
    let line = Line::open(wire).await.map_err(|error| Unanswered::Connect(error.into()))?;
    Ok(Box::new(line))
}

/// Bytes to and from the place of this URI.
async fn wire(connector: &Connector, uri: Uri) -> Result<Wire, Unanswered> {
    let connecting = connector.clone().oneshot(uri);
    let late = |_| Unanswered::Connect("it took too long".into());
    timeout(CONNECT_MAX, connecting).await.map_err(late)?.map_err(Unanswered::Connect)
}

/// Sends a request by a connection that others use too.
async fn ask(
    mut sender: SendRequest<Out>,
    stream: Stream,
    request: Request<Out>,
) -> Result<Response<Answer>, Unanswered> {
    let response = sender.send_request(request).await.map_err(Unanswered::Sent)?;
    Ok(response.map(|incoming| Answer::shared(incoming, stream)))
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
