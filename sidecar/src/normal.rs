//! From a provider's usage object to buckets that do not overlap. Providers differ in what their
//! sums include: Anthropic's input leaves the caches out, OpenAI's counts them in.

use events::usage::Tokens;
use serde_json::{Map, Value};

use crate::providers::Api;

/// The buckets of a usage object.
pub(crate) fn tokens(api: Api, usage: &Map<String, Value>) -> Tokens {
    match api {
        Api::OpenAiChat | Api::XaiChat | Api::OpenAiEmbeddings => openai(usage, "prompt", "completion"),
        Api::OpenAiResponses => openai(usage, "input", "output"),
        _ => anthropic(usage),
    }
}

/// platform.claude.com/docs/en/api/messages: `input_tokens` excludes both caches.
fn anthropic(usage: &Map<String, Value>) -> Tokens {
    let split = |name| number(usage, &["cache_creation", name]);
    let written5m = split("ephemeral_5m_input_tokens");
    let written1h = split("ephemeral_1h_input_tokens");
    // With server tools the split covers only the first round; the rest has the usual lifetime.
    let rest = number(usage, &["cache_creation_input_tokens"])
        .saturating_sub(written5m.saturating_add(written1h));
    Tokens {
        uncached_input: number(usage, &["input_tokens"]),
        cache_read: number(usage, &["cache_read_input_tokens"]),
        cache_write5m: written5m.saturating_add(rest),
        cache_write1h: written1h,
        output: number(usage, &["output_tokens"]),
        reasoning: number(usage, &["output_tokens_details", "thinking_tokens"]),
    }
}

/// platform.openai.com/docs/api-reference: both sums include their details. OpenAI's caches have
/// one lifetime; what is written counts as the short one.
fn openai(usage: &Map<String, Value>, input: &str, output: &str) -> Tokens {
    let sum = |name: &str| number(usage, &[&format!("{name}_tokens")]);
    let detail = |name: &str, what| number(usage, &[&format!("{name}_tokens_details"), what]);
    let cache_read = detail(input, "cached_tokens");
    let cache_write5m = detail(input, "cache_write_tokens");
    Tokens {
        uncached_input: sum(input).saturating_sub(cache_read.saturating_add(cache_write5m)),
        cache_read,
        cache_write5m,
        cache_write1h: 0,
        output: sum(output),
        reasoning: detail(output, "reasoning_tokens"),
    }
}

fn number(usage: &Map<String, Value>, path: &[&str]) -> u64 {
    let first = path.first().and_then(|name| usage.get(*name));
    let value = path.iter().skip(1).try_fold(first, |value, name| Some(value?.get(name)));
    value.flatten().and_then(Value::as_u64).unwrap_or(0)
}

/// Merges a later report into an earlier one: field by field, what is null changes nothing.
/// Anthropic's later numbers are totals, not increments.
pub(crate) fn merge(earlier: &mut Map<String, Value>, later: Map<String, Value>) {
    for (name, value) in later {
        match (earlier.get_mut(&name), value) {
            (_, Value::Null) => {}
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
            (_, value) => {
                earlier.insert(name, value);
            }
        }
    }
}

/// What the provider bills beside the buckets or at other rates, which the price table does not
/// know: the cost is then unknown rather than wrong.
pub(crate) fn surcharge(usage: &Map<String, Value>, tier: Option<&str>) -> Option<String> {
    let text = |name: &str| usage.get(name).and_then(Value::as_str);
    let tier = tier.or_else(|| text("service_tier")).unwrap_or("default");
    if !matches!(tier, "default" | "standard" | "auto") {
        return Some(format!("no price for service tier {}", cut(tier)));
    }
    if let Some(speed) = text("speed").filter(|speed| *speed != "standard") {
        return Some(format!("no price for speed {}", cut(speed)));
    }
    if let Some(place) =
        text("inference_geo").filter(|place| !matches!(*place, "global" | "not_available"))
    {
        return Some(format!("no price for inference in {}", cut(place)));
    }
    // Fetches are free of charge.
    if number(usage, &["server_tool_use", "web_search_requests"]) > 0 {
        return Some("web searches are billed by the call, which the table does not hold".into());
    }
    let special = ["prompt_tokens_details", "completion_tokens_details"]
        .iter()
        .flat_map(|details| ["audio_tokens", "image_tokens"].map(|what| [*details, what]))
        .any(|path| number(usage, &path) > 0);
    special.then(|| "no price for audio or images".into())
}

/// A word of the provider's, no longer than a reason needs.
fn cut(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).take(40).collect()
}
