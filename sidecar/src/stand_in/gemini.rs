//! The stand-in's Gemini (ai.google.dev/api/generate-content, ai.google.dev/api/tokens).

use events::KeyPrint;
use events::usage::Tokens;
use serde_json::{Value, json};

use super::heard::Heard;
use super::wire::{Metered, Reply, data};
use super::{StandIn, chat};

/// What the path of a request asks of which model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    pub(super) model: &'a str,
    pub(super) verb: &'a str,
}

impl<'a> Asked<'a> {
    /// `/v1beta/models/MODEL:VERB`, or the same below `/v1`.
    pub(super) fn of(path: &'a str) -> Option<Self> {
        let models = ["/v1beta/models/", "/v1/models/"];
        let named = models.into_iter().find_map(|prefix| path.strip_prefix(prefix))?;
        let (model, verb) = named.split_once(':')?;
        Some(Self { model, verb })
    }

    /// Whether its answer is billed.
    pub(super) fn billed(self) -> bool {
        matches!(self.verb, "generateContent" | "streamGenerateContent")
    }
}

/// `generateContent` and `streamGenerateContent`, the latter with `alt=sse` alone. `model` is as
/// it shall be named in the answer.
pub(super) fn generate(
    this: &StandIn,
    key: &KeyPrint,
    body: &Value,
    model: &str,
    asked: Asked<'_>,
) -> Metered {
    let heard = Heard::gemini(body, model, asked.verb == "streamGenerateContent");
    let tokens = chat::tokens(this, key, &heard);
    let id = format!("stand-in-{}", this.number());
    let told = |parts: Value, finish: Option<&str>, usage: Value| {
        let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
        if let Some(finish) = finish {
            candidate["finishReason"] = json!(finish);
        }
        json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": model,
            "responseId": id})
    };
    let call = heard
        .tool
        .as_ref()
        .map(|tool| json!([{"functionCall": {"name": tool, "args": heard.arguments()}}]));
    let reply = if heard.stream {
        let mut events = Vec::new();
        if call.is_none() {
            let seen = usage(&Tokens { output: 1, reasoning: 0, ..tokens });
            let piece = |text: &String| data(&told(json!([{"text": text}]), None, seen.clone()));
            events.extend(heard.pieces().iter().map(piece));
        }
        let last = call.unwrap_or_else(|| json!([{"text": ""}]));
        events.push(data(&told(last, Some("STOP"), usage(&tokens))));
        Reply::Events(events)
    } else {
        let parts = call.unwrap_or_else(|| json!([{"text": heard.reply()}]));
        Reply::Json(told(parts, Some("STOP"), usage(&tokens)))
    };
    Metered { reply, model: heard.model, tokens }
}

/// `countTokens`, which the official client asks with the same contents.
pub(super) fn count_tokens(body: &Value, asked: Asked<'_>) -> Value {
    let (prefix, rest) = Heard::gemini(body, asked.model, false).input();
    json!({"totalTokens": prefix + rest})
}

/// Thoughts are beside the candidates' tokens here, not in them.
fn usage(tokens: &Tokens) -> Value {
    json!({
        "promptTokenCount": tokens.input(),
        "cachedContentTokenCount": tokens.cache_read,
        "candidatesTokenCount": tokens.output - tokens.reasoning,
        "thoughtsTokenCount": tokens.reasoning,
        "totalTokenCount": tokens.input() + tokens.output,
    })
}
