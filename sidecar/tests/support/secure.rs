//! A provider behind TLS, with the test's own root certificate, that speaks HTTP/2 or HTTP/1.1.
//!
//! The files in `tests/tls` are a root whose key is gone, and a certificate of it for `localhost`, both
//! good for a hundred years. They protect nothing.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sidecar::Config;
use sidecar::stand_in::StandIn;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::rig::{Rig, listener};

/// A file of the test's certificates.
pub fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

/// The server's side, which offers these protocols.
pub fn acceptor(protocols: &[&str]) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(file("server.pem")).expect("a file");
    let chain = chain.map(|certificate| certificate.expect("a certificate")).collect();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).expect("a key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("they fit");
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// What was seen of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Requests by now.
    pub asked: usize,
    /// Requests that are under way, and the most that were at once.
    pub open: usize,
    pub most: usize,
    /// Answers that were given up before their end.
    pub reset: usize,
}

/// The provider: it answers each request with `parts`, and holds the end back while it is shut.
pub struct Secure {
    pub address: SocketAddr,
    /// One for each connection.
    pub seen: watch::Sender<Vec<Seen>>,
    parts: Vec<Bytes>,
    shut: watch::Sender<bool>,
}

/// What becomes of a connection's bytes.
pub type First =
    Box<dyn FnOnce(TlsStream<TcpStream>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// The first connection is treated so.
pub fn first<F>(does: fn(TlsStream<TcpStream>) -> F) -> Option<First>
where
    F: Future<Output = ()> + Send + 'static,
{
    Some(Box::new(move |stream| Box::pin(does(stream))))
}

impl Secure {
    pub async fn new(protocols: &[&str], parts: Vec<Bytes>) -> Arc<Self> {
        Self::with_first(protocols, parts, None).await
    }

    /// The first connection is treated in this way instead.
    pub async fn with_first(
        protocols: &[&str],
        parts: Vec<Bytes>,
        mut first: Option<First>,
    ) -> Arc<Self> {
        let (listener, address) = listener().await;
        let (seen, shut) = (watch::Sender::default(), watch::Sender::new(false));
        let this = Arc::new(Self { address, seen, parts, shut });
        let (serving, acceptor) = (Arc::clone(&this), acceptor(protocols));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (this, acceptor, first) =
                    (Arc::clone(&serving), acceptor.clone(), first.take());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    match first {
                        Some(first) => first(stream).await,
                        None => this.serve(stream).await,
                    }
                });
            }
        });
        this
    }

    async fn serve(self: Arc<Self>, stream: TlsStream<TcpStream>) {
        let shared = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let mut number = 0;
        self.seen.send_modify(|seen| {
            number = seen.len();
            seen.push(Seen::default());
        });
        let service = service_fn(move |request: Request<Incoming>| {
            let this = Arc::clone(&self);
            async move { Ok::<_, Infallible>(this.answer(number, request).await) }
        });
        let io = TokioIo::new(stream);
        // How a connection ends is what the tests are about.
        if shared {
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let _ended = builder.serve_connection(io, service).await;
        } else {
            let builder = hyper::server::conn::http1::Builder::new();
            let _ended = builder.serve_connection(io, service).await;
        }
    }

    async fn answer(self: Arc<Self>, number: usize, request: Request<Incoming>) -> Response<Parts> {
        let open = Open { of: Arc::clone(&self), number, ended: false };
        self.see(number, |seen| {
            seen.asked += 1;
            seen.open += 1;
            seen.most = seen.most.max(seen.open);
        });
        let _read = request.into_body().collect().await;
        let parts = self.parts.clone().into_iter();
        let mut shut = self.shut.subscribe();
        let end = Box::pin(async move {
            let _gone = shut.wait_for(|shut| !*shut).await;
        });
        let body = Parts { parts, end, open };
        let response = Response::builder().header("content-type", "application/json");
        response.body(body).expect("an answer")
    }

    fn see(&self, number: usize, change: impl FnOnce(&mut Seen)) {
        self.seen.send_modify(|seen| change(&mut seen[number]));
    }

    /// Holds ends back from now on, or no longer.
    pub fn shut(&self, shut: bool) {
        self.shut.send_replace(shut);
    }

    /// Waits until this is so.
    pub async fn until(&self, done: impl Fn(&[Seen]) -> bool) {
        let mut seen = self.seen.subscribe();
        let come = seen.wait_for(|seen| done(seen));
        let come = tokio::time::timeout(Duration::from_secs(10), come).await;
        come.expect("it comes in time").expect("the provider is there");
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    /// A configuration that leads to this provider and trusts its root.
    pub fn config(&self) -> Config {
        let base = format!("https://localhost:{}", self.address.port());
        let upstreams = ["anthropic", "openai"].map(|id| (id.to_owned(), base.clone())).into();
        let tls_roots = Some(file("ca.pem"));
        Config { upstreams, tls_roots, upstream_http2: true, ..Config::default() }
    }

    pub async fn rig(&self) -> Rig {
        Rig::with(self.config(), self.address, StandIn::new([]), &["sk-1"]).await
    }
}

/// A request under way.
struct Open {
    of: Arc<Secure>,
    number: usize,
    ended: bool,
}

impl Drop for Open {
    fn drop(&mut self) {
        let ended = self.ended;
        self.of.see(self.number, |seen| {
            seen.open -= 1;
            seen.reset += usize::from(!ended);
        });
    }
}

/// An answer's body.
pub struct Parts {
    parts: std::vec::IntoIter<Bytes>,
    end: Pin<Box<dyn Future<Output = ()> + Send>>,
    open: Open,
}

impl Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(part) = self.parts.next() {
            return Poll::Ready(Some(Ok(Frame::data(part))));
        }
        self.end.as_mut().poll(cx).map(|()| {
            self.open.ended = true;
            None
        })
    }
}
