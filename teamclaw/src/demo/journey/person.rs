//! The person: what somebody with a browser or a script can do at the front door, and no more.

use std::time::Duration;

use bytes::Bytes;
use events::{Secret, Status};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request, Uri};
use http_body_util::Full;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::places::{Trouble, good};
use crate::demo::http::{Answer, ask, read, send};

/// How often somebody who waits looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Somebody who is logged in. No `Debug`: it holds the session.
pub(super) struct Person {
    door: Uri,
    session: Secret,
}

#[derive(Deserialize)]
struct Session {
    token: String,
}

/// What the front door shows of the workspace; the part of it that matters here.
#[derive(Deserialize)]
pub(super) struct View {
    pub(super) status: Status,
    pub(super) words: String,
}

/// What the agent answers.
#[derive(Deserialize)]
pub(super) struct Reply {
    pub(super) reply: String,
    pub(super) messages: usize,
}

/// One message of the conversation.
#[derive(Deserialize)]
pub(super) struct Message {
    pub(super) content: String,
}

#[derive(Deserialize)]
struct History {
    messages: Vec<Message>,
}

impl Person {
    /// Trades a one-time link for a session.
    pub(super) async fn log_in(door: &Uri, link: &str) -> Result<Self, Trouble> {
        let once = once(link)?;
        let body = Full::new(Bytes::from(json!({ "once": once }).to_string()));
        let request = Request::post("/teamclaw/login")
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|error| Trouble::Said(error.to_string()))?;
        let response = send(door, request).await?;
        let status = response.status();
        let answer = Answer { status, body: read(response.into_body()).await? };
        let Session { token } = good(&answer)?;
        Ok(Self { door: door.clone(), session: Secret::new(token) })
    }

    /// Where the workspace stands. Looking wakes nothing and keeps nothing awake.
    pub(super) async fn view(&self) -> Result<View, Trouble> {
        self.ask(Method::GET, "/teamclaw/status", None).await
    }

    /// Waits until the workspace is ready.
    pub(super) async fn ready(&self) -> Result<View, Trouble> {
        loop {
            let view = self.view().await?;
            match view.status {
                Status::Ready => return Ok(view),
                Status::Failed | Status::Parked => return Err(Trouble::Said(view.words)),
                Status::Asleep | Status::Starting | Status::Stopping => {}
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Says something to the agent; wakes it when it sleeps.
    pub(super) async fn say(&self, message: &str) -> Result<Reply, Trouble> {
        let body = json!({ "message": message });
        let reply: Reply = self.ask(Method::POST, "/chat", Some(&body)).await?;
        if reply.reply.is_empty() {
            return Err(Trouble::Said("the reply is empty".to_owned()));
        }
        Ok(reply)
    }

    /// What was said so far.
    pub(super) async fn history(&self) -> Result<Vec<Message>, Trouble> {
        let history: History = self.ask(Method::GET, "/history", None).await?;
        Ok(history.messages)
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, Trouble> {
        good(&ask(&self.door, &self.session, method, path, body).await?)
    }
}

/// The secret in a one-time link: `http://host:port/teamclaw/login?once=SECRET`.
fn once(link: &str) -> Result<String, Trouble> {
    let query = link.parse::<Uri>().ok().and_then(|link| link.query().map(str::to_owned));
    let query = query.unwrap_or_default();
    let once = query.split('&').find_map(|pair| pair.strip_prefix("once="));
    // Without the link: it holds a secret.
    once.map(str::to_owned).ok_or_else(|| Trouble::Said("the log-in link has no secret".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_taken_from_the_link() {
        assert_eq!(once("http://127.0.0.1:1/teamclaw/login?once=abc").unwrap(), "abc");
        for bad in ["http://127.0.0.1:1/teamclaw/login", "http://127.0.0.1:1/?token=abc", "abc", ""]
        {
            assert!(once(bad).is_err(), "{bad}");
        }
    }
}
