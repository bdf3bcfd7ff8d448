//! A usage record as the rest of the world reads it: a CloudEvents 1.0 envelope whose data has the
//! names of OpenTelemetry's GenAI conventions
//! (github.com/open-telemetry/semantic-conventions-genai, status Development). What the conventions
//! have no name for begins with `teamclaw.`.
//!
//! Each request makes a line, and its names are longer than its values: they are copied and not
//! escaped byte by byte.

use events::price::Cost;
use events::usage::{Completion, UsageRecord};
use events::{Envelope, Event, json};
use serde::Serialize;

/// The type of a usage event.
const TYPE: &str = "ai.usage.recorded.v1";

/// One line of JSON at the end of `lines`.
pub(crate) fn line(envelope: &Envelope, lines: &mut Vec<u8>) {
    let Event::UsageRecorded(record) = &envelope.event else {
        // The sidecar reports nothing else.
        json::other(lines, envelope);
        return lines.push(b'\n');
    };
    let mut line = Object::open(lines);
    line.text("specversion", "1.0");
    line.text("id", envelope.id.text(&mut [0; 36]));
    line.text("source", &envelope.source);
    line.text("type", TYPE);
    if let Some(id) = &envelope.subject {
        line.name("subject");
        // Names have nothing in them that JSON would escape.
        let parts = ["\"", record.team.as_str(), "/", id.as_str(), "\""];
        parts.iter().for_each(|part| line.to.extend_from_slice(part.as_bytes()));
    }
    line.put("time", envelope.time);
    line.text("datacontenttype", "application/json");
    data(line.within("data"), record);
    line.close();
    lines.push(b'\n');
}

fn data(mut data: Object<'_>, record: &UsageRecord) {
    let tokens = &record.tokens;
    data.text("gen_ai.provider.name", &record.provider);
    data.text("gen_ai.response.model", &record.model);
    // The convention wants the caches counted in.
    data.put("gen_ai.usage.input_tokens", tokens.input());
    data.put("gen_ai.usage.output_tokens", tokens.output);
    data.put("gen_ai.usage.cache_read.input_tokens", tokens.cache_read);
    let written = tokens.cache_write5m.saturating_add(tokens.cache_write1h);
    data.put("gen_ai.usage.cache_write.input_tokens", written);
    data.put("gen_ai.usage.reasoning.output_tokens", tokens.reasoning);
    data.put("http.response.status_code", record.status);
    if record.completion == Completion::Failed {
        data.text("error.type", &record.status.to_string());
    }
    data.text("teamclaw.team", record.team.as_str());
    data.text("teamclaw.key", &record.key.0);
    data.put("teamclaw.started", record.started);
    data.put("teamclaw.duration_ms", record.duration_ms);
    data.put("teamclaw.completion", record.completion);
    if record.estimated {
        data.put("teamclaw.estimated", true);
    }
    data.put("teamclaw.cache_write_1h.input_tokens", tokens.cache_write1h);
    match &record.cost {
        Cost::Known { pico_dollars, table } => {
            data.put("teamclaw.cost.pico_dollars", pico_dollars);
            data.text("teamclaw.cost.table", table);
        }
        Cost::Unknown { why } => {
            data.put("teamclaw.cost.pico_dollars", ());
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

    fn put(&mut self, name: &'static str, what: impl Serialize) {
        self.name(name);
        json::other(self.to, &what);
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
