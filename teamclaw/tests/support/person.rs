//! A person with an ordinary HTTP and WebSocket client, at the front door.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::engine::Engine;

/// How long one answer may take: a model's turn on a busy machine.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);

pub(crate) struct Person {
    client: Client<HttpConnector, Full<Bytes>>,
    pub(crate) url: String,
    pub(crate) token: String,
}

impl Person {
    /// A client with this bearer token, or with none if it is empty.
    pub(crate) fn at(url: &str, token: &str) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, url: url.to_owned(), token: token.to_owned() }
    }

    /// Logs somebody in as an operator would ask them to: a link, and then a session.
    pub(crate) async fn log_in(engine: &Engine, name: &str) -> Self {
        let answer = engine.json(&["login", name, "--no-wait", "--format", "json"]);
        let link = answer["link"].as_str().expect("a link").to_owned();
        let mut person = Self::at(&engine.url, "");
        let (door, once) = link.split_once("?once=").expect("a link with a secret");
        let path = door.strip_prefix(&engine.url).expect("a link to the front door");
        let secret = json!({"once": once});
        let (status, body) = person.send(Method::POST, path, &[], Some(secret)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let session: Value = serde_json::from_str(&body).expect("a session");
        person.token = session["token"].as_str().expect("a token").to_owned();
        person
    }

    /// One request; the answer's status and text.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> (StatusCode, String) {
        self.try_send(method, path, headers, body, ANSWER_WITHIN).await.expect("an answer")
    }

    /// The same at a door that may go away: why there is no whole answer, in words.
    pub(crate) async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
        within: Duration,
    ) -> Result<(StatusCode, String), String> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        request = request.header("accept", "application/json");
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = request.body(Full::from(body)).expect("a request");
        let whole = async {
            let answer = self.client.request(request).await.map_err(|error| error.to_string())?;
            let status = answer.status();
            let body = answer.into_body().collect().await.map_err(|error| error.to_string())?;
            Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
        };
        let late = |_| format!("no answer within {within:?}");
        tokio::time::timeout(within, whole).await.map_err(late)?
    }

    /// Sends JSON and reads JSON; must work.
    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: Value) -> Value {
        let (status, text) = self.send(Method::POST, path, headers, Some(body)).await;
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Where their own workspace stands.
    pub(crate) async fn status(&self) -> Value {
        let (status, text) = self.send(Method::GET, "/teamclaw/status", &[], None).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Says something over OpenClaw's WebSocket, and gives the final answer's text and the history
    /// that was there before.
    pub(crate) async fn chat(&self, session: &str, message: &str) -> (String, Value) {
        let url = self.url.replacen("http", "ws", 1);
        let mut request = format!("{url}/").into_client_request().expect("a request");
        let bearer = format!("Bearer {}", self.token).parse().expect("a header");
        request.headers_mut().insert("authorization", bearer);
        let connected = tokio_tungstenite::connect_async(request).await;
        let (mut socket, _) = connected.expect("a WebSocket through the front door");
        let mut frames = Frames { until: Instant::now() + ANSWER_WITHIN };
        frames.next(&mut socket, |frame| frame["event"] == "connect.challenge").await;
        let hello = json!({"type": "req", "id": "1", "method": "connect", "params": {
            "minProtocol": 4, "maxProtocol": 4, "role": "operator", "caps": [],
            "scopes": ["operator.read", "operator.write"],
            "client": {"id": "gateway-client", "version": "1", "platform": "linux",
                "mode": "backend"}}});
        call(&mut socket, &mut frames, hello).await;
        let history = json!({"type": "req", "id": "2", "method": "chat.history",
            "params": {"sessionKey": session, "limit": 50}});
        let history = call(&mut socket, &mut frames, history).await;
        let send = json!({"type": "req", "id": "3", "method": "chat.send", "params": {
            "sessionKey": session, "message": message, "idempotencyKey": message}});
        call(&mut socket, &mut frames, send).await;
        let done = |frame: &Value| frame["event"] == "chat" && frame["payload"]["state"] == "final";
        let answer = frames.next(&mut socket, done).await;
        socket.close(None).await.expect("closed");
        (answer["payload"]["message"].to_string(), history)
    }
}

type Socket =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

struct Frames {
    until: Instant,
}

impl Frames {
    /// The next frame that is wanted.
    async fn next(&mut self, socket: &mut Socket, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let rest = self.until.saturating_duration_since(Instant::now());
            let frame = tokio::time::timeout(rest, socket.next()).await.expect("in time");
            let frame = frame.expect("an open socket").expect("a frame");
            if let Message::Close(why) = &frame {
                panic!("the socket was closed: {why:?}");
            }
            let Message::Text(text) = frame else { continue };
            let frame: Value = serde_json::from_str(&text).expect("JSON");
            let error = frame["event"] == "chat" && frame["payload"]["state"] == "error";
            assert!(!error, "the turn failed: {frame}");
            if wanted(&frame) {
                return frame;
            }
        }
    }
}

async fn call(socket: &mut Socket, frames: &mut Frames, request: Value) -> Value {
    let id = request["id"].clone();
    socket.send(Message::text(request.to_string())).await.expect("sent");
    let answer = frames.next(socket, |frame| frame["type"] == "res" && frame["id"] == id).await;
    assert_eq!(answer["ok"], true, "{request}: {answer}");
    answer["payload"].clone()
}
