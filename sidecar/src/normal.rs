//! From a provider's usage object to buckets that do not overlap. Providers differ in what their
//! sums include: Anthropic's input leaves the caches out, OpenAI's counts them in.

use events::usage::Tokens;
use http::HeaderMap;
use serde_json::{Map, Value};

use crate::providers::Api;

/// Bedrock's count of the input, by the name that it has at the end of a stream.
pub(crate) const BEDROCK_INPUT: &str = "inputTokenCount";

/// The buckets of a usage object.
pub(crate) fn tokens(api: Api, usage: &Map<String, Value>) -> Tokens {
    match api {
        Api::AnthropicMessages => anthropic(usage),
        Api::OpenAiChat | Api::OpenAiEmbeddings => openai(usage, "prompt", "completion"),
        Api::XaiChat => xai(usage),
        Api::OpenAiResponses | Api::OpenAiImages | Api::OpenAiTranscription => {
            openai(usage, "input", "output")
        }
        Api::OpenAiRealtime => realtime(usage),
        Api::GeminiGenerate | Api::GeminiEmbed => gemini(usage),
        Api::BedrockConverse => converse(usage),
        Api::BedrockInvoke => invoke(usage),
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
/// one lifetime; what is written counts as the short one. DeepSeek tells its cache's hits at the
/// top (api-docs.deepseek.com/guides/kv_cache).
fn openai(usage: &Map<String, Value>, input: &str, output: &str) -> Tokens {
    let sum = |name: &str| number(usage, &[&format!("{name}_tokens")]);
    let detail = |name: &str, what| number(usage, &[&format!("{name}_tokens_details"), what]);
    let cache_read =
        detail(input, "cached_tokens").max(number(usage, &["prompt_cache_hit_tokens"]));
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

/// platform.openai.com/docs/api-reference/realtime-server-events/response/done: as Responses, but the
/// details have another name, and there is no reasoning.
fn realtime(usage: &Map<String, Value>) -> Tokens {
    let cache_read = number(usage, &["input_token_details", "cached_tokens"]);
    Tokens {
        uncached_input: number(usage, &["input_tokens"]).saturating_sub(cache_read),
        cache_read,
        output: number(usage, &["output_tokens"]),
        ..Tokens::default()
    }
}

/// docs.x.ai/docs/guides/reasoning: Chat's sum of the completion leaves the reasoning out. The sum of
/// all says so itself; where it says the opposite it is believed.
fn xai(usage: &Map<String, Value>) -> Tokens {
    let tokens = openai(usage, "prompt", "completion");
    let inside = tokens.input().saturating_add(tokens.output);
    if tokens.reasoning == 0 || number(usage, &["total_tokens"]) == inside {
        return tokens;
    }
    Tokens { output: tokens.output.saturating_add(tokens.reasoning), ..tokens }
}

/// ai.google.dev/api/generate-content#UsageMetadata: the prompt includes the cache, what tools put
/// in and what was thought come on top. Live answers call the candidates a response.
fn gemini(usage: &Map<String, Value>) -> Tokens {
    let count = |name: &str| number(usage, &[name]);
    let cache_read = count("cachedContentTokenCount");
    let reasoning = count("thoughtsTokenCount");
    let told = count("candidatesTokenCount").max(count("responseTokenCount"));
    Tokens {
        uncached_input: count("promptTokenCount")
            .saturating_sub(cache_read)
            .saturating_add(count("toolUsePromptTokenCount")),
        cache_read,
        output: told.saturating_add(reasoning),
        reasoning,
        ..Tokens::default()
    }
}

/// docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html: the input leaves
/// both caches out; what is written is split by lifetime in the details.
fn converse(usage: &Map<String, Value>) -> Tokens {
    let written = number(usage, &["cacheWriteInputTokens"]);
    let details = usage.get("cacheDetails").and_then(Value::as_array);
    let hours = details.into_iter().flatten().filter(|part| part["ttl"] == "1h");
    let hour: u64 = hours.filter_map(|part| part["inputTokens"].as_u64()).sum();
    Tokens {
        uncached_input: number(usage, &["inputTokens"]),
        cache_read: number(usage, &["cacheReadInputTokens"]),
        cache_write5m: written.saturating_sub(hour),
        cache_write1h: hour.min(written),
        output: number(usage, &["outputTokens"]),
        reasoning: 0,
    }
}

/// The model's own usage where it is told, because it is finer; else Bedrock's own count.
fn invoke(usage: &Map<String, Value>) -> Tokens {
    if usage.contains_key("input_tokens") {
        return anthropic(usage);
    }
    if usage.contains_key("prompt_tokens") {
        return openai(usage, "prompt", "completion");
    }
    Tokens {
        uncached_input: number(usage, &[BEDROCK_INPUT]),
        cache_read: number(usage, &["cacheReadInputTokenCount"]),
        cache_write5m: number(usage, &["cacheWriteInputTokenCount"]),
        output: number(usage, &["outputTokenCount"]),
        ..Tokens::default()
    }
}

/// What the headers of Bedrock's `InvokeModel` say, by the names that a stream has for it
/// (docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html).
pub(crate) fn bedrock_headers(headers: &HeaderMap) -> Map<String, Value> {
    let named = [
        ("x-amzn-bedrock-input-token-count", BEDROCK_INPUT),
        ("x-amzn-bedrock-output-token-count", "outputTokenCount"),
        ("x-amzn-bedrock-cache-read-input-token-count", "cacheReadInputTokenCount"),
        ("x-amzn-bedrock-cache-write-input-token-count", "cacheWriteInputTokenCount"),
    ];
    let told = named.into_iter().filter_map(|(header, name)| {
        let count: u64 = headers.get(header)?.to_str().ok()?.parse().ok()?;
        Some((name.to_owned(), count.into()))
    });
    told.collect()
}

/// The number at a path; 0 when there is none.
pub(crate) fn number(usage: &Map<String, Value>, path: &[&str]) -> u64 {
    let first = path.first().and_then(|name| usage.get(*name));
    let value = path.iter().skip(1).try_fold(first, |value, name| Some(value?.get(name)));
    value.flatten().and_then(Value::as_u64).unwrap_or(0)
}

/// Merges a later report into an earlier one: field by field, what is null changes nothing.
/// Anthropic's later numbers are totals, not increments.
pub(crate) fn merge(earlier: &mut Map<String, Value>, mut later: Map<String, Value>) {
    if earlier.is_empty() {
        later.retain(|_, value| !value.is_null());
        *earlier = later;
        return;
    }
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
