//! A sidecar before a provider, on real sockets, and a client to talk to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use events::Secret;
use events::price::PriceTable;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use sidecar::stand_in::StandIn;
use sidecar::{Config, Outside, Sidecar};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::outside::{Books, Pool, Ticks, Tokens};

/// Everything that a test talks to.
pub struct Rig {
    pub sidecar: Arc<Sidecar>,
    pub address: SocketAddr,
    pub provider: SocketAddr,
    pub stand_in: Arc<StandIn>,
    pub tokens: Arc<Tokens>,
    pub pool: Arc<Pool>,
    pub books: Arc<Books>,
    pub activity: Arc<AtomicU64>,
    pub ticks: Arc<Ticks>,
    /// Ann's token.
    pub ann: String,
    /// Begins the sidecar's shutdown.
    pub stop: Option<oneshot::Sender<()>>,
    /// Ends when the sidecar has ended.
    pub served: JoinHandle<()>,
}

/// An answer, read to its end.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// A listener on a port of its own.
pub async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

impl Rig {
    /// A sidecar before a stand-in that takes all `keys`.
    pub async fn new(keys: &[&str]) -> Self {
        let stand_in = StandIn::new(keys.iter().copied().map(Secret::new));
        let (listener, provider) = listener().await;
        tokio::spawn(Arc::clone(&stand_in).serve(listener, std::future::pending::<()>()));
        Self::before(provider, stand_in, keys).await
    }

    /// A sidecar before whatever is at `provider`.
    pub async fn before(provider: SocketAddr, stand_in: Arc<StandIn>, keys: &[&str]) -> Self {
        Self::at(format!("http://{provider}"), provider, stand_in, keys).await
    }

    /// A sidecar that is told this base URL.
    pub async fn at(
        base: String,
        provider: SocketAddr,
        stand_in: Arc<StandIn>,
        keys: &[&str],
    ) -> Self {
        let upstreams = ["anthropic", "openai"].map(|id| (id.to_owned(), base.clone())).into();
        let config = Config { upstreams, ..Config::default() };
        Self::with(config, provider, stand_in, keys).await
    }

    /// A sidecar with this configuration.
    pub async fn with(
        config: Config,
        provider: SocketAddr,
        stand_in: Arc<StandIn>,
        keys: &[&str],
    ) -> Self {
        let (books, ticks) = (Arc::default(), Arc::default());
        Self::with_books(config, provider, stand_in, keys, books, ticks).await
    }

    /// A sidecar whose ledger and clock were there before it.
    pub async fn with_books(
        config: Config,
        provider: SocketAddr,
        stand_in: Arc<StandIn>,
        keys: &[&str],
        books: Arc<Books>,
        ticks: Arc<Ticks>,
    ) -> Self {
        let tokens = Arc::new(Tokens::default());
        let ann = tokens.give("ann");
        let pool = Arc::new(Pool(Mutex::new(keys.iter().copied().map(Secret::new).collect())));
        let activity = Arc::new(AtomicU64::new(0));
        let noted = Arc::clone(&activity);
        let outside = Outside {
            leases: Arc::clone(&tokens) as _,
            keys: Arc::clone(&pool) as _,
            usage: Arc::clone(&books) as _,
            totals: Arc::clone(&books) as _,
            clock: Arc::clone(&ticks) as _,
            ids: Arc::clone(&ticks) as _,
            prices: Arc::new(PriceTable::built_in()),
            on_activity: Arc::new(move |lease, _| {
                assert_eq!(lease.workspace.as_str(), "ann");
                noted.fetch_add(1, Ordering::Relaxed);
            }),
        };
        let sidecar = Sidecar::new(&config, outside).expect("a good configuration");
        let (listener, address) = listener().await;
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(sidecar::serve(listener, Arc::clone(&sidecar), stopped));
        let stop = Some(stop);
        Self {
            sidecar,
            address,
            provider,
            stand_in,
            tokens,
            pool,
            books,
            activity,
            ticks,
            ann,
            stop,
            served,
        }
    }

    /// Sends a request with Ann's token and gives the head of the answer.
    pub async fn open(&self, path: &str, body: impl Into<Bytes>) -> Response<Incoming> {
        self.open_as(&self.ann, Method::POST, path, body).await
    }

    /// Sends a request with a token and gives the head of the answer.
    pub async fn open_as(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Response<Incoming> {
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("content-type", "application/json")
            .header("anthropic-version", "2023-06-01")
            .header("x-api-key", token)
            .body(Full::new(body.into()))
            .expect("a request");
        client.request(request).await.expect("an answer")
    }

    /// Sends a request with Ann's token and reads the whole answer.
    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        whole(self.open(path, body).await).await
    }

    /// Sends a request with a token and reads the whole answer.
    pub async fn ask(&self, token: &str, method: Method, path: &str) -> Answer {
        whole(self.open_as(token, method, path, "{\"model\":\"m\"}").await).await
    }
}

/// Reads an answer to its end.
pub async fn whole(response: Response<Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    Answer { status: head.status, headers: head.headers, body }
}

/// Looks again and again until `done`, and fails after five seconds.
pub async fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..500 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never came true: {what}");
}
