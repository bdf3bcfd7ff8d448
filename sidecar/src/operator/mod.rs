//! The operator's port: whether the sidecar lives, whether it is ready, and its metrics. A listener
//! of its own, so that who may reach the proxy need not reach this.
//!
//! Absences: nothing can be changed from here. Who has no token learns two words, for an agent
//! may find the port: that the process lives, and whether it is ready.

mod ready;

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use events::Secret;
use events::token::token_hash;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::metrics::{Format, Scrape};
use crate::proxy::Sidecar;

/// How long a client may take for a request's head. A scraper that keeps its connection asks again
/// within a minute.
const HEAD_MAX: Duration = Duration::from_secs(65);
/// How long a connection may last.
const CONNECTION_MAX: Duration = Duration::from_secs(60 * 60);
/// How many headers a request may have; a scraper sends about six.
const HEADERS_MAX: usize = 32;
/// The longest head, in bytes: the least that hyper takes.
const HEAD_LENGTH_MAX: usize = 8 * 1024;
/// How many connections are served at once: two scrapers, a health check, and some by hand.
const CONNECTIONS_MAX: usize = 16;
/// The pause after an accept that failed, for want of file descriptors for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

type Answer = Response<Full<Bytes>>;

/// Who may see what.
struct Operator {
    sidecar: Arc<Sidecar>,
    /// The SHA-256 of the token, in hex; without one nobody may see more than yes and no.
    token: Option<Secret>,
}

/// Serves the operator's port until `shutdown` is ready. `token_sha256` is the SHA-256 in lower
/// hex of the bearer token that `/metrics` and the words of `/ready` want; without one there is
/// neither.
pub async fn serve_operator(
    listener: TcpListener,
    sidecar: Arc<Sidecar>,
    token_sha256: Option<&str>,
    shutdown: impl Future,
) {
    let operator = Arc::new(Operator { sidecar, token: token_sha256.map(Secret::new) });
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // Who is still connected at the end is cut off: nothing here is worth waiting for.
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            _ = &mut shutdown => return,
            _ended = connections.join_next(), if !connections.is_empty() => continue,
            accepted = accept(&listener, &room) => accepted,
        };
        let Some((stream, place)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let operator = Arc::clone(&operator);
        let service = service_fn(move |request| {
            let operator = Arc::clone(&operator);
            async move { Ok::<_, Infallible>(operator.answer(&request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_MAX)
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEAD_LENGTH_MAX)
            .serve_connection(TokioIo::new(stream), service);
        connections.spawn(async move {
            // A client that hangs up or speaks no HTTP is its own affair.
            let _ended = timeout(CONNECTION_MAX, connection).await;
            drop(place);
        });
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(room).acquire_owned().await.ok()?;
    let (stream, _) = listener.accept().await.ok()?;
    Some((stream, place))
}

impl Operator {
    async fn answer<B>(&self, request: &Request<B>) -> Answer {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "GET only\n");
        }
        match request.uri().path() {
            "/health" => plain(StatusCode::OK, "ok\n"),
            "/ready" => self.ready(request.headers()).await,
            "/metrics" => self.metrics(request.headers()),
            _ => plain(StatusCode::NOT_FOUND, "/health, /ready or /metrics\n"),
        }
    }

    async fn ready(&self, headers: &HeaderMap) -> Answer {
        let parts = ready::parts(&self.sidecar).await;
        let ready = parts.iter().all(|part| part.ready);
        let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let mut words = String::from(if ready { "ready\n" } else { "not ready\n" });
        if self.is_operator(headers) {
            words.extend(parts.iter().map(|part| format!("{}: {}\n", part.name, part.words)));
        }
        plain(status, words)
    }

    fn metrics(&self, headers: &HeaderMap) -> Answer {
        if self.token.is_none() {
            let words = "there is no token for metrics in the configuration, so there are none\n";
            return plain(StatusCode::NOT_FOUND, words);
        }
        if !self.is_operator(headers) {
            let words = "send the operator's token: Authorization: Bearer ...\n";
            let mut refused = plain(StatusCode::UNAUTHORIZED, words);
            let scheme = HeaderValue::from_static("Bearer");
            refused.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
            return refused;
        }
        let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
        let format = Format::accepted(accept.unwrap_or_default());
        match self.sidecar.scrape().text(format) {
            Ok(text) => {
                let mut answer = plain(StatusCode::OK, text);
                let kind = HeaderValue::from_static(format.content_type());
                answer.headers_mut().insert(header::CONTENT_TYPE, kind);
                answer
            }
            Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        }
    }

    /// Compared as hashes and without telling by its duration where the difference is.
    fn is_operator(&self, headers: &HeaderMap) -> bool {
        let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, given) = header.and_then(|value| value.split_once(' ')).unwrap_or_default();
        let token = self.token.as_ref().filter(|_| scheme.eq_ignore_ascii_case("bearer"));
        token.is_some_and(|token| token.matches(&token_hash(given.trim_start())))
    }
}

fn plain(status: StatusCode, words: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(words.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

impl Sidecar {
    /// Everything that a scrape reads.
    fn scrape(&self) -> Scrape {
        let (now, time) = (Instant::now(), self.books.clock.now());
        Scrape {
            metrics: Arc::clone(&self.metrics),
            now: time,
            keys: self.pool.state(now, time),
            key_ages: self.pool.ages(now),
            journal_length: self.outbox.journal_length(),
        }
    }
}
