//! The same conversation over a WebSocket: `{"message"}` comes, `{"reply", "messages"}` or
//! `{"error"}` goes. It decides nothing; a turn is a turn, however it came.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::answer::{Body, error};
use super::door::BODY_BYTES_MAX;
use super::turn::{Talk, said};

/// Sends the handshake's answer, and talks once the connection has changed over.
pub(super) fn accept(
    talk: &Talk,
    sockets: &Arc<Semaphore>,
    mut request: Request<Incoming>,
) -> Response<Body> {
    let Some(key) = key(request.headers()) else {
        return error(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket of version 13");
    };
    let Ok(seat) = sockets.clone().try_acquire_owned() else {
        return error(StatusCode::SERVICE_UNAVAILABLE, "too many WebSockets are open");
    };
    let accepted = derive_accept_key(&key);
    tokio::spawn(converse(talk.clone(), hyper::upgrade::on(&mut request), seat));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(value) = HeaderValue::from_str(&accepted) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, value);
    }
    response
}

/// The client's key, when this is a handshake of RFC 6455.
fn key(headers: &HeaderMap) -> Option<Vec<u8>> {
    let is = |name, wanted: &str| {
        let text = headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        text.is_some_and(|text| {
            text.split(',').any(|part| part.trim().eq_ignore_ascii_case(wanted))
        })
    };
    let good = is(UPGRADE, "websocket") && is(CONNECTION, "upgrade");
    let good = good && is(SEC_WEBSOCKET_VERSION, "13");
    headers.get(SEC_WEBSOCKET_KEY).filter(|_| good).map(|key| key.as_bytes().to_owned())
}

async fn converse(talk: Talk, upgrade: OnUpgrade, _seat: OwnedSemaphorePermit) {
    // A client that left during the handshake has nothing to be told.
    let Ok(upgraded) = upgrade.await else { return };
    let limits = WebSocketConfig::default()
        .max_message_size(Some(BODY_BYTES_MAX))
        .max_frame_size(Some(BODY_BYTES_MAX))
        .max_write_buffer_size(4 * BODY_BYTES_MAX);
    let stream = TokioIo::new(upgraded);
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(limits)).await;
    while let Some(Ok(message)) = socket.next().await {
        let answer = match message {
            Message::Text(text) => turn(&talk, &text).await,
            Message::Binary(_) => json!({ "error": "send text" }),
            // Pings are answered by the library, and a close ends the loop.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => continue,
        };
        if socket.send(Message::Text(Utf8Bytes::from(answer.to_string()))).await.is_err() {
            return;
        }
    }
}

async fn turn(talk: &Talk, text: &str) -> Value {
    let message = match said(text.as_bytes()) {
        Ok(message) => message,
        Err(words) => return json!({ "error": words }),
    };
    match talk.turn(message, None).await {
        Ok(turn) => json!(turn),
        Err(error) => json!({ "error": error.to_string() }),
    }
}
