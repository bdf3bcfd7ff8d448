//! A usage record as a span in OTLP's JSON (github.com/open-telemetry/opentelemetry-proto, with
//! identities in hex and 64-bit numbers as text), with the names of OpenTelemetry's GenAI
//! conventions (github.com/open-telemetry/semantic-conventions-genai). Pure.

use events::price::Cost;
use events::usage::{Completion, UsageRecord};
use events::{Envelope, Event};
use serde_json::{Value, json};

use super::{Asked, Context};
use crate::providers::Api;

/// `SPAN_KIND_CLIENT`.
const CLIENT: u8 = 3;
/// `STATUS_CODE_ERROR`.
const ERROR: u8 = 2;

/// The span of a record, within the client's if it told one; `None` when it is no usage.
pub(super) fn of(
    envelope: &Envelope,
    asked: Option<&Asked>,
    parent: Option<&Context>,
) -> Option<Value> {
    let Event::UsageRecorded(record) = &envelope.event else { return None };
    // The record's identity is unique by itself, so who has the record finds the trace.
    let id = envelope.id.0.simple().to_string();
    let (_, span) = id.split_at(16);
    let trace = parent.map_or(id.as_str(), |parent| &parent.trace);
    let operation = asked.map_or("chat", |asked| operation(asked.api));
    let model = asked.map_or(record.model.as_str(), |asked| &asked.model);
    let failed = record.completion == Completion::Failed || record.status >= 400;
    let mut whole = json!({
        "traceId": trace,
        "spanId": span,
        "flags": 1,
        "name": format!("{operation} {model}"),
        "kind": CLIENT,
        "startTimeUnixNano": record.started.as_nanosecond().to_string(),
        "endTimeUnixNano": envelope.time.max(record.started).as_nanosecond().to_string(),
        "attributes": attributes(record, operation, model, failed),
        "status": if failed { json!({"code": ERROR}) } else { json!({}) },
    });
    if let Some(parent) = parent {
        whole["parentSpanId"] = json!(parent.span);
    }
    Some(whole)
}

/// What the conventions call it.
fn operation(api: Api) -> &'static str {
    match api {
        Api::AnthropicMessages
        | Api::OpenAiChat
        | Api::XaiChat
        | Api::OpenAiResponses
        | Api::OpenAiRealtime
        | Api::BedrockConverse
        | Api::BedrockInvoke => "chat",
        Api::GeminiGenerate => "generate_content",
        Api::OpenAiEmbeddings | Api::GeminiEmbed => "embeddings",
        Api::OpenAiImages => "image_generation",
        Api::OpenAiTranscription => "transcription",
    }
}

fn attributes(record: &UsageRecord, operation: &str, model: &str, failed: bool) -> Vec<Value> {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let number =
        |key: &str, value: u64| json!({"key": key, "value": {"intValue": value.to_string()}});
    let tokens = &record.tokens;
    let mut all = vec![
        text("gen_ai.operation.name", operation),
        text("gen_ai.provider.name", &record.provider),
        text("gen_ai.request.model", model),
        number("gen_ai.usage.input_tokens", tokens.input()),
        number("gen_ai.usage.output_tokens", tokens.output),
        number("gen_ai.usage.cache_read.input_tokens", tokens.cache_read),
        number("http.response.status_code", u64::from(record.status)),
        text("teamclaw.key", &record.key.0),
    ];
    if record.completion == Completion::Complete {
        all.push(text("gen_ai.response.model", &record.model));
    }
    if record.completion == Completion::Aborted {
        all.push(json!({"key": "teamclaw.aborted", "value": {"boolValue": true}}));
    }
    if failed {
        all.push(text("error.type", &record.status.to_string()));
    }
    if let Cost::Known { pico_dollars, .. } = &record.cost {
        all.push(number("teamclaw.cost.pico_dollars", *pico_dollars));
    }
    all
}

#[cfg(test)]
mod tests {
    use events::usage::Tokens;
    use events::{EventId, Gen, KeyPrint, Stamp};
    use expect_test::expect;
    use jiff::Timestamp;

    use super::*;

    fn record(completion: Completion, status: u16) -> Envelope {
        let at = |s: i64| Timestamp::from_second(1_800_000_000 + s).expect("a time");
        let usage = UsageRecord {
            generation: Gen(1),
            team: "red".parse().expect("a name"),
            provider: "anthropic".to_owned(),
            model: "claude-haiku-4-5-20251001".to_owned(),
            key: KeyPrint("0123456789ab".to_owned()),
            started: at(0),
            duration_ms: 2000,
            status,
            completion,
            tokens: Tokens { uncached_input: 3, cache_read: 4, output: 5, ..Tokens::default() },
            estimated: false,
            cost: Cost::Known { pico_dollars: 99, table: "t".to_owned() },
            raw: Some(json!({"input_tokens": 3})),
        };
        let id = uuid::Builder::from_unix_timestamp_millis(1_800_000_000_000, &[7; 10]).into_uuid();
        let stamp = Stamp { id: EventId(id), time: at(2), cause: None };
        let subject = Some("ann".parse().expect("a name"));
        Envelope::new("/sidecar", subject, stamp, Event::UsageRecorded(usage))
    }

    fn asked() -> Asked {
        Asked { model: "claude-haiku-4-5".to_owned(), api: Api::AnthropicMessages }
    }

    #[test]
    fn a_span_tells_what_the_conventions_want_and_names_nobody() {
        let span = of(&record(Completion::Complete, 200), Some(&asked()), None).expect("usage");
        expect![[r#"{"attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.provider.name","value":{"stringValue":"anthropic"}},{"key":"gen_ai.request.model","value":{"stringValue":"claude-haiku-4-5"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"7"}},{"key":"gen_ai.usage.output_tokens","value":{"intValue":"5"}},{"key":"gen_ai.usage.cache_read.input_tokens","value":{"intValue":"4"}},{"key":"http.response.status_code","value":{"intValue":"200"}},{"key":"teamclaw.key","value":{"stringValue":"0123456789ab"}},{"key":"gen_ai.response.model","value":{"stringValue":"claude-haiku-4-5-20251001"}},{"key":"teamclaw.cost.pico_dollars","value":{"intValue":"99"}}],"endTimeUnixNano":"1800000002000000000","flags":1,"kind":3,"name":"chat claude-haiku-4-5","spanId":"8707070707070707","startTimeUnixNano":"1800000000000000000","status":{},"traceId":"01a3185c500077078707070707070707"}"#]].assert_eq(&span.to_string());
        assert!(!span.to_string().contains("ann") && !span.to_string().contains("red\""));
    }

    #[test]
    fn a_failure_says_so_and_a_span_is_within_its_clients() {
        let parent = Context {
            trace: "0af7651916cd43dd8448eb211c80319c".to_owned(),
            span: "b7ad6b7169203331".to_owned(),
            sampled: true,
        };
        let failed = record(Completion::Failed, 429);
        let span = of(&failed, Some(&asked()), Some(&parent)).expect("usage");
        assert_eq!(span["traceId"], parent.trace);
        assert_eq!(span["parentSpanId"], parent.span);
        assert_ne!(span["spanId"], span["parentSpanId"]);
        assert_eq!(span["status"]["code"], 2);
        let text = span.to_string();
        assert!(text.contains(r#"{"key":"error.type","value":{"stringValue":"429"}}"#), "{text}");
        assert!(!text.contains("gen_ai.response.model"), "no model answered");
    }
}
