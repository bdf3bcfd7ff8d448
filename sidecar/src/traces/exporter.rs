//! The task that sends spans to the collector, some at a time. What cannot be sent is dropped, and
//! said once until it works again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::aws_lc_rs;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use super::Item;
use crate::body::BoxError;
use crate::config::BadConfig;

/// Where a collector takes traces, below its base URL (opentelemetry.io/docs/specs/otlp).
const PATH: &str = "/v1/traces";
/// The most spans in one message: about 100 KiB.
const SPANS_MAX: usize = 100;
/// How long the first span of a message waits for company.
const AGE_MAX: Duration = Duration::from_secs(1);
/// How long the collector may take for a message; OTLP's own default.
const SEND_MAX: Duration = Duration::from_secs(10);
/// How much of its answer is read.
const ANSWER_LENGTH_MAX: usize = 64 * 1024;

/// The task.
pub(super) struct Exporter {
    place: Uri,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    receiver: mpsc::Receiver<Item>,
    dropped: Arc<AtomicU64>,
    failing: bool,
}

impl Exporter {
    /// One that sends to the collector at this base URL.
    ///
    /// # Errors
    /// The URL cannot be used.
    pub(super) fn new(
        collector: &str,
        receiver: mpsc::Receiver<Item>,
        dropped: Arc<AtomicU64>,
    ) -> Result<Self, BadConfig> {
        let bad = |why| BadConfig::BadUrl { provider: "the collector of traces".to_owned(), why };
        let base = collector.trim_end_matches('/').trim_end_matches(PATH);
        let place: Uri = format!("{base}{PATH}").parse().map_err(|_| bad("it is not a URL"))?;
        if !matches!(place.scheme_str(), Some("http" | "https")) || place.host().is_none() {
            return Err(bad("it must look like http://127.0.0.1:4318"));
        }
        if place.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(bad("it holds a user or a password"));
        }
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(aws_lc_rs::default_provider())
            .map_err(|error| BadConfig::Tls(error.to_string()))?
            .https_or_http()
            .enable_http1()
            .build();
        let client =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(1).build(connector);
        Ok(Self { place, client, receiver, dropped, failing: false })
    }

    /// Sends until nobody has a span to give any more.
    pub(super) async fn run(mut self) {
        while let Some(first) = self.receiver.recv().await {
            let (spans, flushes) = self.gather(first).await;
            if !spans.is_empty() {
                let sent = self.send(spans).await;
                self.told(sent);
            }
            for flush in flushes {
                // Whoever asked may have given up.
                let _gone = flush.send(());
            }
        }
    }

    async fn gather(&mut self, first: Item) -> (Vec<Value>, Vec<oneshot::Sender<()>>) {
        let (mut spans, mut flushes) = (Vec::new(), Vec::new());
        let until = Instant::now() + AGE_MAX;
        let mut next = Some(first);
        while let Some(item) = next {
            match item {
                Item::Span(span) => spans.push(*span),
                Item::Flush(done) => flushes.push(done),
            }
            if spans.len() >= SPANS_MAX || !flushes.is_empty() {
                break;
            }
            next = timeout_at(until, self.receiver.recv()).await.ok().flatten();
        }
        (spans, flushes)
    }

    async fn send(&self, spans: Vec<Value>) -> Result<(), BoxError> {
        let name = env!("CARGO_PKG_VERSION");
        let text = |key, value| json!({"key": key, "value": {"stringValue": value}});
        let message = json!({"resourceSpans": [{
            "resource": {"attributes": [
                text("service.name", "teamclaw-sidecar"),
                text("service.version", name),
            ]},
            "scopeSpans": [{"scope": {"name": "teamclaw-sidecar", "version": name}, "spans": spans}],
        }]});
        let mut request = Request::new(Full::new(Bytes::from(message.to_string())));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.place.clone();
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::CONTENT_TYPE, json);
        let answer = timeout(SEND_MAX, async {
            let answer = self.client.request(request).await?;
            let status = answer.status();
            // Read to its end, so that the connection can be used again.
            let _short = Limited::new(answer.into_body(), ANSWER_LENGTH_MAX).collect().await;
            Ok::<_, BoxError>(status)
        });
        let status = answer.await??;
        if status.is_success() { Ok(()) } else { Err(format!("it answered {status}").into()) }
    }

    fn told(&mut self, sent: Result<(), BoxError>) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(dropped, "there was no room for spans: the collector is too slow");
        }
        match sent {
            Ok(()) => self.failing = false,
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(error, "the collector takes no traces; they are dropped");
                }
            }
        }
    }
}
