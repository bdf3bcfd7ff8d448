//! A usage record as the rest of the world reads it: a CloudEvents 1.0 envelope whose data has the
//! names of OpenTelemetry's GenAI conventions
//! (github.com/open-telemetry/semantic-conventions-genai, status Development). What the conventions
//! have no name for begins with `teamclaw.`.

use events::price::Cost;
use events::usage::{Completion, UsageRecord};
use events::{Envelope, Event, EventId, KeyPrint, TeamId};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// The type of a usage event.
const TYPE: &str = "ai.usage.recorded.v1";

/// CloudEvents' own attributes.
#[derive(Serialize)]
struct Line<'a> {
    specversion: &'static str,
    id: EventId,
    source: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    time: Timestamp,
    datacontenttype: &'static str,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    #[serde(rename = "gen_ai.provider.name")]
    provider: &'a str,
    #[serde(rename = "gen_ai.response.model")]
    model: &'a str,
    /// The convention wants the caches counted in.
    #[serde(rename = "gen_ai.usage.input_tokens")]
    input: u64,
    #[serde(rename = "gen_ai.usage.output_tokens")]
    output: u64,
    #[serde(rename = "gen_ai.usage.cache_read.input_tokens")]
    cache_read: u64,
    #[serde(rename = "gen_ai.usage.cache_write.input_tokens")]
    cache_write: u64,
    #[serde(rename = "gen_ai.usage.reasoning.output_tokens")]
    reasoning: u64,
    #[serde(rename = "http.response.status_code")]
    status: u16,
    #[serde(rename = "error.type", skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(rename = "teamclaw.team")]
    team: &'a TeamId,
    #[serde(rename = "teamclaw.key")]
    key: &'a KeyPrint,
    #[serde(rename = "teamclaw.started")]
    started: Timestamp,
    #[serde(rename = "teamclaw.duration_ms")]
    duration_ms: u64,
    #[serde(rename = "teamclaw.completion")]
    completion: Completion,
    #[serde(rename = "teamclaw.estimated", skip_serializing_if = "std::ops::Not::not")]
    estimated: bool,
    #[serde(rename = "teamclaw.cache_write_1h.input_tokens")]
    cache_write_1h: u64,
    #[serde(rename = "teamclaw.cost.pico_dollars")]
    pico_dollars: Option<u64>,
    #[serde(rename = "teamclaw.cost.table", skip_serializing_if = "Option::is_none")]
    table: Option<&'a str>,
    #[serde(rename = "teamclaw.cost.unknown", skip_serializing_if = "Option::is_none")]
    unknown: Option<&'a str>,
    /// The provider's own words.
    #[serde(rename = "teamclaw.usage", skip_serializing_if = "Option::is_none")]
    raw: Option<&'a Value>,
}

/// One line of JSON at the end of `lines`.
pub(crate) fn line(envelope: &Envelope, lines: &mut Vec<u8>) {
    let written = match &envelope.event {
        Event::UsageRecorded(record) => serde_json::to_writer(&mut *lines, &of(envelope, record)),
        // The sidecar reports nothing else.
        _ => serde_json::to_writer(&mut *lines, envelope),
    };
    // Neither has a map with keys that are no text, which alone could fail.
    debug_assert!(written.is_ok(), "{written:?}");
    lines.push(b'\n');
}

fn of<'a>(envelope: &'a Envelope, record: &'a UsageRecord) -> Line<'a> {
    let subject = envelope.subject.as_ref().map(|id| format!("{}/{id}", record.team));
    let tokens = &record.tokens;
    let (pico_dollars, table, unknown) = match &record.cost {
        Cost::Known { pico_dollars, table } => (Some(*pico_dollars), Some(table.as_str()), None),
        Cost::Unknown { why } => (None, None, Some(why.as_str())),
    };
    let failed = record.completion == Completion::Failed;
    let data = Data {
        provider: &record.provider,
        model: &record.model,
        input: tokens.input(),
        output: tokens.output,
        cache_read: tokens.cache_read,
        cache_write: tokens.cache_write5m.saturating_add(tokens.cache_write1h),
        reasoning: tokens.reasoning,
        status: record.status,
        error: failed.then(|| record.status.to_string()),
        team: &record.team,
        key: &record.key,
        started: record.started,
        duration_ms: record.duration_ms,
        completion: record.completion,
        estimated: record.estimated,
        cache_write_1h: tokens.cache_write1h,
        pico_dollars,
        table,
        unknown,
        raw: record.raw.as_ref(),
    };
    Line {
        specversion: "1.0",
        id: envelope.id,
        source: &envelope.source,
        kind: TYPE,
        subject,
        time: envelope.time,
        datacontenttype: "application/json",
        data,
    }
}
