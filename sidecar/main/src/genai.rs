//! A usage record as the rest of the world reads it: a CloudEvents 1.0 envelope whose data has the
//! names of OpenTelemetry's GenAI conventions
//! (github.com/open-telemetry/semantic-conventions-genai, status Development). What the conventions
//! have no name for begins with `teamclaw.`.

use events::price::Cost;
use events::usage::{Completion, UsageRecord};
use events::{Envelope, Event};
use serde_json::{Map, Value, json};

/// The type of a usage event.
const TYPE: &str = "ai.usage.recorded.v1";

/// One line of JSON, without its end.
pub(crate) fn line(envelope: &Envelope) -> String {
    let Event::UsageRecorded(record) = &envelope.event else {
        // The sidecar reports nothing else.
        return serde_json::to_string(envelope).unwrap_or_default();
    };
    let subject = envelope.subject.as_ref().map(|id| format!("{}/{id}", record.team));
    json!({
        "specversion": "1.0",
        "id": envelope.id,
        "source": envelope.source,
        "type": TYPE,
        "subject": subject,
        "time": envelope.time,
        "datacontenttype": "application/json",
        "data": data(record),
    })
    .to_string()
}

fn data(record: &UsageRecord) -> Map<String, Value> {
    let tokens = &record.tokens;
    let mut data = Map::new();
    let mut put = |name: &str, value: Value| data.insert(name.to_owned(), value);
    put("gen_ai.provider.name", json!(record.provider));
    put("gen_ai.response.model", json!(record.model));
    // The convention wants the caches counted in.
    put("gen_ai.usage.input_tokens", json!(tokens.input()));
    put("gen_ai.usage.output_tokens", json!(tokens.output));
    put("gen_ai.usage.cache_read.input_tokens", json!(tokens.cache_read));
    let written = tokens.cache_write5m.saturating_add(tokens.cache_write1h);
    put("gen_ai.usage.cache_write.input_tokens", json!(written));
    put("gen_ai.usage.reasoning.output_tokens", json!(tokens.reasoning));
    put("http.response.status_code", json!(record.status));
    if record.completion == Completion::Failed {
        put("error.type", json!(record.status.to_string()));
    }
    put("teamclaw.team", json!(record.team));
    put("teamclaw.key", json!(record.key));
    put("teamclaw.started", json!(record.started));
    put("teamclaw.duration_ms", json!(record.duration_ms));
    put("teamclaw.completion", json!(record.completion));
    put("teamclaw.cache_write_1h.input_tokens", json!(tokens.cache_write1h));
    match &record.cost {
        Cost::Known { pico_dollars, table } => {
            put("teamclaw.cost.pico_dollars", json!(pico_dollars));
            put("teamclaw.cost.table", json!(table));
        }
        Cost::Unknown { why } => {
            put("teamclaw.cost.pico_dollars", Value::Null);
            put("teamclaw.cost.unknown", json!(why));
        }
    }
    if let Some(raw) = &record.raw {
        put("teamclaw.usage", raw.clone());
    }
    data
}
