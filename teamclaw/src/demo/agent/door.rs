//! What the agent answers to whom: its router gets in by the pass, anybody may ask whether it is
//! well, and nobody else gets anything.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};

use super::answer::{self, Body, error, plain};
use super::socket;
use super::turn::{NoTurn, Talk, said};

/// The longest request; a message is much shorter.
pub(super) const BODY_BYTES_MAX: usize = 1024 * 1024;

/// How many WebSockets are open at once: one a tab.
const SOCKETS_MAX: usize = 16;

/// How many parts of a reply wait for a slow reader.
const PARTS_MAX: usize = 16;

/// By which the engine's probe knows whose agent answers.
const WORKSPACE: HeaderName = HeaderName::from_static(agent::custom::WORKSPACE_HEADER);

/// The way in. No `Debug`: it holds the pass.
pub(super) struct Door {
    workspace: HeaderValue,
    pass: HeaderName,
    talk: Talk,
    sockets: Arc<Semaphore>,
}

impl Door {
    pub(super) fn new(workspace: HeaderValue, pass: HeaderName, talk: Talk) -> Self {
        Self { workspace, pass, talk, sockets: Arc::new(Semaphore::new(SOCKETS_MAX)) }
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        if path == agent::custom::HEALTH_PATH && method == Method::GET {
            let mut well = plain(StatusCode::OK, "text/plain", "ok\n");
            well.headers_mut().insert(WORKSPACE, self.workspace.clone());
            return well;
        }
        if !request.headers().contains_key(&self.pass) {
            return error(StatusCode::FORBIDDEN, "only this workspace's router gets in");
        }
        let file = |kind, text: &'static str| plain(StatusCode::OK, kind, text);
        match (method.as_str(), path.as_str()) {
            ("GET", "/") => file("text/html; charset=utf-8", include_str!("page/page.html")),
            ("GET", "/page.css") => file("text/css; charset=utf-8", include_str!("page/page.css")),
            ("GET", "/page.js") => {
                file("text/javascript; charset=utf-8", include_str!("page/page.js"))
            }
            ("GET", "/history") => {
                let messages = self.talk.messages().await;
                answer::json(StatusCode::OK, &json!({ "messages": messages }))
            }
            ("GET", "/ws") => socket::accept(&self.talk, &self.sockets, request),
            ("POST", "/chat") => self.chat(request).await,
            (_, "/" | "/page.css" | "/page.js" | "/history" | "/ws" | "/chat") => {
                error(StatusCode::METHOD_NOT_ALLOWED, "not with this method")
            }
            _ => error(StatusCode::NOT_FOUND, "there is nothing here"),
        }
    }

    async fn chat(&self, request: Request<Incoming>) -> Response<Body> {
        let streaming = request.uri().query() == Some("stream=1");
        let Ok(body) = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await else {
            return error(StatusCode::PAYLOAD_TOO_LARGE, "the request is longer than 1 MiB");
        };
        let message = match said(&body.to_bytes()) {
            Ok(message) => message,
            Err(words) => return error(StatusCode::BAD_REQUEST, words),
        };
        if streaming {
            return plain(StatusCode::OK, "text/event-stream", self.stream(message));
        }
        match self.talk.turn(message, None).await {
            Ok(turn) => answer::json(StatusCode::OK, &turn),
            Err(no) => {
                let status = match no {
                    NoTurn::Full => StatusCode::SERVICE_UNAVAILABLE,
                    NoTurn::Model(_) => StatusCode::BAD_GATEWAY,
                    NoTurn::NotKept(_) => StatusCode::INTERNAL_SERVER_ERROR,
                };
                error(status, &no.to_string())
            }
        }
    }

    /// A turn as server-sent events: `{"part"}` for each piece, and at the end `{"reply",
    /// "messages"}` or `{"error"}`.
    fn stream(&self, message: String) -> Body {
        let (events, waiting) = mpsc::channel::<Bytes>(PARTS_MAX);
        let talk = self.talk.clone();
        tokio::spawn(async move {
            let (parts, mut pieces) = mpsc::channel(PARTS_MAX);
            let pass_on = async {
                while let Some(part) = pieces.recv().await {
                    // Whoever left finds the reply in the history.
                    let _ = events.send(event(&json!({ "part": part }))).await;
                }
            };
            let (turn, ()) = tokio::join!(talk.turn(message, Some(parts)), pass_on);
            let last =
                turn.map_or_else(|no| json!({ "error": no.to_string() }), |turn| json!(turn));
            let _ = events.send(event(&last)).await;
        });
        Body::from_stream(futures_util::stream::unfold(waiting, |mut waiting| async {
            Some((Ok::<_, Infallible>(waiting.recv().await?), waiting))
        }))
    }
}

fn event(value: &Value) -> Bytes {
    Bytes::from(format!("data: {value}\n\n"))
}
