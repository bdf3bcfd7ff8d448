//! The connection to the providers: one pooled HTTP/1 client over TLS. It retries nothing by
//! itself and follows no redirect.

use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::aws_lc_rs;

use crate::body::Out;
use crate::config::{BadConfig, Upstreams};
use crate::resolve::Resolver;

/// How long a TCP connection may take: three tries of a SYN.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// How long an idle connection is kept: below any provider's own limit, so that a request is
/// rarely written into a connection that is being closed.
const IDLE_MAX: Duration = Duration::from_secs(4);
/// How many idle connections are kept to one provider; a workspace uses a few at a time.
const IDLE_COUNT_MAX: usize = 32;

/// The client for every provider.
pub(crate) struct Upstream(Client<HttpsConnector<HttpConnector<Resolver>>, Out>);

impl Upstream {
    /// A client that reaches the given places.
    pub(crate) fn new(upstreams: &Upstreams) -> Result<Self, BadConfig> {
        let mut tcp = HttpConnector::new_with_resolver(Resolver::new(upstreams.named.clone()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_MAX));
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(aws_lc_rs::default_provider())
            .map_err(|error| BadConfig::Tls(error.to_string()))?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(IDLE_COUNT_MAX)
            .pool_timer(TokioTimer::new())
            // A repeated request would be billed twice; what is safe to repeat is decided in `call`.
            .retry_canceled_requests(false)
            .build(tls);
        Ok(Self(client))
    }

    /// Sends a request and waits for the head of the answer.
    pub(crate) async fn send(&self, request: Request<Out>) -> Result<Response<Incoming>, Error> {
        self.0.request(request).await
    }
}

/// Whether a failed request was certainly never written: a kept connection was closed just before.
/// Sending it again bills nothing twice.
pub(crate) fn never_sent(error: &Error) -> bool {
    let source = std::error::Error::source(error);
    source.and_then(|source| source.downcast_ref::<hyper::Error>()).is_some_and(|e| e.is_canceled())
}
