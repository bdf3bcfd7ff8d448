//! An agent that records what reaches it, and misbehaves when asked to.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, stream};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// A request as it reached the agent.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

#[derive(Default)]
pub(crate) struct Record {
    pub(crate) seen: Mutex<Vec<Seen>>,
    /// What came through raw WebSockets.
    pub(crate) raw: Mutex<Vec<u8>>,
    /// Answers and sockets that the other side left before their end.
    pub(crate) left: AtomicUsize,
    /// How many pieces of an endless answer were taken.
    pub(crate) pieces: AtomicUsize,
}

#[derive(Clone)]
pub(crate) struct Agent {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) record: Arc<Record>,
}

impl Agent {
    pub(crate) async fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let agent = Self { name, address, record: Arc::default() };
        let serving = agent.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let agent = serving.clone();
                let service = service_fn(move |request| {
                    let agent = agent.clone();
                    async move { Ok::<_, Infallible>(agent.answer(request).await) }
                });
                let builder = hyper::server::conn::http1::Builder::new();
                let connection = builder.serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection.with_upgrades());
            }
        });
        agent
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.record.seen.lock().expect("seen").clone()
    }

    async fn answer(&self, mut request: Request<Incoming>) -> Response<Body> {
        let upgrade = request.headers().contains_key(header::UPGRADE);
        let side = upgrade.then(|| hyper::upgrade::on(&mut request));
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let body = body.collect().await.map(|whole| whole.to_bytes()).unwrap_or_default();
        let headers = parts.headers.clone();
        let seen = Seen { method: parts.method, uri: parts.uri, headers: parts.headers, body };
        self.record.seen.lock().expect("seen").push(seen);
        match (path.as_str(), side) {
            ("/raw", Some(side)) => self.echo_bytes(side, &headers),
            (_, Some(side)) => self.echo_messages(side, &headers, path == "/bye"),
            ("/never", None) => {
                let _counts = OnDrop(self.record.clone());
                std::future::pending().await
            }
            ("/endless", None) => self.endless(),
            ("/claims", None) => claims(),
            ("/surprise", None) => switch(&headers),
            _ => Response::new(Body::from(self.name)),
        }
    }

    fn echo_bytes(&self, side: hyper::upgrade::OnUpgrade, headers: &HeaderMap) -> Response<Body> {
        let record = self.record.clone();
        tokio::spawn(async move {
            let mut stream = TokioIo::new(side.await.expect("an upgrade"));
            let mut piece = [0; 777];
            while let Ok(read @ 1..) = stream.read(&mut piece).await {
                record.raw.lock().expect("raw").extend(&piece[..read]);
                stream.write_all(&piece[..read]).await.expect("an echo");
            }
        });
        switch(headers)
    }

    fn echo_messages(
        &self,
        side: hyper::upgrade::OnUpgrade,
        headers: &HeaderMap,
        leaves: bool,
    ) -> Response<Body> {
        let counts = OnDrop(self.record.clone());
        tokio::spawn(async move {
            let _counts = counts;
            let stream = TokioIo::new(side.await.expect("an upgrade"));
            let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
            if leaves {
                socket.close(None).await.expect("a close");
            }
            while let Some(Ok(message)) = socket.next().await {
                if message.is_text() || message.is_binary() {
                    socket.send(message).await.expect("an echo");
                }
            }
        });
        switch(headers)
    }

    fn endless(&self) -> Response<Body> {
        let counts = OnDrop(self.record.clone());
        let pieces = stream::unfold(counts, async |counts| {
            counts.0.pieces.fetch_add(1, Ordering::SeqCst);
            Some((Ok::<_, Infallible>(Bytes::from(vec![b'x'; 64 * 1024])), counts))
        });
        Response::new(Body::from_stream(pieces))
    }
}

struct OnDrop(Arc<Record>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.left.fetch_add(1, Ordering::SeqCst);
    }
}

fn switch(headers: &HeaderMap) -> Response<Body> {
    let key = headers.get(header::SEC_WEBSOCKET_KEY).map_or(&b""[..], HeaderValue::as_bytes);
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(key))
        .header(header::SEC_WEBSOCKET_EXTENSIONS, "permessage-deflate")
        .body(Body::empty())
        .expect("an answer")
}

/// An answer that says things about the whole front door.
fn claims() -> Response<Body> {
    Response::builder()
        .header(header::SET_COOKIE, "teamclaw_session=evil; Path=/")
        .header(header::SET_COOKIE, "TeamClaw_Session=evil; Path=/")
        .header(header::SET_COOKIE, "own=fine; Path=/")
        .header("alt-svc", "h3=\":9\"")
        .header("clear-site-data", "\"*\"")
        .header("service-worker-allowed", "/")
        .header("strict-transport-security", "max-age=9")
        .header("x-teamclaw-0011", "bob")
        .header("connection", "x-hop")
        .header("x-hop", "1")
        .header("x-fine", "1")
        .body(Body::from("claims"))
        .expect("an answer")
}
