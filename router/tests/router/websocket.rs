//! WebSockets through the door.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::client::{PATIENCE, raw, until};
use crate::world::World;

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Connects with these headers; the status when it is refused.
pub(crate) async fn connect(
    world: &World,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<Socket, (StatusCode, String)> {
    let url = format!("ws://{}{path}", world.door);
    let mut request = url.into_client_request().expect("a request");
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().expect("a name");
        request.headers_mut().append(name, value.parse().expect("a value"));
    }
    match tokio::time::timeout(PATIENCE, connect_async(request)).await.expect("in time") {
        Ok((socket, answer)) => {
            assert!(!answer.headers().contains_key("sec-websocket-extensions"));
            Ok(socket)
        }
        Err(Error::Http(answer)) => {
            let text = answer.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            Err((answer.status(), text.into_owned()))
        }
        Err(other) => panic!("{other}"),
    }
}

pub(crate) async fn next(socket: &mut Socket) -> Option<Message> {
    let next = tokio::time::timeout(PATIENCE, socket.next()).await.expect("nothing came");
    next.and_then(Result::ok)
}

fn cookie(token: &str) -> String {
    format!("teamclaw_session={token}")
}

#[tokio::test]
async fn messages_of_every_size_come_back_as_they_were() {
    let world = World::new().await;
    let (agent, token) = world.up("ann").await;
    let headers = [("cookie", &*cookie(&token)), ("origin", "http://door.test")];
    let mut socket = connect(&world, "/ws", &headers).await.expect("a socket");
    for size in [0, 1, 125, 126, 65_535, 65_536, 1_000_000] {
        let message = Message::binary(vec![7; size]);
        socket.send(message.clone()).await.expect("sent");
        assert_eq!(next(&mut socket).await, Some(message), "{size}");
    }
    socket.send(Message::Ping("are you there".into())).await.expect("sent");
    assert_eq!(next(&mut socket).await, Some(Message::Pong("are you there".into())));
    socket.close(None).await.expect("closed");
    let seen = agent.seen().remove(0);
    assert_eq!(seen.headers["upgrade"], "websocket");
    assert_eq!(seen.headers["origin"], "http://door.test");
    assert!(!seen.headers.contains_key("sec-websocket-extensions"));
    assert!(!format!("{seen:?}").contains(&token), "{seen:?}");
}

#[tokio::test]
async fn every_byte_passes_as_it_came_frames_or_not() {
    let world = World::new().await;
    let (agent, token) = world.up("ann").await;
    let request = format!(
        "GET /raw HTTP/1.1\r\nHost: door.test\r\nAuthorization: Bearer {token}\r\nConnection: keep-alive, Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: a, b\r\n\r\n"
    );
    let (mut stream, head) = raw(world.door, &request).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert!(
        head.to_ascii_lowercase().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=")
    );
    // A fragmented masked text with a ping inside, a long binary frame, then bytes that are no
    // frames at all.
    let mut sent = vec![0x01, 0x82, 1, 2, 3, 4, b'h' ^ 1, b'i' ^ 2];
    sent.extend([0x89, 0x81, 9, 9, 9, 9, b'?' ^ 9]);
    sent.extend([0x80, 0x81, 4, 3, 2, 1, b'!' ^ 4]);
    sent.extend([0x82, 0xfe, 0x10, 0x00, 0, 0, 0, 0]);
    sent.extend((0..4096_u32).map(|n| (n % 251) as u8));
    sent.extend((0..5000_u32).map(|n| (n % 241) as u8));
    let (mut reads, mut writes) = stream.split();
    let writing = async {
        for piece in sent.chunks(313) {
            writes.write_all(piece).await.expect("sent");
        }
    };
    let mut back = vec![0; sent.len()];
    let both = async { tokio::join!(writing, reads.read_exact(&mut back)).1 };
    tokio::time::timeout(PATIENCE, both).await.expect("in time").expect("all of it");
    assert_eq!(back, sent);
    assert_eq!(*agent.record.raw.lock().expect("raw"), sent);
    let seen = agent.seen().remove(0);
    assert_eq!(seen.headers["sec-websocket-protocol"], "a, b");
    assert!(!seen.headers.contains_key("sec-websocket-extensions"));
}

#[tokio::test]
async fn a_page_elsewhere_gets_no_socket() {
    let world = World::new().await;
    let (agent, token) = world.up("ann").await;
    let cookie = cookie(&token);
    for headers in [
        vec![("cookie", &*cookie), ("origin", "http://evil.test")],
        vec![("cookie", &*cookie), ("origin", "null")],
        vec![("cookie", &*cookie)],
        vec![
            ("cookie", &*cookie),
            ("origin", "http://door.test"),
            ("sec-fetch-site", "cross-site"),
        ],
    ] {
        let refused = connect(&world, "/ws", &headers).await.expect_err("refused");
        assert_eq!(refused.0, StatusCode::FORBIDDEN, "{headers:?}");
    }
    assert!(agent.seen().is_empty());
}

#[tokio::test]
async fn either_end_s_close_reaches_the_other() {
    let world = World::new().await;
    let (agent, token) = world.up("ann").await;
    let bearer = format!("Bearer {token}");
    let mut left = connect(&world, "/bye", &[("authorization", &bearer)]).await.expect("a socket");
    assert!(matches!(next(&mut left).await, Some(Message::Close(_))));
    assert_eq!(next(&mut left).await, None);
    let left_by = || agent.record.left.load(Ordering::SeqCst);
    until("the agent's end closes", || left_by() == 1).await;
    // The client vanishes without a word.
    let mut leaves = connect(&world, "/ws", &[("authorization", &bearer)]).await.expect("a socket");
    leaves.send(Message::text("hi")).await.expect("sent");
    next(&mut leaves).await.expect("an echo");
    assert_eq!(left_by(), 1);
    drop(leaves);
    until("the agent notices", || left_by() == 2).await;
}

#[tokio::test]
async fn a_tunnel_ends_with_its_session() {
    let world = World::new().await;
    let (_agent, token) = world.up("ann").await;
    let bearer = format!("Bearer {token}");
    let mut socket = connect(&world, "/ws", &[("authorization", &bearer)]).await.expect("a socket");
    socket.send(Message::text("hi")).await.expect("sent");
    assert_eq!(next(&mut socket).await, Some(Message::text("hi")));
    world.post("/teamclaw/logout").bearer(&token).send().await;
    assert_eq!(next(&mut socket).await, None, "cut within seconds");
}

#[tokio::test]
async fn a_tunnel_ends_when_the_door_shuts() {
    let world = World::new().await;
    let (_agent, token) = world.up("ann").await;
    let bearer = format!("Bearer {token}");
    let mut socket = connect(&world, "/ws", &[("authorization", &bearer)]).await.expect("a socket");
    world.shutdown.cancel();
    assert_eq!(next(&mut socket).await, None);
    let refused = tokio::time::timeout(PATIENCE, async {
        while TcpStream::connect(world.door).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    refused.await.expect("no new connections");
}

#[tokio::test]
async fn a_switch_that_nobody_asked_for_is_no_answer() {
    let world = World::new().await;
    let (agent, token) = world.up("ann").await;
    let answer = world.get("/surprise").bearer(&token).send().await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    until("the agent was asked", || agent.seen().len() == 1).await;
}
