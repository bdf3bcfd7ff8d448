//! How an answer's bytes become documents: one JSON document, a list of them, server-sent events,
//! or the frames of an event stream.

use serde::Deserialize;

use super::documents::Documents;
use super::frames::{Frame, Frames};
use crate::base64;
use crate::providers::Api;
use crate::sse::{Piece, Sse};

/// The place in the answer.
#[derive(Debug)]
pub(super) enum Wire {
    /// One JSON document.
    Json,
    /// A list of JSON documents, told one by one (Gemini without `alt=sse`), or a single one.
    List {
        /// It began with a bracket.
        begun: bool,
        /// A document of it is at hand.
        inside: bool,
    },
    /// Server-sent events.
    Events(Sse),
    /// An AWS event stream.
    Frames(Frames),
    /// Messages on a socket, whose reader looks into them itself.
    Messages,
}

impl Wire {
    /// What an answer of this API and content type comes as.
    pub(super) fn of(api: Api, content_type: &str) -> Self {
        if content_type.starts_with("text/event-stream") {
            Self::Events(Sse::default())
        } else if content_type.starts_with("application/vnd.amazon.eventstream") {
            Self::Frames(Frames::default())
        } else if api == Api::GeminiGenerate {
            Self::List { begun: false, inside: false }
        } else {
            Self::Json
        }
    }

    /// Whether the answer is of many documents. Of a list that is seen at its first byte.
    pub(super) fn streams(&self) -> bool {
        !matches!(self, Self::Json)
    }

    /// Takes the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8], documents: &mut Documents) {
        match self {
            Self::Json => {
                documents.data(bytes);
            }
            Self::List { begun, inside } => list(begun, inside, bytes, documents),
            Self::Events(sse) => sse.feed(bytes, |piece| match piece {
                Piece::Data(data) => {
                    documents.data(data);
                }
                Piece::End => documents.end(None),
            }),
            Self::Frames(frames) => frames.feed(bytes, |frame| told(&frame, documents)),
            Self::Messages => {}
        }
    }
}

fn list(begun: &mut bool, inside: &mut bool, bytes: &[u8], documents: &mut Documents) {
    let mut rest = bytes;
    while let Some(&first) = rest.first() {
        if *inside || first == b'{' {
            let read = documents.data(rest);
            rest = &rest[read.min(rest.len())..];
            *inside = !documents.is_closed();
            if !*inside {
                documents.end(None);
                // A document that is in no list is all there is.
                if !*begun {
                    documents.close();
                }
            }
            continue;
        }
        *begun |= first == b'[';
        if first == b']' {
            documents.close();
        }
        rest = &rest[1..];
    }
}

/// A frame of Bedrock's. An exception ends the stream without a last word.
fn told(frame: &Frame<'_>, documents: &mut Documents) {
    /// `InvokeModelWithResponseStream` wraps the model's own events.
    #[derive(Deserialize)]
    struct Chunk<'a> {
        bytes: &'a str,
    }
    if frame.message_type != "event" {
        return;
    }
    if frame.event_type != "chunk" {
        documents.data(frame.payload);
        documents.end(Some(frame.event_type));
        return;
    }
    let chunk = serde_json::from_slice::<Chunk<'_>>(frame.payload).ok();
    if let Some(inner) = chunk.and_then(|chunk| base64::decode(chunk.bytes.as_bytes())) {
        documents.data(&inner);
        documents.end(None);
    }
}
