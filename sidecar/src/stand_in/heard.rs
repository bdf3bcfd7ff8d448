//! What the stand-in makes of a request: who said what, what to answer, and how many tokens that is.
//!
//! A token is four characters, begun ones included. The prefix (system text and tools) is cached
//! by key as a provider would: written once, read from then on.

use std::fmt::Write;

use events::usage::Tokens;
use serde_json::{Value, json};

/// How much of the person's words is echoed.
const ECHO_LENGTH_MAX: usize = 400;
/// What a reasoning model thinks before each answer.
const REASONING_TOKENS: u64 = 8;

/// A request, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) model: String,
    pub(super) stream: bool,
    /// System text and tools.
    pub(super) prefix: String,
    /// All that was said.
    said: String,
    last: String,
    messages: usize,
    /// The tool that must be called, if the client insists on one.
    pub(super) tool: Option<String>,
}

impl Heard {
    /// Anthropic Messages: `system`, `tools`, `messages`.
    pub(super) fn messages(body: &Value) -> Self {
        let prefix = text(&body["system"]) + &listed(&body["tools"]);
        Self::of(body, prefix, &body["messages"])
    }

    /// OpenAI Chat: `messages`, `tools`; system messages are the prefix.
    pub(super) fn chat(body: &Value) -> Self {
        Self::of(body, listed(&body["tools"]), &body["messages"])
    }

    /// OpenAI Responses: `instructions`, `tools`, `input`.
    pub(super) fn responses(body: &Value) -> Self {
        let prefix = text(&body["instructions"]) + &listed(&body["tools"]);
        Self::of(body, prefix, &body["input"])
    }

    /// Gemini: `systemInstruction`, `tools`, `contents`; the path names the model and says whether
    /// it streams.
    pub(super) fn gemini(body: &Value, model: &str, stream: bool) -> Self {
        let prefix = text(&body["systemInstruction"]["parts"]) + &listed(&body["tools"]);
        let mut heard = Self::of(body, prefix, &Value::Null);
        (heard.model, heard.stream) = (model.to_owned(), stream);
        for content in body["contents"].as_array().into_iter().flatten() {
            let role = if content["role"] == "model" { "assistant" } else { "user" };
            heard.hear(role, text(&content["parts"]));
        }
        heard
    }

    fn of(body: &Value, prefix: String, said: &Value) -> Self {
        let mut heard = Self {
            model: body["model"].as_str().unwrap_or("stand-in").to_owned(),
            stream: body["stream"] == true,
            prefix,
            said: String::new(),
            last: String::new(),
            messages: 0,
            tool: insisted(body),
        };
        if let Some(said) = said.as_str() {
            heard.hear("user", said.to_owned());
        }
        for message in said.as_array().into_iter().flatten() {
            let role = message["role"].as_str().unwrap_or_default();
            heard.hear(role, text(&message["content"]));
        }
        heard
    }

    fn hear(&mut self, role: &str, words: String) {
        match role {
            "system" | "developer" => self.prefix.push_str(&words),
            "user" | "assistant" => {
                self.messages += 1;
                self.said.push_str(&words);
                // Agents add notes of their own as the person's, between angle brackets.
                let typed = !words.is_empty() && !words.starts_with("<<<");
                if role == "user" && (typed || self.last.is_empty()) {
                    self.last = words;
                }
            }
            // Tool calls and their results are context, but nobody's message.
            _ => self.said.push_str(&words),
        }
    }

    /// The answer: an echo, and how much of the conversation was there.
    pub(super) fn reply(&self) -> String {
        let echo: String = self.last.chars().take(ECHO_LENGTH_MAX).collect();
        let s = if self.messages == 1 { "" } else { "s" };
        format!("You said: {echo}; I have seen {} message{s}", self.messages)
    }

    /// What the called tool is told.
    pub(super) fn arguments(&self) -> Value {
        let said: String = self.last.chars().take(ECHO_LENGTH_MAX).collect();
        json!({"said": said})
    }

    /// The answer in the pieces in which it streams: words with the space before them.
    pub(super) fn pieces(&self) -> Vec<String> {
        let told = self.told();
        let words = told.split(' ').enumerate();
        words.map(|(n, word)| if n == 0 { word.to_owned() } else { format!(" {word}") }).collect()
    }

    /// What is told of a call, or said.
    fn told(&self) -> String {
        match self.tool {
            Some(_) => self.arguments().to_string(),
            None => self.reply(),
        }
    }

    /// The input without caches: the prefix and the rest.
    pub(super) fn input(&self) -> (u64, u64) {
        (count(&self.prefix), count(&self.said))
    }

    /// The output, and how much of it is reasoning.
    pub(super) fn output(&self, tokens: &mut Tokens) {
        let reasons = ["gpt-5", "gpt-6", "o1", "o3", "o4", "gemini-2.5"];
        let reasons = reasons.iter().any(|family| self.model.starts_with(family));
        tokens.reasoning = if reasons { REASONING_TOKENS } else { 0 };
        tokens.output = count(&self.told()) + tokens.reasoning;
    }
}

/// So many tokens is a text.
pub(super) fn count(text: &str) -> u64 {
    text.chars().count().div_ceil(4) as u64
}

/// The words of a content: a text, or parts with `text` or nested `content`.
pub(super) fn text(content: &Value) -> String {
    if let Some(text) = content.as_str() {
        return text.to_owned();
    }
    let mut all = String::new();
    for part in content.as_array().into_iter().flatten() {
        all.push_str(part["text"].as_str().unwrap_or_default());
        if part.get("content").is_some() {
            all.push_str(&text(&part["content"]));
        }
    }
    all
}

/// The tool on whose call the client insists: by name, or any, and then the first. Who only allows
/// calls gets none.
fn insisted(body: &Value) -> Option<String> {
    let name = |tool: &Value| {
        let of = tool.get("name").or_else(|| tool.get("function")?.get("name"));
        of.and_then(Value::as_str).map(str::to_owned)
    };
    let choice = &body["tool_choice"];
    let gemini = &body["toolConfig"]["functionCallingConfig"];
    let first = if gemini.is_null() {
        name(&body["tools"][0])
    } else {
        name(&body["tools"][0]["functionDeclarations"][0])
    };
    let any = choice == "required" || choice["type"] == "any" || gemini["mode"] == "ANY";
    name(choice).or(first.filter(|_| any))
}

fn listed(tools: &Value) -> String {
    let mut all = String::new();
    for tool in tools.as_array().into_iter().flatten() {
        // Writing into a string cannot fail.
        let _never = write!(all, "{tool}");
    }
    all
}
