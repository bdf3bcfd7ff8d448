//! What the JSON documents of an answer say, gathered over all of them: of each number the last
//! that is not null.

use events::usage::Completion;
use serde_json::{Map, Value};

use super::Reading;
use crate::normal;
use crate::providers::Api;
use crate::scan::{Found, Scan};
use crate::surcharge::surcharge;

/// What was said by now.
#[derive(Debug)]
pub(super) struct Documents {
    api: Api,
    streams: bool,
    scan: Scan,
    usage: Map<String, Value>,
    model: Option<String>,
    tier: Option<String>,
    completion: Completion,
    /// The model said why it stopped.
    finished: bool,
    /// Nothing that counts follows.
    over: bool,
    text_bytes: u64,
}

impl Documents {
    pub(super) fn new(api: Api, streams: bool) -> Self {
        Self {
            api,
            streams,
            scan: Scan::new(texts(api, streams)),
            usage: Map::new(),
            model: None,
            tier: None,
            completion: Completion::Aborted,
            finished: false,
            over: false,
            text_bytes: 0,
        }
    }

    /// Usage that was told beside the documents.
    pub(super) fn told(&mut self, usage: Map<String, Value>) {
        normal::merge(&mut self.usage, usage);
    }

    /// The next bytes of the document at hand; gives how many of them belong to it.
    pub(super) fn data(&mut self, bytes: &[u8]) -> usize {
        self.scan.feed(bytes)
    }

    /// Whether the document at hand came to its end.
    pub(super) fn is_closed(&self) -> bool {
        self.scan.is_closed()
    }

    /// Nothing follows.
    pub(super) fn close(&mut self) {
        self.over = true;
    }

    pub(super) fn is_over(&self) -> bool {
        self.over || !self.streams && self.scan.is_closed()
    }

    /// The document at hand is over; `kind` is what its frame calls it.
    pub(super) fn end(&mut self, kind: Option<&str>) {
        let found = self.scan.finish();
        self.hear(kind, found);
    }

    /// A whole document, whoever read it.
    pub(super) fn hear(&mut self, kind: Option<&str>, mut found: Found) {
        self.finished |= found.finished;
        self.text_bytes = self.text_bytes.saturating_add(found.text_bytes);
        let told = found.usage.is_some();
        if let Some(usage) = found.usage.take() {
            normal::merge(&mut self.usage, usage);
        }
        let kind = kind.or(found.kind.as_deref()).unwrap_or_default();
        if let Some(completion) = self.last_word(kind, told, &found) {
            self.completion = completion;
            self.over |= self.ends_with_last_word();
        }
        // In Chat usage may be told in every chunk; there the list in `[DONE]` is the end.
        self.over |= self.streams && found.closed && found.list;
        // Bedrock's prices are by its own names, which only the request has.
        if self.api != Api::BedrockInvoke {
            let named = found.model.filter(|model| !model.is_empty());
            self.model = named.or(self.model.take());
        }
        self.tier = found.tier.or(self.tier.take());
    }

    /// Whether nothing about usage comes after the last word.
    fn ends_with_last_word(&self) -> bool {
        self.streams && !self.api.is_chat() && self.api != Api::GeminiGenerate
    }

    /// Whether this document is the provider's last word on usage.
    fn last_word(&self, kind: &str, told: bool, found: &Found) -> Option<Completion> {
        let any = !self.usage.is_empty();
        if !self.streams {
            // Gemini's embeddings may be without any usage.
            let enough = any || self.api == Api::GeminiEmbed;
            return (found.closed && enough).then_some(Completion::Complete);
        }
        let complete = match self.api {
            Api::AnthropicMessages => kind == "message_stop",
            Api::OpenAiResponses => {
                if kind == "response.failed" && !told {
                    return Some(Completion::Failed);
                }
                matches!(kind, "response.completed" | "response.incomplete" | "response.failed")
                    && found.closed
            }
            Api::OpenAiChat | Api::XaiChat | Api::OpenAiEmbeddings => {
                found.closed && (told && self.finished || any && found.list)
            }
            // What was cancelled is told too, with what it used by then.
            Api::OpenAiRealtime => kind == "response.done" && told,
            Api::OpenAiImages => kind.ends_with(".completed") && told,
            Api::OpenAiTranscription => {
                kind == "transcript.text.done" || kind.ends_with("_transcription.completed")
            }
            Api::GeminiGenerate | Api::GeminiEmbed => found.closed && any && self.finished,
            Api::BedrockConverse => kind == "metadata" && told,
            Api::BedrockInvoke => self.usage.contains_key(normal::BEDROCK_INPUT),
        };
        complete.then_some(Completion::Complete)
    }

    /// All that was said. A document whose end nobody marked (JSON, or a stream that was cut after
    /// its last word) is read as far as it came.
    pub(super) fn finish(mut self) -> Reading {
        self.end(None);
        let tokens = normal::tokens(self.api, &self.usage);
        let unpriced = surcharge(self.api, &self.usage, self.tier.as_deref());
        Reading {
            model: self.model,
            completion: self.completion,
            tokens,
            raw: Some(self.usage).filter(|usage| !usage.is_empty()),
            unpriced,
            text_bytes: self.text_bytes,
        }
    }
}

/// The names under which an answer holds the model's own text. Where a stream repeats the whole text
/// at its end, only the name of its pieces is here.
pub(super) fn texts(api: Api, streams: bool) -> &'static [&'static [u8]] {
    match api {
        Api::AnthropicMessages => &[b"text", b"thinking", b"partial_json"],
        Api::OpenAiChat | Api::XaiChat => {
            &[b"content", b"reasoning_content", b"reasoning", b"arguments", b"refusal", b"text"]
        }
        Api::OpenAiResponses | Api::OpenAiTranscription if streams => &[b"delta"],
        // Sounds are deltas too, and not text.
        Api::OpenAiRealtime => &[],
        Api::OpenAiResponses | Api::OpenAiTranscription => &[b"text", b"arguments"],
        Api::GeminiGenerate => &[b"text"],
        Api::BedrockConverse => &[b"text", b"input"],
        Api::BedrockInvoke => {
            &[b"text", b"thinking", b"partial_json", b"content", b"outputText", b"generation"]
        }
        Api::OpenAiEmbeddings | Api::OpenAiImages | Api::GeminiEmbed => &[],
    }
}
