//! The stand-in's Anthropic Messages (platform.claude.com/docs/en/api/messages).

use events::KeyPrint;
use events::usage::Tokens;
use serde_json::{Value, json};

use super::StandIn;
use super::heard::Heard;
use super::wire::{Metered, Reply, event};

/// `POST /v1/messages`.
pub(super) fn messages(this: &StandIn, key: &KeyPrint, body: &Value) -> Metered {
    let heard = Heard::messages(body);
    let tokens = tokens(this, key, body, &heard);
    let id = format!("msg_stand_in_{}", this.number());
    let reply = if heard.stream {
        Reply::Events(stream(&id, &heard, &tokens))
    } else {
        let content = json!([content(&heard, &id, heard.reply(), heard.arguments())]);
        Reply::Json(message(&id, &heard.model, content, stop(&heard), usage(&tokens)))
    };
    Metered { reply, model: heard.model, tokens }
}

/// `POST /v1/messages/count_tokens`.
pub(super) fn count_tokens(body: &Value) -> Value {
    let (prefix, rest) = Heard::messages(body).input();
    json!({"input_tokens": prefix + rest})
}

/// A cache is used only by who asks for one; `"ttl":"1h"` anywhere makes it the long one.
fn tokens(this: &StandIn, key: &KeyPrint, body: &Value, heard: &Heard) -> Tokens {
    let (prefix, rest) = heard.input();
    let mut tokens = Tokens::default();
    let text = body.to_string();
    if !text.contains("\"cache_control\":{") || prefix == 0 {
        tokens.uncached_input = prefix + rest;
    } else {
        tokens.uncached_input = rest;
        let long = text.contains("\"ttl\":\"1h\"");
        match (this.cached(key, &heard.prefix), long) {
            (true, _) => tokens.cache_read = prefix,
            (false, true) => tokens.cache_write1h = prefix,
            (false, false) => tokens.cache_write5m = prefix,
        }
    }
    heard.output(&mut tokens);
    tokens
}

fn usage(tokens: &Tokens) -> Value {
    json!({
        "input_tokens": tokens.uncached_input,
        "cache_read_input_tokens": tokens.cache_read,
        "cache_creation_input_tokens": tokens.cache_write5m + tokens.cache_write1h,
        "cache_creation": {
            "ephemeral_5m_input_tokens": tokens.cache_write5m,
            "ephemeral_1h_input_tokens": tokens.cache_write1h,
        },
        "output_tokens": tokens.output,
        "service_tier": "standard",
        "server_tool_use": null,
    })
}

fn message(id: &str, model: &str, content: Value, stop: Value, usage: Value) -> Value {
    json!({"id": id, "type": "message", "role": "assistant", "model": model, "content": content,
        "stop_reason": stop, "stop_sequence": null, "usage": usage})
}

/// The one block of the answer: what is said, or the call of the tool.
fn content(heard: &Heard, id: &str, said: String, arguments: Value) -> Value {
    match &heard.tool {
        None => json!({"type": "text", "text": said, "citations": null}),
        Some(tool) => {
            let id = id.replace("msg_", "toolu_");
            json!({"type": "tool_use", "id": id, "name": tool, "input": arguments})
        }
    }
}

fn stop(heard: &Heard) -> Value {
    json!(if heard.tool.is_some() { "tool_use" } else { "end_turn" })
}

fn stream(id: &str, heard: &Heard, tokens: &Tokens) -> Vec<String> {
    // At the start only a seed of the output is known, as with the real one.
    let seed = usage(&Tokens { output: 1, reasoning: 0, ..*tokens });
    let start = message(id, &heard.model, json!([]), Value::Null, seed);
    let mut events = vec![
        event("message_start", &json!({"type": "message_start", "message": start})),
        event(
            "content_block_start",
            &json!({"type": "content_block_start", "index": 0,
            "content_block": content(heard, id, String::new(), json!({}))}),
        ),
        event("ping", &json!({"type": "ping"})),
    ];
    for piece in heard.pieces() {
        let delta = match heard.tool {
            None => json!({"type": "text_delta", "text": piece}),
            Some(_) => json!({"type": "input_json_delta", "partial_json": piece}),
        };
        let data = json!({"type": "content_block_delta", "index": 0, "delta": delta});
        events.push(event("content_block_delta", &data));
    }
    events.push(event("content_block_stop", &json!({"type": "content_block_stop", "index": 0})));
    events.push(event(
        "message_delta",
        &json!({"type": "message_delta",
        "delta": {"stop_reason": stop(heard), "stop_sequence": null},
        "usage": {"output_tokens": tokens.output}}),
    ));
    events.push(event("message_stop", &json!({"type": "message_stop"})));
    events
}
