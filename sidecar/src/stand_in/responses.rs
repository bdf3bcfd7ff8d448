//! The stand-in's OpenAI Responses (platform.openai.com/docs/api-reference/responses). It stores
//! nothing: `previous_response_id` is not followed.

use events::KeyPrint;
use events::usage::Tokens;
use serde_json::{Value, json};

use super::StandIn;
use super::chat::{CREATED, tokens};
use super::heard::Heard;
use super::wire::{Metered, Reply, event};

/// `POST /v1/responses`.
pub(super) fn create(this: &StandIn, key: &KeyPrint, body: &Value) -> Metered {
    let heard = Heard::responses(body);
    let tokens = tokens(this, key, &heard);
    let number = this.number();
    let answer = Answer { body, heard: &heard, number };
    let reply = if heard.stream {
        Reply::Events(answer.stream(&tokens))
    } else {
        Reply::Json(answer.response("completed", json!([answer.item()]), usage(&tokens)))
    };
    Metered { reply, model: heard.model, tokens }
}

fn usage(tokens: &Tokens) -> Value {
    json!({
        "input_tokens": tokens.input(),
        "input_tokens_details": {"cached_tokens": tokens.cache_read},
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": tokens.input() + tokens.output,
    })
}

struct Answer<'a> {
    body: &'a Value,
    heard: &'a Heard,
    number: u64,
}

impl Answer<'_> {
    fn part(&self, text: &str) -> Value {
        json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
    }

    fn item_of(&self, status: &str, content: Value) -> Value {
        json!({"id": format!("msg_stand_in_{}", self.number), "type": "message", "status": status,
            "role": "assistant", "content": content})
    }

    fn item(&self) -> Value {
        match &self.heard.tool {
            None => self.item_of("completed", json!([self.part(&self.heard.reply())])),
            Some(tool) => self.call_of("completed", tool, &self.heard.arguments().to_string()),
        }
    }

    fn call_of(&self, status: &str, tool: &str, arguments: &str) -> Value {
        json!({"id": format!("fc_stand_in_{}", self.number), "type": "function_call",
            "call_id": format!("call_stand_in_{}", self.number), "status": status, "name": tool,
            "arguments": arguments})
    }

    fn response(&self, status: &str, output: Value, usage: Value) -> Value {
        let or = |name: &str, default: Value| {
            Some(self.body[name].clone()).filter(|value| !value.is_null()).unwrap_or(default)
        };
        json!({
            "id": format!("resp_stand_in_{}", self.number), "object": "response",
            "created_at": CREATED, "status": status, "background": false, "error": null,
            "incomplete_details": null, "instructions": self.body["instructions"],
            "max_output_tokens": self.body["max_output_tokens"], "model": self.heard.model,
            "output": output, "parallel_tool_calls": true, "previous_response_id": null,
            "reasoning": {"effort": null, "summary": null}, "service_tier": "default",
            "store": false, "temperature": 1.0, "text": {"format": {"type": "text"}},
            "tool_choice": or("tool_choice", json!("auto")), "tools": or("tools", json!([])),
            "top_p": 1.0, "truncation": "disabled", "usage": usage, "user": null,
            "metadata": or("metadata", json!({})),
        })
    }

    fn stream(&self, tokens: &Tokens) -> Vec<String> {
        let open = self.response("in_progress", json!([]), Value::Null);
        let mut told = vec![
            ("response.created", json!({"response": open})),
            ("response.in_progress", json!({"response": open})),
        ];
        told.extend(match &self.heard.tool {
            None => self.said(),
            Some(tool) => self.called(tool),
        });
        let whole = self.response("completed", json!([self.item()]), usage(tokens));
        told.extend([
            ("response.output_item.done", json!({"output_index": 0, "item": self.item()})),
            ("response.completed", json!({"response": whole})),
        ]);
        let numbered = told.into_iter().enumerate().map(|(n, (kind, mut data))| {
            data["type"] = json!(kind);
            data["sequence_number"] = json!(n);
            event(kind, &data)
        });
        numbered.collect()
    }

    /// The events of an answer in words.
    fn said(&self) -> Vec<(&'static str, Value)> {
        let text = self.heard.reply();
        let at = |extra: Value| {
            let mut data = json!({"item_id": format!("msg_stand_in_{}", self.number),
                "output_index": 0, "content_index": 0});
            for (name, value) in extra.as_object().into_iter().flatten() {
                data[name] = value.clone();
            }
            data
        };
        let mut told = vec![
            (
                "response.output_item.added",
                json!({"output_index": 0, "item": self.item_of("in_progress", json!([]))}),
            ),
            ("response.content_part.added", at(json!({"part": self.part("")}))),
        ];
        for piece in self.heard.pieces() {
            let delta = at(json!({"delta": piece, "logprobs": []}));
            told.push(("response.output_text.delta", delta));
        }
        told.extend([
            ("response.output_text.done", at(json!({"text": text, "logprobs": []}))),
            ("response.content_part.done", at(json!({"part": self.part(&text)}))),
        ]);
        told
    }

    /// The events of a call.
    fn called(&self, tool: &str) -> Vec<(&'static str, Value)> {
        let id = format!("fc_stand_in_{}", self.number);
        let open = self.call_of("in_progress", tool, "");
        let mut told =
            vec![("response.output_item.added", json!({"output_index": 0, "item": open}))];
        for piece in self.heard.pieces() {
            let delta = json!({"item_id": id, "output_index": 0, "delta": piece});
            told.push(("response.function_call_arguments.delta", delta));
        }
        let arguments = self.heard.arguments().to_string();
        let done = json!({"item_id": id, "output_index": 0, "name": tool, "arguments": arguments});
        told.push(("response.function_call_arguments.done", done));
        told
    }
}
