//! The stand-in's OpenAI Chat and Embeddings (platform.openai.com/docs/api-reference).

use events::KeyPrint;
use events::usage::Tokens;
use serde_json::{Value, json};

use super::StandIn;
use super::heard::{Heard, count, text};
use super::wire::{Metered, Reply, data};

/// When everything of the stand-in was made: 2026-01-01, so that answers are repeatable.
pub(super) const CREATED: u64 = 1_767_225_600;
/// text-embedding-3-small's length.
const DIMENSIONS: usize = 1536;
/// Three ones as 32-bit floats in base64.
const THREE_ONES: &str = "AACAPwAAgD8AAIA/";

/// The buckets of a request to OpenAI: the prefix is cached without being asked.
pub(super) fn tokens(this: &StandIn, key: &KeyPrint, heard: &Heard) -> Tokens {
    let (prefix, rest) = heard.input();
    let mut tokens = Tokens { uncached_input: rest, ..Tokens::default() };
    if prefix > 0 && this.cached(key, &heard.prefix) {
        tokens.cache_read = prefix;
    } else {
        tokens.uncached_input += prefix;
    }
    heard.output(&mut tokens);
    tokens
}

/// `POST /v1/chat/completions`.
pub(super) fn completions(this: &StandIn, key: &KeyPrint, body: &Value) -> Metered {
    let heard = Heard::chat(body);
    let tokens = tokens(this, key, &heard);
    let id = format!("chatcmpl-stand-in-{}", this.number());
    let reply = if heard.stream {
        let asked = body["stream_options"]["include_usage"] == true;
        Reply::Events(stream(&id, &heard, asked.then(|| usage(&tokens))))
    } else {
        let mut message = json!({"role": "assistant", "content": heard.reply(), "refusal": null,
            "annotations": []});
        if let Some(tool) = &heard.tool {
            message["content"] = Value::Null;
            message["tool_calls"] = json!([call(&id, tool, &heard.arguments().to_string())]);
        }
        Reply::Json(json!({"id": id, "object": "chat.completion", "created": CREATED,
            "model": heard.model, "service_tier": "default", "usage": usage(&tokens),
            "choices": [{"index": 0, "message": message, "logprobs": null,
                "finish_reason": finish(&heard)}]}))
    };
    Metered { reply, model: heard.model, tokens }
}

fn call(id: &str, tool: &str, arguments: &str) -> Value {
    let id = id.replace("chatcmpl-", "call-");
    json!({"id": id, "type": "function", "function": {"name": tool, "arguments": arguments}})
}

fn finish(heard: &Heard) -> Value {
    json!(if heard.tool.is_some() { "tool_calls" } else { "stop" })
}

fn usage(tokens: &Tokens) -> Value {
    let details = json!({"reasoning_tokens": tokens.reasoning, "audio_tokens": 0,
        "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0});
    json!({
        "prompt_tokens": tokens.input(),
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input() + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cache_read, "audio_tokens": 0},
        "completion_tokens_details": details,
    })
}

fn stream(id: &str, heard: &Heard, usage: Option<Value>) -> Vec<String> {
    let chunk = |choices: Value, told: Value| {
        let mut chunk = json!({"id": id, "object": "chat.completion.chunk", "created": CREATED,
            "model": heard.model, "service_tier": "default", "choices": choices});
        if usage.is_some() {
            chunk["usage"] = told;
        }
        data(&chunk)
    };
    let choice = |delta: Value, finish: Value| json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]);
    let first = json!({"role": "assistant", "content": "", "refusal": null});
    let mut events = vec![chunk(choice(first, Value::Null), Value::Null)];
    if let Some(tool) = &heard.tool {
        let mut call = call(id, tool, "");
        call["index"] = json!(0);
        events.push(chunk(choice(json!({"tool_calls": [call]}), Value::Null), Value::Null));
    }
    for piece in heard.pieces() {
        let delta = match heard.tool {
            None => json!({"content": piece}),
            Some(_) => json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}),
        };
        events.push(chunk(choice(delta, Value::Null), Value::Null));
    }
    events.push(chunk(choice(json!({}), finish(heard)), Value::Null));
    if let Some(usage) = usage.clone() {
        events.push(chunk(json!([]), usage));
    }
    events.push("data: [DONE]\n\n".to_owned());
    events
}

/// `POST /v1/embeddings`: the same vector for every text.
pub(super) fn embeddings(body: &Value) -> Metered {
    let texts: Vec<String> = match body["input"].as_array() {
        Some(list) => list.iter().map(text).collect(),
        None => vec![text(&body["input"])],
    };
    let vector = if body["encoding_format"] == "base64" {
        json!(THREE_ONES.repeat(DIMENSIONS / 3))
    } else {
        json!(vec![1.0_f32; DIMENSIONS])
    };
    let list: Vec<Value> = (0..texts.len())
        .map(|n| json!({"object": "embedding", "index": n, "embedding": vector}))
        .collect();
    let input: u64 = texts.iter().map(|text| count(text)).sum();
    let model = body["model"].as_str().unwrap_or("stand-in").to_owned();
    let usage = json!({"prompt_tokens": input, "total_tokens": input});
    Metered {
        reply: Reply::Json(json!({"object": "list", "data": list, "model": model, "usage": usage})),
        model,
        tokens: Tokens { uncached_input: input, ..Tokens::default() },
    }
}
