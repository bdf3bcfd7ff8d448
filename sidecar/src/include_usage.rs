//! OpenAI's Chat streams tell their usage only to who asks for it (`stream_options.include_usage`).
//! This asks in the client's place and takes the extra chunk out again, because clients that did
//! not ask index `choices[0]` in every chunk. Everything else stays byte for byte.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::members::Members;
use crate::parts::Parts;
use crate::sse::{Piece, Sse};

/// The longest event that is held back to look at it; a longer one passes as it comes. The chunk
/// in question is under 2 KiB.
const EVENT_LENGTH_MAX: usize = 64 * 1024;

/// The parts of a request's body that the sidecar reads.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// The model that is asked for.
    pub(crate) model: Option<String>,
    /// Whether the answer shall stream.
    pub(crate) stream: Option<bool>,
    /// Where `stream_options` is, a `null` included.
    options: Option<Range<usize>>,
}

impl Asked {
    /// Reads a body; `None` when it is no JSON object or has one of our keys twice, which every
    /// reader takes in its own way.
    pub(crate) fn read(body: &Parts) -> Option<Self> {
        let mut asked = Self::default();
        let (mut model, mut stream, mut twice) = (None, None, false);
        let mut members = Members::default();
        for part in body.iter() {
            let told = members.feed(part, |name, place| {
                twice |= match name {
                    "model" => model.replace(place).is_some(),
                    "stream" => stream.replace(place).is_some(),
                    "stream_options" => asked.options.replace(place).is_some(),
                    _ => false,
                };
            });
            told.ok()?;
        }
        members.end().ok()?;
        if twice {
            return None;
        }
        if let Some(place) = model {
            asked.model = serde_json::from_slice(&body.at(place)).ok()?;
        }
        if let Some(place) = stream {
            asked.stream = serde_json::from_slice(&body.at(place)).ok()?;
        }
        Some(asked)
    }

    /// The body with the question put in; `None` when the client itself asks, or wants no stream.
    pub(crate) fn with_usage(&self, body: &Parts) -> Option<Parts> {
        if self.stream != Some(true) {
            return None;
        }
        let Some(options) = self.options.clone() else {
            let brace = body.iter().flatten().position(|byte| *byte == b'{')? + 1;
            // A `stream` is in it, so that a member follows.
            let added = r#""stream_options":{"include_usage":true},"#;
            return Some(body.with(brace..brace, Bytes::from_static(added.as_bytes())));
        };
        let mut wanted: Map<String, Value> =
            match serde_json::from_slice(&body.cut(options.clone()).joined()) {
                Ok(Value::Object(map)) => map,
                _ => Map::new(),
            };
        if wanted.get("include_usage") == Some(&Value::Bool(true)) {
            return None;
        }
        wanted.insert("include_usage".to_owned(), Value::Bool(true));
        let wanted = Value::Object(wanted).to_string();
        Some(body.with(options, wanted.into()))
    }
}

/// Takes the usage-only chunk out of a stream. Holds back at most one event, until it is whole.
#[derive(Debug, Default)]
pub(crate) struct DropUsage {
    sse: Sse,
    event: BytesMut,
    data: Vec<u8>,
    /// The event at hand is too long to be the one.
    passing: bool,
}

impl DropUsage {
    /// The next bytes for the client, perhaps none.
    pub(crate) fn pass(&mut self, bytes: &Bytes) -> Bytes {
        let mut out = BytesMut::new();
        // Events end at line ends, so line by line is as fine as it must be looked at.
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            self.event.extend_from_slice(line);
            let mut ended = false;
            let data = &mut self.data;
            self.sse.feed(line, |piece| match piece {
                Piece::Data(part) => data.extend_from_slice(part),
                Piece::End => ended = true,
            });
            if ended {
                let event = self.event.split();
                if self.passing || !usage_only(&self.data) {
                    out.extend_from_slice(&event);
                }
                self.data.clear();
                self.passing = false;
            } else if self.passing || self.event.len() > EVENT_LENGTH_MAX {
                self.passing = true;
                self.data.clear();
                out.extend_from_slice(&self.event.split());
            }
        }
        out.freeze()
    }

    /// What is still held back when the stream ends.
    pub(crate) fn finish(&mut self) -> Bytes {
        self.event.split().freeze()
    }

    /// Whether anything is held back.
    pub(crate) fn holds(&self) -> bool {
        !self.event.is_empty()
    }
}

fn usage_only(data: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Chunk {
        choices: Vec<serde::de::IgnoredAny>,
        usage: Map<String, Value>,
    }
    let chunk = serde_json::from_slice::<Chunk>(data);
    memchr::memmem::find(data, b"\"usage\"").is_some()
        && chunk.is_ok_and(|chunk| chunk.choices.is_empty() && !chunk.usage.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(body: &str) -> Option<String> {
        let parts = Parts::from(body.to_owned());
        let edited = Asked::read(&parts).expect("an object").with_usage(&parts)?;
        Some(String::from_utf8(edited.joined().to_vec()).expect("UTF-8"))
    }

    #[test]
    fn the_question_is_put_in_and_all_else_stays() {
        let cases = [
            (
                r#" { "stream" : true }"#,
                r#" {"stream_options":{"include_usage":true}, "stream" : true }"#,
            ),
            (
                r#"{"stream":true,"stream_options":null,"x":1.0}"#,
                r#"{"stream":true,"stream_options":{"include_usage":true},"x":1.0}"#,
            ),
            (
                r#"{"stream_options": {"include_obfuscation":false} ,"stream":true}"#,
                r#"{"stream_options": {"include_obfuscation":false,"include_usage":true} ,"stream":true}"#,
            ),
            (
                r#"{"stream":true,"stream_options":{"include_usage":false}}"#,
                r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
            ),
        ];
        for (body, edited) in cases {
            assert_eq!(asked(body).as_deref(), Some(edited));
        }
    }

    #[test]
    fn who_asks_or_wants_no_stream_is_left_alone() {
        for body in [
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
            r#"{"stream":false}"#,
            r#"{"model":"m"}"#,
            r#"{"stream":null}"#,
        ] {
            assert_eq!(asked(body), None, "{body}");
        }
    }

    #[test]
    fn a_doubled_key_is_not_read_either_way() {
        let body = r#"{"stream":true,"stream":false}"#;
        assert!(Asked::read(&body.to_owned().into()).is_none());
    }

    #[test]
    fn only_the_usage_chunk_is_taken_out_however_the_bytes_are_cut() {
        let before = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":null}\n\n\
            : ping\n\ndata: {\"choices\":[{}],\"usage\":{\"total_tokens\":1}}\n\n";
        let chunk = "data: {\"choices\":[],\"usage\":{\"total_tokens\":3}}\n\n";
        let after = "data: [DONE]\n\n";
        let text = format!("{before}{chunk}{after}");
        for step in 1..=text.len() {
            let mut drop = DropUsage::default();
            let mut out = Vec::new();
            for part in text.as_bytes().chunks(step) {
                out.extend_from_slice(&drop.pass(&Bytes::copy_from_slice(part)));
            }
            out.extend_from_slice(&drop.finish());
            assert_eq!(
                String::from_utf8(out).expect("UTF-8"),
                format!("{before}{after}"),
                "{step}"
            );
        }
    }

    #[test]
    fn an_event_too_long_to_hold_passes_as_it_comes() {
        let text = format!("data: {}\n\n", "x".repeat(200_000));
        let mut drop = DropUsage::default();
        let mut out = Vec::new();
        for part in text.as_bytes().chunks(1000) {
            out.extend_from_slice(&drop.pass(&Bytes::copy_from_slice(part)));
            assert!(drop.event.len() <= EVENT_LENGTH_MAX + 1000);
        }
        assert_eq!(out, text.as_bytes());
    }
}
