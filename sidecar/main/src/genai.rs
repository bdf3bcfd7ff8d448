//! A usage record as the rest of the world reads it: a CloudEvents 1.0 envelope whose data has the
//! names of OpenTelemetry's GenAI conventions
//! (github.com/open-telemetry/semantic-conventions-genai, status Development). What the conventions
//! have no name for begins with `teamclaw.`.
//!
//! Each request makes a line, and its names are longer than its values: they are copied and not
//! escaped byte by byte.

use events::json::{self, Times};
use events::price::Cost;
use events::usage::{Completion, UsageRecord};
use events::{Envelope, Event};
use jiff::Timestamp;

/// The type of a usage event.
const TYPE: &str = "ai.usage.recorded.v1";

/// Lines of JSON.
#[derive(Default)]
pub(crate) struct Lines {
    bytes: Vec<u8>,
    ended: Times,
    started: Times,
}

impl Lines {
    /// Room for so many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ..Self::default() }
    }

    /// One more.
    pub(crate) fn add(&mut self, envelope: &Envelope) {
        let lines = &mut self.bytes;
        let Event::UsageRecorded(record) = &envelope.event else {
            // The sidecar reports nothing else.
            json::other(lines, envelope);
            return lines.push(b'\n');
        };
        let mut line = Object::open(lines);
        line.plain("specversion", "1.0");
        line.plain("id", envelope.id.text(&mut [0; 36]));
        line.text("source", &envelope.source);
        line.plain("type", TYPE);
        if let Some(id) = &envelope.subject {
            line.name("subject");
            // Names have nothing in them that JSON would escape.
            let parts = ["\"", record.team.as_str(), "/", id.as_str(), "\""];
            parts.iter().for_each(|part| line.to.extend_from_slice(part.as_bytes()));
        }
        line.time("time", &mut self.ended, envelope.time);
        line.plain("datacontenttype", "application/json");
        data(line.within("data"), record, &mut self.started);
        line.close();
        lines.push(b'\n');
    }

    /// All of them.
    pub(crate) fn end(self) -> Vec<u8> {
        self.bytes
    }
}

fn data(mut data: Object<'_>, record: &UsageRecord, times: &mut Times) {
    let tokens = &record.tokens;
    data.text("gen_ai.provider.name", &record.provider);
    data.text("gen_ai.response.model", &record.model);
    // The convention wants the caches counted in.
    data.number("gen_ai.usage.input_tokens", tokens.input());
    data.number("gen_ai.usage.output_tokens", tokens.output);
    data.number("gen_ai.usage.cache_read.input_tokens", tokens.cache_read);
    let written = tokens.cache_write5m.saturating_add(tokens.cache_write1h);
    data.number("gen_ai.usage.cache_write.input_tokens", written);
    data.number("gen_ai.usage.reasoning.output_tokens", tokens.reasoning);
    data.number("http.response.status_code", record.status);
    if record.completion == Completion::Failed {
        data.text("error.type", &record.status.to_string());
    }
    data.plain("teamclaw.team", record.team.as_str());
    data.text("teamclaw.key", &record.key.0);
    data.time("teamclaw.started", times, record.started);
    data.number("teamclaw.duration_ms", record.duration_ms);
    data.plain("teamclaw.completion", record.completion.word());
    if record.estimated {
        data.name("teamclaw.estimated");
        json::truth(data.to, true);
    }
    data.number("teamclaw.cache_write_1h.input_tokens", tokens.cache_write1h);
    match &record.cost {
        Cost::Known { pico_dollars, table } => {
            data.number("teamclaw.cost.pico_dollars", *pico_dollars);
            data.text("teamclaw.cost.table", table);
        }
        Cost::Unknown { why } => {
            data.name("teamclaw.cost.pico_dollars");
            json::null(data.to);
            data.text("teamclaw.cost.unknown", why);
        }
    }
    if let Some(raw) = &record.raw {
        data.name("teamclaw.usage");
        json::value(data.to, raw);
    }
    data.close();
}

/// A JSON object that is being written.
struct Object<'a> {
    to: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Object<'a> {
    fn open(to: &'a mut Vec<u8>) -> Self {
        to.push(b'{');
        Self { to, empty: true }
    }

    /// The next name, which has nothing in it that JSON would escape.
    fn name(&mut self, name: &'static str) {
        if !std::mem::take(&mut self.empty) {
            self.to.push(b',');
        }
        self.to.push(b'"');
        self.to.extend_from_slice(name.as_bytes());
        self.to.extend_from_slice(b"\":");
    }

    fn number(&mut self, name: &'static str, number: impl itoa::Integer) {
        self.name(name);
        json::number(self.to, number);
    }

    fn time(&mut self, name: &'static str, times: &mut Times, time: Timestamp) {
        self.name(name);
        times.write(self.to, time);
    }

    /// A text that has nothing in it that JSON would escape.
    fn plain(&mut self, name: &'static str, text: &str) {
        self.name(name);
        json::plain(self.to, text);
    }

    fn text(&mut self, name: &'static str, text: &str) {
        self.name(name);
        json::text(self.to, text);
    }

    /// An object as the value of a name.
    fn within(&mut self, name: &'static str) -> Object<'_> {
        self.name(name);
        Object::open(self.to)
    }

    fn close(self) {
        self.to.push(b'}');
    }
}
