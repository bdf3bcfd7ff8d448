//! Reads an answer's usage as it passes, from the provider's own numbers. The bytes are undressed
//! (`encoding`), cut into documents (`wire`, `frames`), and what the documents say is gathered
//! (`documents`). The client's bytes are not touched.

mod documents;
mod encoding;
mod frames;
#[cfg(test)]
mod golden_tests;
mod wire;

use bytes::{Bytes, BytesMut};
use events::usage::{Completion, Tokens};
use http::{HeaderMap, header};
use serde_json::{Map, Value};

use crate::normal;
use crate::providers::Api;
use crate::scan::{Found, Scan};
use documents::Documents;
use encoding::Encoding;
use wire::Wire;

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
    /// How many bytes of the model's text were seen.
    pub(crate) text_bytes: u64,
}

impl Reading {
    /// Of an answer that never came.
    pub(crate) fn nothing(completion: Completion) -> Self {
        let tokens = Tokens::default();
        Self { model: None, completion, tokens, raw: None, unpriced: None, text_bytes: 0 }
    }
}

/// What looks into the messages of a socket.
pub(crate) fn scan_of_messages(api: Api) -> Scan {
    Scan::new(documents::texts(api, true))
}

/// Reads one successful answer.
#[derive(Debug)]
pub(crate) struct Meter {
    encoding: Encoding,
    wire: Wire,
    documents: Documents,
}

impl Meter {
    /// A meter for an answer of this API with these headers.
    pub(crate) fn new(api: Api, headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let wire = Wire::of(api, text(header::CONTENT_TYPE).unwrap_or_default());
        let mut documents = Documents::new(api, wire.streams());
        if api == Api::BedrockInvoke {
            documents.told(normal::bedrock_headers(headers));
        }
        Self { encoding: Encoding::of(text(header::CONTENT_ENCODING)), wire, documents }
    }

    /// A meter for an answer that comes as messages on a socket; [`Meter::told`] takes them.
    pub(crate) fn of_messages(api: Api) -> Self {
        let documents = Documents::new(api, true);
        Self { encoding: Encoding::of(None), wire: Wire::Messages, documents }
    }

    /// Takes what was found in a whole message.
    pub(crate) fn told(&mut self, found: Found) {
        self.documents.hear(None, found);
    }

    /// Whether the provider's last word on usage was seen, so that the record can be made before
    /// the client sees the end.
    pub(crate) fn is_over(&self) -> bool {
        self.documents.is_over()
    }

    /// Takes the next bytes of the answer.
    pub(crate) fn see(&mut self, bytes: &[u8]) {
        let Self { encoding, wire, documents } = self;
        encoding.undress(bytes, |plain| wire.feed(plain, documents));
    }

    /// What is known by now; the answer is over.
    pub(crate) fn finish(self) -> Reading {
        let mut reading = self.documents.finish();
        if reading.raw.is_none() {
            reading.unpriced = self.encoding.unread().or(reading.unpriced);
        }
        reading
    }
}

/// A whole body without its content encoding; `None` when that cannot be taken off, or leaves more
/// than `longest` bytes.
pub(crate) fn undressed(headers: &HeaderMap, body: Bytes, longest: usize) -> Option<Bytes> {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    let Some(name) = encodings.next() else { return Some(body) };
    if encodings.next().is_some() {
        return None;
    }
    let mut encoding = Encoding::of(Some(name.to_str().ok()?));
    let (mut plain, mut too_long) = (BytesMut::new(), false);
    encoding.undress(&body, |part| {
        too_long |= plain.len() + part.len() > longest;
        if !too_long {
            plain.extend_from_slice(part);
        }
    });
    (!too_long && encoding.unread().is_none()).then(|| plain.freeze())
}
