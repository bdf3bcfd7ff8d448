//! Which traffic through the door counts as a person's use.

use std::time::Duration;

use futures_util::SinkExt;
use http::Method;
use tokio_tungstenite::tungstenite::Message;

use crate::client::Call;
use crate::websocket::{connect, next};
use crate::world::World;

/// Longer than the meter gathers uses for, so that each is one write.
const LATER: Duration = Duration::from_secs(60);

#[tokio::test]
async fn changing_something_counts_and_reading_does_not() {
    let world = World::new().await;
    let (_agent, token) = world.up("ann").await;
    let mut expected = 0;
    for (method, path, counts) in [
        (Method::GET, "/", false),
        (Method::POST, "/v1/chat/completions", true),
        (Method::GET, "/v1/models", false),
        (Method::POST, "/healthz", false),
        (Method::POST, "/readyz", false),
        (Method::HEAD, "/", false),
        (Method::PUT, "/file", true),
        (Method::DELETE, "/file", true),
    ] {
        world.clock.pass(LATER);
        Call::new(world.door, method.clone(), path).cookie(&token).send().await;
        expected += usize::from(counts);
        assert_eq!(world.uses_of("ann").await, expected, "{method} {path}");
    }
    world.clock.pass(LATER);
    world.get("/teamclaw/").cookie(&token).page().send().await;
    world.get("/teamclaw/status").cookie(&token).send().await;
    assert_eq!(world.uses_of("ann").await, expected, "looking at the own page is no use");
}

#[tokio::test]
async fn what_a_person_sends_counts_and_what_a_page_sends_by_itself_does_not() {
    let world = World::new().await;
    let (_agent, token) = world.up("ann").await;
    let bearer = format!("Bearer {token}");
    let mut socket = connect(&world, "/ws", &[("authorization", &bearer)]).await.expect("a socket");
    assert_eq!(world.uses_of("ann").await, 0, "connecting is no use");
    let long = format!(
        r#"{{"type":"req","id":"1","method":"chat.send","params":"{}"}}"#,
        "x".repeat(9000)
    );
    let tail = format!(
        r#"{{"type":"req","id":"1","method":"logs.tail","params":"{}"}}"#,
        "x".repeat(9000)
    );
    let mut expected = 0;
    for (message, counts) in [
        (Message::text(r#"{"type":"req","id":"1","method":"connect","params":{}}"#), false),
        (
            Message::text(
                r#"{"type":"req","id":"2","method":"chat.send","params":{"message":"hi"}}"#,
            ),
            true,
        ),
        (Message::text(r#"{"type":"req","id":"3","method":"chat.history","params":{}}"#), false),
        (Message::text(r#"{"type":"req","id":"4","method":"sessions.list"}"#), false),
        (Message::text(long), true),
        (Message::text(tail), false),
        (Message::text("hello"), true),
        (Message::binary(vec![1, 2, 3]), true),
        (Message::text(r#"{"type":"ping"}"#), false),
    ] {
        world.clock.pass(LATER);
        let kind = format!("{:.80}", message.to_string());
        socket.send(message).await.expect("sent");
        next(&mut socket).await.expect("an echo");
        expected += usize::from(counts);
        assert_eq!(world.uses_of("ann").await, expected, "{kind}");
    }
    world.clock.pass(LATER);
    socket.send(Message::Ping("x".into())).await.expect("sent");
    next(&mut socket).await.expect("a pong");
    assert_eq!(world.uses_of("ann").await, expected, "a ping is no use");
}
