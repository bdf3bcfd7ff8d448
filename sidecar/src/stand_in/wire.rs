//! The stand-in's HTTP: who asks, what for, and what the script says to that.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use events::usage::Tokens;
use events::{KeyPrint, Secret};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::gemini::{self, Asked};
use super::paced::{Bill, Paced};
use super::{Script, StandIn, anthropic, chat, responses};
use crate::body::{BODY_LENGTH_MAX, Out, full};
use crate::headers::token;

/// An answer before it is put on the wire.
pub(super) enum Reply {
    /// A JSON document.
    Json(Value),
    /// Server-sent events.
    Events(Vec<String>),
}

/// A reply that is billed.
pub(super) struct Metered {
    pub(super) reply: Reply,
    pub(super) model: String,
    pub(super) tokens: Tokens,
}

/// A server-sent event with a name.
pub(super) fn event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

/// A server-sent event without one.
pub(super) fn data(data: &Value) -> String {
    format!("data: {data}\n\n")
}

/// Answers one request.
pub(super) async fn answer(this: &Arc<StandIn>, request: Request<Incoming>) -> Response<Out> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_LENGTH_MAX).collect().await else {
        return problem(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large or broke off");
    };
    let body = body.to_bytes();
    let path = head.uri.path();
    match (&head.method, path) {
        (&Method::GET, "/ledger") => return json_of(&this.ledger()),
        (&Method::POST, "/script") => return scripted(this, &body),
        _ => {}
    }
    let Some(key) = key(this, &head.headers) else {
        this.state().ledger.strangers += 1;
        // Providers echo a masked key; this one echoes all of it, to see that nobody passes it on.
        let told = token(&head.headers, None).unwrap_or_default();
        return problem(StatusCode::UNAUTHORIZED, &format!("Incorrect API key provided: {told}"));
    };
    let begun = begin(this, path);
    let script = this.state().script.clone();
    sleep(Duration::from_millis(script.head_delay_ms)).await;
    if head.method == Method::GET {
        return models(path, head.headers.contains_key("anthropic-version"));
    }
    let Ok(mut body) = serde_json::from_slice::<Value>(&body) else {
        return problem(StatusCode::BAD_REQUEST, "the body is no JSON");
    };
    let asked = Asked::of(path);
    if let Some(asked) = asked {
        body["model"] = asked.model.into();
    }
    if script.numbered_models {
        body["model"] = format!("{}-{begun}", body["model"].as_str().unwrap_or_default()).into();
    }
    if let Some(failure) = failure(this, &key, &body) {
        return failure;
    }
    let print = events::token::key_print(&key);
    let metered = match path {
        "/v1/messages" => anthropic::messages(this, &print, &body),
        "/v1/messages/count_tokens" => return json_of(&anthropic::count_tokens(&body)),
        "/v1/chat/completions" => chat::completions(this, &print, &body),
        "/v1/responses" => responses::create(this, &print, &body),
        "/v1/embeddings" => chat::embeddings(&body),
        _ => match asked {
            Some(asked) if asked.billed() => {
                let model = body["model"].as_str().unwrap_or_default();
                gemini::generate(this, &print, &body, model, asked)
            }
            Some(asked) if asked.verb == "countTokens" => {
                return json_of(&gemini::count_tokens(&body, asked));
            }
            _ => return problem(StatusCode::NOT_FOUND, "no such path"),
        },
    };
    tell(this, print, metered)
}

/// Counts a request whose answer is billed, before anything can become of it; gives how many there
/// were.
fn begin(this: &StandIn, path: &str) -> u64 {
    let billed = ["/v1/messages", "/v1/chat/completions", "/v1/responses", "/v1/embeddings"];
    let billed = billed.contains(&path) || Asked::of(path).is_some_and(Asked::billed);
    let mut state = this.state();
    state.ledger.begun += u64::from(billed);
    state.ledger.begun
}

fn key(this: &StandIn, headers: &HeaderMap) -> Option<Secret> {
    let told = token(headers, None)?;
    this.keys().iter().find(|key| key.matches(told)).cloned()
}

fn scripted(this: &StandIn, body: &[u8]) -> Response<Out> {
    match serde_json::from_slice::<Script>(body) {
        Ok(script) => {
            this.script(script.clone());
            json_of(&script)
        }
        Err(error) => problem(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

/// The failure that the script wants now.
fn failure(this: &StandIn, key: &Secret, body: &Value) -> Option<Response<Out>> {
    let mut state = this.state();
    let left = state.script.fail_next.checked_sub(1)?;
    state.script.fail_next = left;
    let model = body["model"].as_str().unwrap_or_default();
    state.ledger.refused(&events::token::key_print(key), model);
    let status = StatusCode::from_u16(state.script.status);
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let words = format!("the script says {status}; your key is {}", key.expose());
    let mut response = problem(status, &words);
    if let Some(seconds) = state.script.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status.is_redirection() {
        let place = HeaderValue::from_static("/v1/elsewhere");
        response.headers_mut().insert(header::LOCATION, place);
    }
    Some(response)
}

fn tell(this: &Arc<StandIn>, key: KeyPrint, metered: Metered) -> Response<Out> {
    let Metered { reply, model, tokens } = metered;
    let (kind, events) = match reply {
        Reply::Json(body) => ("application/json", VecDeque::from([Bytes::from(body.to_string())])),
        Reply::Events(events) => {
            ("text/event-stream; charset=utf-8", events.into_iter().map(Bytes::from).collect())
        }
    };
    let bill = Bill { stand_in: Arc::clone(this), key, model, tokens };
    let mut response = Response::new(Out::new(Paced::new(events, bill)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert("request-id", HeaderValue::from_static("req_stand_in"));
    headers.insert(header::SET_COOKIE, HeaderValue::from_static("stand_in=1"));
    response
}

fn models(path: &str, anthropic: bool) -> Response<Out> {
    let known = ["claude-sonnet-4-6", "claude-haiku-4-5", "gpt-5.6-luna", "gpt-4.1"];
    let model = |id: &str| {
        json!({"id": id, "type": "model", "object": "model", "display_name": id,
            "created_at": "2026-01-01T00:00:00Z", "created": 1_767_225_600, "owned_by": "stand-in"})
    };
    let list: Vec<Value> = known.iter().map(|id| model(id)).collect();
    match path.strip_prefix("/v1/models") {
        Some("") if anthropic => json_of(&json!({"data": list, "has_more": false,
            "first_id": known.first(), "last_id": known.last()})),
        Some("") => json_of(&json!({"object": "list", "data": list})),
        Some(id) if known.contains(&id.trim_start_matches('/')) => {
            json_of(&model(id.trim_start_matches('/')))
        }
        _ => problem(StatusCode::NOT_FOUND, "no such path"),
    }
}

fn json_of(body: &impl serde::Serialize) -> Response<Out> {
    let text = serde_json::to_string(body).unwrap_or_default();
    let mut response = Response::new(full(text.into()));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// An error that both official clients can read.
fn problem(status: StatusCode, words: &str) -> Response<Out> {
    let kind = match status {
        StatusCode::UNAUTHORIZED => "authentication_error",
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        _ => "api_error",
    };
    let mut response = json_of(&json!({"type": "error",
        "error": {"type": kind, "message": words, "param": null, "code": null}}));
    *response.status_mut() = status;
    response
}
