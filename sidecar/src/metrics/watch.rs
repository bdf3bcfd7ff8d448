//! One request's way, by the clock: what of its time is ours and what is the provider's.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Metrics, OfProvider, Open};

/// Watches one request from its head to its end. Counts it as open until it is dropped.
pub(crate) struct Watch {
    metrics: Arc<Metrics>,
    of: Arc<OfProvider>,
    began: Instant,
    /// When it was sent to the provider for the last time.
    asked: Option<Instant>,
    /// When the head of the last answer came.
    heard: Option<Instant>,
    _request: Open,
    _stream: Option<Open>,
}

impl Watch {
    /// Watches a request to this provider whose head was there at `began`.
    pub(crate) fn new(metrics: &Arc<Metrics>, provider: &str, began: Instant) -> Self {
        Self {
            of: Arc::clone(metrics.of(provider)),
            _request: metrics.requests.open(),
            metrics: Arc::clone(metrics),
            began,
            asked: None,
            heard: None,
            _stream: None,
        }
    }

    /// It is sent to the provider now, perhaps again.
    pub(crate) fn asks(&mut self) {
        let now = Instant::now();
        self.of.attempts.one();
        match self.asked {
            None => self.metrics.before.observe(now.duration_since(self.began)),
            Some(_) => self.of.retries.one(),
        }
        self.asked = Some(now);
    }

    /// The head of the provider's answer is there.
    pub(crate) fn heard(&mut self) {
        let now = Instant::now();
        if let Some(asked) = self.asked {
            self.of.upstream.observe(now.duration_since(asked));
        }
        self.heard = Some(now);
    }

    /// The head of a good answer goes to the client now; what follows perhaps streams.
    pub(crate) fn answers(&mut self, streams: bool) {
        if let Some(heard) = self.heard {
            self.metrics.after.observe(heard.elapsed());
        }
        self._stream = streams.then(|| self.metrics.streams.open());
    }
}
