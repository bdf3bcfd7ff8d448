//! A provider of WebSockets that does what its script says, and a client for one.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio_tungstenite::tungstenite::handshake::server::{self, ErrorResponse};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async, client_async_with_config};

use super::rig::{Rig, listener};

/// What it heard, and how it is told to go on.
pub struct Provider {
    pub address: SocketAddr,
    /// Each handshake's path with its query, and its headers.
    pub asked: Mutex<Vec<(String, HeaderMap)>>,
    /// Every message, of all sockets.
    pub heard: watch::Sender<Vec<Value>>,
    /// How many sockets are over.
    pub over: watch::Sender<usize>,
    /// Lets one held turn end.
    pub go_on: Notify,
    /// Handshakes are refused with these, in order, each with its body.
    pub refuses: Mutex<Vec<u16>>,
    /// A turn ends only when it is told to.
    pub holds: bool,
}

impl Provider {
    pub async fn new(holds: bool) -> Arc<Self> {
        let (listener, address) = listener().await;
        let this = Arc::new(Self {
            address,
            asked: Mutex::default(),
            heard: watch::Sender::default(),
            over: watch::Sender::default(),
            go_on: Notify::new(),
            refuses: Mutex::default(),
            holds,
        });
        let serving = Arc::clone(&this);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let this = Arc::clone(&serving);
                tokio::spawn(async move {
                    if let Some(mut socket) = this.shake(stream).await {
                        this.talk(&mut socket).await;
                        this.over.send_modify(|over| *over += 1);
                    }
                });
            }
        });
        this
    }

    #[expect(clippy::result_large_err, reason = "the library's own type")]
    async fn shake(&self, stream: TcpStream) -> Option<WebSocketStream<TcpStream>> {
        let answer = |request: &server::Request, mut response: server::Response| {
            let place = request.uri().to_string();
            self.asked.lock().expect("no panic").push((place, request.headers().clone()));
            let mut refuses = self.refuses.lock().expect("no panic");
            if !refuses.is_empty() {
                let status = StatusCode::from_u16(refuses.remove(0)).expect("a status");
                let body = r#"{"error":{"message":"its own words","code":"its_own"}}"#.to_owned();
                let response = Response::builder().status(status).body(Some(body));
                return Err::<_, ErrorResponse>(response.expect("an answer"));
            }
            if let Some(first) = request.headers().get("sec-websocket-protocol") {
                let first = first.to_str().expect("text").split(',').next().expect("one");
                let first = first.parse().expect("a value");
                response.headers_mut().insert("sec-websocket-protocol", first);
            }
            response.headers_mut().insert("x-request-id", "req-1".parse().expect("a value"));
            response.headers_mut().insert("openai-organization", "acme".parse().expect("a value"));
            Ok(response)
        };
        accept_hdr_async(stream, answer).await.ok()
    }

    async fn talk(&self, socket: &mut WebSocketStream<TcpStream>) {
        let mut turn = 0;
        while let Some(Ok(message)) = socket.next().await {
            let Message::Text(text) = message else { continue };
            let said: Value = serde_json::from_str(&text).expect("JSON");
            self.heard.send_modify(|heard| heard.push(said.clone()));
            turn += 1;
            let events = match said["type"].as_str().expect("a type") {
                "response.create" if said["model"] == "refused" => vec![refused()],
                "response.create" => turn_of(&format!("resp_{turn}")),
                // As if a person had spoken and made a pause.
                "speak" => spoken(),
                _ => continue,
            };
            let last = events.len() - 1;
            for (n, event) in events.into_iter().enumerate() {
                if n == last && self.holds {
                    tokio::select! {
                        () = self.go_on.notified() => {}
                        // Whoever hangs up within a turn ends it.
                        _gone = socket.next() => return,
                    }
                }
                if socket.send(Message::text(event.to_string())).await.is_err() {
                    return;
                }
            }
        }
    }

    /// Waits until so many sockets are over.
    pub async fn until_over(&self, sockets: usize) {
        let mut over = self.over.subscribe();
        over.wait_for(|over| *over >= sockets).await.expect("the provider is there");
    }

    pub fn messages(&self) -> Vec<Value> {
        self.heard.borrow().clone()
    }

    pub fn handshake(&self, n: usize) -> (String, HeaderMap) {
        self.asked.lock().expect("no panic")[n].clone()
    }

    pub fn handshakes(&self) -> usize {
        self.asked.lock().expect("no panic").len()
    }
}

fn refused() -> Value {
    json!({"type": "error", "status": 400, "error": {"code": "previous_response_not_found",
        "message": "no such response", "param": "previous_response_id"}})
}

/// A turn of the Responses API (platform.openai.com/docs/guides/websocket-mode).
fn turn_of(id: &str) -> Vec<Value> {
    let usage = json!({"input_tokens": 100, "input_tokens_details": {"cached_tokens": 40},
        "output_tokens": 9, "output_tokens_details": {"reasoning_tokens": 5}, "total_tokens": 109});
    let delta = |text: &str| json!({"type": "response.output_text.delta", "delta": text});
    vec![
        json!({"type": "response.created", "response": {"id": id, "model": "gpt-4.1-2025-04-14"}}),
        delta("eight by"),
        delta("tes"),
        json!({"type": "response.completed", "response": {"id": id, "object": "response",
            "model": "gpt-4.1-2025-04-14", "output": [{"usage": {"input_tokens": 1}}],
            "usage": usage}}),
    ]
}

/// What Realtime says of words that it heard and answers by itself
/// (platform.openai.com/docs/api-reference/realtime-server-events).
fn spoken() -> Vec<Value> {
    let usage = json!({"total_tokens": 253, "input_tokens": 132, "output_tokens": 121,
        "input_token_details": {"text_tokens": 119, "audio_tokens": 13, "cached_tokens": 64},
        "output_token_details": {"text_tokens": 30, "audio_tokens": 91}});
    let heard = json!({"type": "tokens", "total_tokens": 22, "input_tokens": 13,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 13}, "output_tokens": 9});
    vec![
        json!({"type": "input_audio_buffer.speech_stopped", "event_id": "e1"}),
        json!({"type": "response.created", "event_id": "e2", "response": {"id": "r1", "usage": null}}),
        json!({"type": "conversation.item.input_audio_transcription.completed", "event_id": "e3",
            "transcript": "hello", "usage": heard}),
        json!({"type": "response.output_audio.delta", "response_id": "r1", "delta": "AAAA"}),
        json!({"type": "response.done", "event_id": "e4", "response": {"id": "r1",
            "status": "completed", "usage": usage}}),
    ]
}

/// A client's socket through the sidecar.
pub type Client = WebSocketStream<TcpStream>;

/// Opens one; `more` are headers besides the token, which none of them replaces.
pub async fn open(rig: &Rig, path: &str, more: &[(&str, &str)]) -> Result<Client, Error> {
    let token = format!("Bearer {}", rig.ann);
    open_with(rig, path, &[&[("authorization", token.as_str())], more].concat()).await
}

/// Opens one with these headers.
pub async fn open_with(rig: &Rig, path: &str, more: &[(&str, &str)]) -> Result<Client, Error> {
    let mut request = http::Request::builder()
        .uri(format!("ws://{}{path}", rig.address))
        .header("host", rig.address.to_string())
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    let stream = TcpStream::connect(rig.address).await.expect("a connection");
    let request = request.body(()).expect("a request");
    let limits = WebSocketConfig::default().max_frame_size(None).max_message_size(None);
    client_async_with_config(request, stream, Some(limits)).await.map(|(socket, _)| socket)
}

/// Says something.
pub async fn say(client: &mut Client, message: &Value) {
    client.send(Message::text(message.to_string())).await.expect("sent");
}

/// The next message, and the last as its status.
pub async fn hear(client: &mut Client) -> Value {
    match client.next().await {
        Some(Ok(Message::Text(text))) => serde_json::from_str(&text).expect("JSON"),
        Some(Ok(Message::Close(Some(close)))) => json!(u16::from(close.code)),
        other => panic!("{other:?}"),
    }
}

/// All that comes until a message of this type.
pub async fn hear_until(client: &mut Client, kind: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        all.push(hear(client).await);
        if all.last().expect("one")["type"] == kind {
            return all;
        }
    }
}
