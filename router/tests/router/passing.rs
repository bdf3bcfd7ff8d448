//! How bytes pass, and what happens when one side is gone, slow or too large.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use events::{Attempt, Gen};
use http::StatusCode;
use http_body_util::BodyExt;
use ports::Route;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::client::{PATIENCE, raw, until};
use crate::world::World;

/// An empty body in chunks, and what a reader of lengths would take for the next request.
const SMUGGLED: &str = "0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n";

/// Makes the route lead to a port where nobody listens.
async fn agent_is_gone(world: &World, name: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address: SocketAddr = listener.local_addr().expect("an address");
    drop(listener);
    world.route(name, Route { generation: Gen(1), attempt: Attempt(1), address });
}

#[tokio::test]
async fn an_agent_that_is_gone_is_said_in_words_at_once() {
    let world = World::new().await;
    let (_agent, token) = world.up("ann").await;
    agent_is_gone(&world, "ann").await;
    let answer = world.post("/x").bearer(&token).body("hello").send().await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!answer.header("retry-after").is_empty());
    assert!(answer.json()["error"].as_str().expect("words").contains("does not answer"));
    let page = world.get("/").cookie(&token).page().send().await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.text.contains("data-waiting=\"yes\""), "{page:?}");
    assert_eq!(world.starts_of("ann"), 1, "the engine decides, not the traffic");
    assert_eq!(world.uses_of("ann").await, 0, "nothing reached the agent");
}

#[tokio::test]
async fn an_agent_that_breaks_off_is_asked_once() {
    let world = World::new().await;
    let (_agent, token) = world.up("ann").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    world.route("ann", Route { generation: Gen(1), attempt: Attempt(1), address });
    let (answer, asked) = tokio::join!(world.post("/x").bearer(&token).send(), async {
        let mut asked = 0;
        while let Ok(Ok((mut stream, _))) =
            tokio::time::timeout(Duration::from_millis(500), listener.accept()).await
        {
            asked += 1;
            stream.write_all(b"HTTP/1.1 2").await.expect("sent");
        }
        asked
    });
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{answer:?}");
    assert_eq!(asked, 1, "it may have acted");
}

#[tokio::test]
async fn what_an_agent_said_before_it_broke_off_arrives() {
    let world = World::new().await;
    let (_agent, token) = world.up("ann").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    world.route("ann", Route { generation: Gen(1), attempt: Attempt(1), address });
    let request =
        format!("GET /half HTTP/1.1\r\nHost: door.test\r\nAuthorization: Bearer {token}\r\n\r\n");
    for half in ["", "half of it"] {
        let agent = async {
            let (mut stream, _) = listener.accept().await.expect("asked");
            let mut asked = [0; 4096];
            assert!(stream.read(&mut asked).await.expect("a request") > 0);
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{half}");
            stream.write_all(answer.as_bytes()).await.expect("sent");
        };
        let ((mut stream, head), ()) = tokio::join!(raw(world.door, &request), agent);
        assert!(head.starts_with("HTTP/1.1 200"), "with {half:?} came {head:?}");
        let mut body = String::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_string(&mut body)).await;
        read.expect("the connection does not end").expect("the end of the connection");
        assert_eq!(body, half);
    }
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_request_along() {
    let world = World::new().await;
    let (agent, token) = world.up("ann").await;
    let call = tokio::spawn(world.get("/never").bearer(&token).begin());
    until("the agent has it", || agent.seen().len() == 1).await;
    call.abort();
    until("the agent's connection ends", || agent.record.left.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn a_slow_client_slows_the_agent_and_leaving_ends_it() {
    let world = World::new().await;
    let (agent, token) = world.up("ann").await;
    let mut body = world.get("/endless").bearer(&token).begin().await.into_body();
    body.frame().await.expect("a frame").expect("a piece");
    let pieces = || agent.record.pieces.load(Ordering::SeqCst);
    // It stops growing once every buffer on the way is full.
    let mut before = 0;
    let full = async {
        while before != pieces() {
            before = pieces();
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    tokio::time::timeout(crate::client::PATIENCE, full)
        .await
        .expect("the agent is never held back");
    assert!(
        pieces() < 1000,
        "{} pieces of 64 KiB were taken off a client that reads none",
        pieces()
    );
    assert_eq!(agent.record.left.load(Ordering::SeqCst), 0);
    drop(body);
    until("the agent's answer ends", || agent.record.left.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn heads_are_bounded() {
    let world = World::new().await;
    let (agent, token) = world.up("ann").await;
    let ask = |extra: String| {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: door.test\r\nAuthorization: Bearer {token}\r\n{extra}Connection: close\r\n\r\n"
        );
        async move { raw(world.door, &request).await.1 }
    };
    let long = ask(format!("x-long: {}\r\n", "x".repeat(40_000))).await;
    assert!(long.starts_with("HTTP/1.1 431"), "{long}");
    let many = ask((0..101).map(|n| format!("x-{n}: 1\r\n")).collect()).await;
    assert!(many.starts_with("HTTP/1.1 431"), "{many}");
    assert!(agent.seen().is_empty());
    let fine = ask(format!("x-long: {}\r\n", "x".repeat(20_000))).await;
    assert!(fine.starts_with("HTTP/1.1 200"), "{fine}");
}

#[tokio::test]
async fn a_request_with_two_lengths_is_one_request_or_none() {
    let world = World::new().await;
    let (agent, token) = world.up("ann").await;
    for (framing, body, expected) in [
        ("Content-Length: 4\r\nContent-Length: 5\r\n", "aaaaa", 400),
        ("Content-Length: +4\r\n", "aaaa", 400),
        ("Content-Length: 3, 4\r\n", "aaaa", 400),
        ("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n", 400),
        ("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n", 400),
        ("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", SMUGGLED, 200),
        ("Transfer-Encoding : chunked\r\n", SMUGGLED, 400),
    ] {
        let request = format!(
            "POST /x HTTP/1.1\r\nHost: door.test\r\nAuthorization: Bearer {token}\r\n{framing}\r\n{body}"
        );
        let (_, head) = raw(world.door, &request).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {expected}")), "{framing} {head}");
    }
    let seen = agent.seen();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!((seen[0].uri.path(), seen[0].body.len()), ("/x", 0));
    assert!(!seen[0].headers.contains_key("content-length"), "one framing: {seen:?}");
}
