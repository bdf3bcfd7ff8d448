//! Reads an answer's usage as it passes, from the provider's own numbers.

use events::usage::{Completion, Tokens};
use serde_json::{Map, Value};

use crate::normal;
use crate::providers::Api;
use crate::scan::{Found, Scan};
use crate::sse::{Piece, Sse};

/// What an answer said about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The model as the provider named it.
    pub(crate) model: Option<String>,
    /// Whether its last word on usage was seen.
    pub(crate) completion: Completion,
    /// The buckets.
    pub(crate) tokens: Tokens,
    /// Its own usage object.
    pub(crate) raw: Option<Map<String, Value>>,
    /// Why the price table cannot say the cost.
    pub(crate) unpriced: Option<String>,
}

/// Reads one successful answer.
#[derive(Debug)]
pub(crate) struct Meter {
    api: Api,
    streams: bool,
    sse: Sse,
    scan: Scan,
    usage: Map<String, Value>,
    model: Option<String>,
    tier: Option<String>,
    completion: Completion,
    /// Nothing that counts follows in this stream.
    over: bool,
}

impl Meter {
    /// A meter for an answer of this API; `stream` when it comes as server-sent events.
    pub(crate) fn new(api: Api, stream: bool) -> Self {
        Self {
            api,
            streams: stream,
            sse: Sse::default(),
            scan: Scan::default(),
            usage: Map::new(),
            model: None,
            tier: None,
            completion: Completion::Aborted,
            over: false,
        }
    }

    /// Whether the provider's last word on usage was seen, so that the record can be made before
    /// the client sees the end.
    pub(crate) fn is_over(&self) -> bool {
        if self.streams { self.over } else { self.scan.is_closed() }
    }

    /// Takes the next bytes of the answer.
    pub(crate) fn see(&mut self, bytes: &[u8]) {
        if !self.streams {
            self.scan.feed(bytes);
            return;
        }
        let mut sse = std::mem::take(&mut self.sse);
        sse.feed(bytes, |piece| match piece {
            Piece::Data(data) => self.scan.feed(data),
            Piece::End => self.end_document(),
        });
        self.sse = sse;
    }

    /// What is known by now; the answer is over.
    pub(crate) fn finish(mut self) -> Reading {
        // A document whose end nobody marked (JSON, or a stream that was cut after its last word).
        self.end_document();
        let tokens = normal::tokens(self.api, &self.usage);
        let unpriced = normal::surcharge(&self.usage, self.tier.as_deref());
        Reading {
            model: self.model,
            completion: self.completion,
            tokens,
            raw: Some(self.usage).filter(|usage| !usage.is_empty()),
            unpriced,
        }
    }

    fn end_document(&mut self) {
        let found = self.scan.finish();
        let last = self.last_word(&found);
        // Chat may tell its usage in every chunk; there the list in `[DONE]` is the end.
        self.over |= match self.api {
            Api::AnthropicMessages | Api::OpenAiResponses => last.is_some(),
            _ => found.closed && found.list,
        };
        if let Some(completion) = last {
            self.completion = completion;
        }
        if let Some(usage) = found.usage {
            normal::merge(&mut self.usage, usage);
        }
        self.model = found.model.or(self.model.take());
        self.tier = found.tier.or(self.tier.take());
    }

    /// Whether this document is the provider's last word on usage.
    fn last_word(&self, found: &Found) -> Option<Completion> {
        let kind = self.streams.then(|| found.kind.as_deref().unwrap_or_default());
        let complete = match (self.api, kind) {
            // A whole answer: its usage and its end were seen.
            (_, None) => found.closed && found.usage.is_some(),
            (Api::AnthropicMessages, Some(kind)) => kind == "message_stop",
            (Api::OpenAiResponses, Some(kind)) => {
                if kind == "response.failed" && found.usage.is_none() {
                    return Some(Completion::Failed);
                }
                matches!(kind, "response.completed" | "response.incomplete" | "response.failed")
                    && found.closed
            }
            (_, Some(_)) => {
                found.closed && found.usage.is_some()
            }
        };
        complete.then_some(Completion::Complete)
    }
}
