//! A usage record as the rest of the world reads it: a CloudEvents 1.0 envelope whose data has the
//! names of OpenTelemetry's GenAI conventions
//! (github.com/open-telemetry/semantic-conventions-genai, status Development). What the conventions
//! have no name for begins with `teamclaw.`.
//!
//! Each request makes a line, and its names are longer than its values: they are copied and not
//! escaped byte by byte.

use events::price::Cost;
use events::usage::{Completion, UsageRecord};
use events::{Envelope, Event};
use serde::Serialize;

/// The type of a usage event.
const TYPE: &str = "ai.usage.recorded.v1";

/// One line of JSON at the end of `lines`.
pub(crate) fn line(envelope: &Envelope, lines: &mut Vec<u8>) {
    let Event::UsageRecorded(record) = &envelope.event else {
        // The sidecar reports nothing else.
        value(lines, envelope);
        return lines.push(b'\n');
    };
    let mut line = Object::open(lines);
    line.put("specversion", "1.0");
    line.put("id", envelope.id);
    line.put("source", &envelope.source);
    line.put("type", TYPE);
    if let Some(id) = &envelope.subject {
        line.put("subject", format!("{}/{id}", record.team));
    }
    line.put("time", envelope.time);
    line.put("datacontenttype", "application/json");
    data(line.within("data"), record);
    line.close();
    lines.push(b'\n');
}

fn data(mut data: Object<'_>, record: &UsageRecord) {
    let tokens = &record.tokens;
    data.put("gen_ai.provider.name", &record.provider);
    data.put("gen_ai.response.model", &record.model);
    // The convention wants the caches counted in.
    data.put("gen_ai.usage.input_tokens", tokens.input());
    data.put("gen_ai.usage.output_tokens", tokens.output);
    data.put("gen_ai.usage.cache_read.input_tokens", tokens.cache_read);
    let written = tokens.cache_write5m.saturating_add(tokens.cache_write1h);
    data.put("gen_ai.usage.cache_write.input_tokens", written);
    data.put("gen_ai.usage.reasoning.output_tokens", tokens.reasoning);
    data.put("http.response.status_code", record.status);
    if record.completion == Completion::Failed {
        data.put("error.type", record.status.to_string());
    }
    data.put("teamclaw.team", &record.team);
    data.put("teamclaw.key", &record.key);
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
            data.put("teamclaw.cost.table", table);
        }
        Cost::Unknown { why } => {
            data.put("teamclaw.cost.pico_dollars", ());
            data.put("teamclaw.cost.unknown", why);
        }
    }
    if let Some(raw) = &record.raw {
        data.put("teamclaw.usage", raw);
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
        value(self.to, &what);
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

fn value(to: &mut Vec<u8>, what: &impl Serialize) {
    let written = serde_json::to_writer(to, what);
    // Only a map with keys that are no text could fail, and there is none.
    debug_assert!(written.is_ok(), "{written:?}");
}
