//! A span for each metered request, by OpenTelemetry's conventions for GenAI clients, sent as
//! OTLP/HTTP in JSON to a collector (opentelemetry.io/docs/specs/otlp). Only with the feature
//! `otel`.
//!
//! A span tells what a usage record tells, so it holds no header, no body, no token and no name of
//! a workspace. Spans are a convenience and the ledger is the truth: what a collector does not take
//! is dropped, and a request never waits for one.

mod context;
mod exporter;
mod span;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use events::Envelope;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::config::BadConfig;
use crate::providers::Api;

pub(crate) use context::Context;
use exporter::Exporter;

/// How many spans may wait for the collector; about 1 KiB each.
const SPANS_MAX: usize = 2048;

/// How long the end of the program waits for the collector.
const FLUSH_MAX: Duration = Duration::from_secs(1);

/// What waits.
enum Item {
    Span(Box<Value>),
    /// Somebody wants to know when all before it was sent or dropped.
    Flush(oneshot::Sender<()>),
}

/// Where spans go.
#[derive(Clone)]
pub(crate) struct Traces {
    queue: mpsc::Sender<Item>,
    /// Spans for which there was no room, until the exporter says so.
    dropped: Arc<AtomicU64>,
}

/// What a span tells besides its usage record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) model: String,
    pub(crate) api: Api,
}

impl Traces {
    /// Spans go to the collector at this base URL, such as `http://127.0.0.1:4318`. Needs a tokio
    /// runtime.
    ///
    /// # Errors
    /// The URL cannot be used.
    pub(crate) fn new(collector: &str) -> Result<Self, BadConfig> {
        let (queue, receiver) = mpsc::channel(SPANS_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let exporter = Exporter::new(collector, receiver, Arc::clone(&dropped))?;
        tokio::spawn(exporter.run());
        Ok(Self { queue, dropped })
    }

    /// A request is over, and this is what the ledger gets.
    pub(crate) fn ended(&self, record: &Envelope, asked: Option<&Asked>, parent: Option<&Context>) {
        if parent.is_some_and(|parent| !parent.sampled) {
            return;
        }
        let Some(span) = span::of(record, asked, parent) else { return };
        if self.queue.try_send(Item::Span(Box::new(span))).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits a moment until what ended by now was sent or dropped.
    pub(crate) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        let sent = async {
            if self.queue.send(Item::Flush(done)).await.is_ok() {
                // An error means that the task is gone.
                let _gone = wait.await;
            }
        };
        if timeout(FLUSH_MAX, sent).await.is_err() {
            tracing::warn!("the collector did not take all spans in time");
        }
    }
}
