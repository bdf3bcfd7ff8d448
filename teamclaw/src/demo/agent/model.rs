//! The model, asked through the sidecar in Anthropic's Messages API, at once or as it is written.
//!
//! The key is the workspace's token; which real key and which provider stand behind it, the agent
//! never learns. It must not keep anything, nor ask twice.

use std::time::Duration;

use bytes::Bytes;
use events::Secret;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::sync::mpsc;

use super::conversation::Message;
use crate::demo::http::{Answer, BODY_BYTES_MAX, Silence, read, send};

const MODEL: &str = "claude-sonnet-4-6";

/// A page of text; the demonstration shows a sentence.
const TOKENS_MAX: u32 = 1024;

/// The version of the API that this was written for.
const VERSION: &str = "2023-06-01";

/// A long answer of a slow model; after that nobody waits any more.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// Where the model is asked.
pub(super) struct Model {
    /// The sidecar: `http://127.0.0.1:7701`.
    pub(super) sidecar: Uri,
    /// The workspace's token.
    pub(super) token: Secret,
}

/// Why there is no reply.
#[derive(Debug, Error)]
pub(super) enum NoReply {
    #[error("the model cannot be reached: {0}")]
    Silent(#[from] Silence),
    #[error("the model refused: {0}")]
    Refused(String),
    #[error("the model's answer cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("the model's answer broke off")]
    Cut,
    #[error("the model's answer is too long")]
    TooLong,
    #[error("the model did not answer within {} seconds", ANSWER_TIMEOUT.as_secs())]
    TooSlow,
}

impl Model {
    /// The reply to a conversation. With `parts`, each piece of it is also sent there as it comes;
    /// that nobody takes them is no reason to stop.
    pub(super) async fn reply(
        &self,
        messages: &[Message],
        parts: Option<mpsc::Sender<String>>,
    ) -> Result<String, NoReply> {
        tokio::time::timeout(ANSWER_TIMEOUT, self.exchange(messages, parts))
            .await
            .map_err(|_| NoReply::TooSlow)?
    }

    async fn exchange(
        &self,
        messages: &[Message],
        parts: Option<mpsc::Sender<String>>,
    ) -> Result<String, NoReply> {
        let body = json!({
            "model": MODEL,
            "max_tokens": TOKENS_MAX,
            "messages": messages,
            "stream": parts.is_some(),
        });
        let mut request = Request::new(Full::new(Bytes::from(body.to_string())));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = Uri::from_static("/anthropic/v1/messages");
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("anthropic-version", HeaderValue::from_static(VERSION));
        let mut key = HeaderValue::from_str(self.token.expose())
            .map_err(|error| Silence::Unreadable(error.into()))?;
        key.set_sensitive(true);
        headers.insert("x-api-key", key);

        let response = send(&self.sidecar, request).await?;
        let status = response.status();
        if !status.is_success() {
            let answer = Answer { status, body: read(response.into_body()).await? };
            let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let said = value["error"]["message"].as_str().map(str::to_owned);
            return Err(NoReply::Refused(said.unwrap_or_else(|| answer.words())));
        }
        match parts {
            None => text(&serde_json::from_slice(&read(response.into_body()).await?)?),
            Some(parts) => follow(response.into_body(), &parts).await,
        }
    }
}

/// The text of a whole answer.
fn text(answer: &Value) -> Result<String, NoReply> {
    let blocks = answer["content"].as_array().ok_or(NoReply::Cut)?;
    Ok(blocks.iter().filter_map(|block| block["text"].as_str()).collect())
}

/// Reads an answer as it is written: server-sent events, of which only the text matters here.
async fn follow(mut body: Incoming, parts: &mpsc::Sender<String>) -> Result<String, NoReply> {
    let (mut reply, mut buffer, mut total) = (String::new(), Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| NoReply::Cut)?;
        let Some(data) = frame.data_ref() else { continue };
        total += data.len();
        if total > BODY_BYTES_MAX {
            return Err(NoReply::TooLong);
        }
        buffer.extend_from_slice(data);
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = buffer.drain(..=end).collect();
            match part(&line)? {
                Part::Text(text) => {
                    reply.push_str(&text);
                    let _ = parts.send(text).await;
                }
                Part::End => return Ok(reply),
                Part::Other => {}
            }
        }
    }
    Err(NoReply::Cut)
}

#[derive(Debug, PartialEq)]
enum Part {
    Text(String),
    End,
    Other,
}

fn part(line: &[u8]) -> Result<Part, NoReply> {
    let Some(data) = line.strip_prefix(b"data:") else { return Ok(Part::Other) };
    let event: Value = serde_json::from_slice(data.trim_ascii())?;
    match event["type"].as_str() {
        Some("content_block_delta") => {
            let text = event["delta"]["text"].as_str();
            Ok(text.map_or(Part::Other, |text| Part::Text(text.to_owned())))
        }
        Some("message_stop") => Ok(Part::End),
        Some("error") => {
            let words = event["error"]["message"].as_str().unwrap_or("it gave no reason");
            Err(NoReply::Refused(words.to_owned()))
        }
        _ => Ok(Part::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_is_taken_from_a_stream() {
        let table: [(&str, Part); 6] = [
            ("event: content_block_delta\n", Part::Other),
            ("\r\n", Part::Other),
            (r#"data: {"type":"ping"}"#, Part::Other),
            (
                r#"data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}}"#,
                Part::Text("Hi".to_owned()),
            ),
            (
                r#"data: {"type":"content_block_delta","delta":{"type":"thinking_delta"}}"#,
                Part::Other,
            ),
            ("data:{\"type\":\"message_stop\"}\r\n", Part::End),
        ];
        for (line, want) in table {
            assert_eq!(part(line.as_bytes()).unwrap(), want, "{line}");
        }
        let error = part(br#"data: {"type":"error","error":{"message":"overloaded"}}"#);
        assert_eq!(error.unwrap_err().to_string(), "the model refused: overloaded");
        assert!(part(b"data: nonsense").is_err());
    }
}
