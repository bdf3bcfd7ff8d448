//! Who wakes a sleeping workspace, who waits for it, and what everybody else is told.

use std::time::Duration;

use events::{Attempt, Event, Gen, Reason, ReasonClass, Status, Step};
use futures_util::future::join_all;
use http::StatusCode;
use ports::Route;

use crate::agent::Agent;
use crate::client::until;
use crate::websocket::connect;
use crate::world::World;

#[tokio::test]
async fn a_person_who_opens_the_page_wakes_it_and_sees_it_come_up() {
    let world = World::new().await;
    let token = world.session("ann");
    let page = world.get("/chat?x=1").cookie(&token).page().send().await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.text.contains("data-waiting=\"yes\""), "{page:?}");
    assert!(page.text.contains("Your agent is starting"), "{page:?}");
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(!page.header("retry-after").is_empty());
    assert_eq!(world.starts_of("ann"), 1);
    let agent = Agent::start("ann").await;
    world.gets_ready("ann", &agent).await;
    let there = world.get("/chat?x=1").cookie(&token).page().send().await;
    assert_eq!((there.status, there.text.as_str()), (StatusCode::OK, "ann"));
}

#[tokio::test]
async fn a_message_wakes_it_and_waits_until_it_is_ready() {
    let world = World::new().await;
    let token = world.session("ann");
    let agent = Agent::start("ann").await;
    let posted = world.post("/v1/chat/completions").cookie(&token).body("hello");
    let read = world.get("/v1/models").bearer(&token);
    let (posted, read, ()) = tokio::join!(posted.send(), read.send(), async {
        until("it starts", || world.status("ann") == Status::Starting).await;
        // Listening is not being ready: a route alone lets nobody in.
        let (generation, attempt, address) = (Gen(1), Attempt(1), agent.address);
        world.route("ann", Route { generation, attempt, address });
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert!(agent.seen().is_empty(), "not before it is ready");
        world.gets_ready("ann", &agent).await;
    });
    assert_eq!((posted.status, read.status), (StatusCode::OK, StatusCode::OK));
    assert!(agent.seen().iter().any(|seen| seen.body == "hello"), "the body was kept");
    assert_eq!(world.starts_of("ann"), 1);
}

#[tokio::test]
async fn a_request_that_waits_too_long_is_told_so() {
    let world = World::holding(Duration::from_millis(300)).await;
    let token = world.session("ann");
    let answer = world.post("/x").bearer(&token).send().await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!answer.header("retry-after").is_empty());
    let value = answer.json();
    assert_eq!(value["status"], "starting");
    assert_eq!(value["step"], "prepare_home");
    assert!(value["error"].as_str().expect("words").contains("starting"), "{value}");
}

#[tokio::test]
async fn a_forgotten_tab_wakes_nothing() {
    let world = World::new().await;
    let (_agent, token) = world.up("ann").await;
    world.sleeps("ann").await;
    let cookie = format!("teamclaw_session={token}");
    for _ in 0..3 {
        let headers = [("cookie", &*cookie), ("origin", "http://door.test")];
        let (status, text) = connect(&world, "/", &headers).await.expect_err("asleep");
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(text.contains("asleep"), "{text}");
        for call in [
            world.get("/api/chat/media").cookie(&token),
            world
                .get("/x")
                .cookie(&token)
                .with("accept", "text/html")
                .with("sec-fetch-mode", "cors"),
            world.get("/x").cookie(&token).page().with("sec-purpose", "prefetch"),
            world.get("/teamclaw/").cookie(&token).page(),
            world.get("/teamclaw/status").cookie(&token),
        ] {
            let answer = call.send().await;
            assert!(answer.text.contains("asleep"), "{answer:?}");
        }
    }
    assert_eq!(world.starts_of("ann"), 1, "only the first start");
    assert_eq!(world.status("ann"), Status::Asleep);
}

#[tokio::test]
async fn a_token_s_socket_wakes_and_waits() {
    let world = World::new().await;
    let token = world.session("ann");
    let agent = Agent::start("ann").await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", &*bearer)];
    let (socket, ()) = tokio::join!(connect(&world, "/ws", &headers), async {
        until("it starts", || world.status("ann") == Status::Starting).await;
        world.gets_ready("ann", &agent).await;
    });
    socket.expect("a socket");
}

#[tokio::test]
async fn a_tab_s_socket_waits_while_somebody_else_wakes_it() {
    let world = World::new().await;
    let token = world.session("ann");
    world.starts("ann").await;
    let agent = Agent::start("ann").await;
    let cookie = format!("teamclaw_session={token}");
    let headers = [("cookie", &*cookie), ("origin", "http://door.test")];
    let (socket, ()) = tokio::join!(connect(&world, "/ws", &headers), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        world.gets_ready("ann", &agent).await;
    });
    socket.expect("a socket");
}

#[tokio::test]
async fn twenty_at_once_start_it_once() {
    let world = World::new().await;
    let token = world.session("ann");
    let agent = Agent::start("ann").await;
    let calls = (0..20).map(|n| match n % 2 {
        0 => world.post("/x").bearer(&token).send(),
        _ => world.post("/x").cookie(&token).send(),
    });
    let (answers, ()) = tokio::join!(join_all(calls), async {
        until("it starts", || world.status("ann") == Status::Starting).await;
        world.gets_ready("ann", &agent).await;
    });
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK), "{answers:?}");
    assert_eq!(world.starts_of("ann"), 1);
}

#[tokio::test]
async fn one_person_s_waiting_requests_are_bounded() {
    let world = World::holding(Duration::from_secs(2)).await;
    let token = world.session("ann");
    let answers = join_all((0..70).map(|_| world.post("/x").bearer(&token).send())).await;
    let many = answers.iter().filter(|answer| answer.text.contains("Too many")).count();
    assert_eq!(many, 6, "64 wait");
    assert!(answers.iter().all(|answer| answer.status == StatusCode::SERVICE_UNAVAILABLE));
}

#[tokio::test]
async fn a_failed_start_says_why_and_is_not_started_over_by_traffic() {
    let world = World::new().await;
    let token = world.session("ann");
    world.starts("ann").await;
    world.fails("ann", "the program <b>openclaw</b> is missing").await;
    for call in [world.post("/x").bearer(&token), world.get("/x").cookie(&token)] {
        let answer = call.send().await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        let value = answer.json();
        assert_eq!(value["status"], "failed");
        let words = value["error"].as_str().expect("words");
        for part in ["openclaw", "is missing", "Install it", "Try again"] {
            assert!(words.contains(part), "{words}");
        }
    }
    let page = world.get("/").cookie(&token).page().send().await;
    assert!(page.text.contains("&lt;b&gt;openclaw"), "text, not markup: {page:?}");
    assert!(!page.text.contains("http-equiv"), "nothing to wait for");
    assert_eq!(world.starts_of("ann"), 1);
    let replayed = world.post("/teamclaw/replay").cookie(&token).send().await;
    assert_eq!(replayed.json()["status"], "starting", "{replayed:?}");
    assert_eq!(replayed.json()["attempt"], 2);
}

#[tokio::test]
async fn a_parked_workspace_says_why() {
    let world = World::new().await;
    let token = world.session("ann");
    world.starts("ann").await;
    let reason = Reason::new(ReasonClass::Internal, "two agents answered");
    let (generation, attempt, step, undoing) = (Gen(1), Attempt(1), Step::ProbeReady, false);
    world.tell("ann", Event::Parked { generation, attempt, step, undoing, reason }).await;
    let answer = world.post("/x").bearer(&token).send().await;
    assert_eq!(answer.json()["status"], "parked");
    assert!(answer.text.contains("two agents answered"), "{answer:?}");
}

#[tokio::test]
async fn the_route_of_an_older_generation_is_never_taken() {
    let world = World::holding(Duration::from_millis(300)).await;
    let (old, token) = world.up("ann").await;
    world.sleeps("ann").await;
    let (attempt, address) = (Attempt(1), old.address);
    world.route("ann", Route { generation: Gen(1), attempt, address });
    producers::command::start(&world.bus, &crate::world::id("ann")).await.expect("started");
    world.tell("ann", Event::Ready { generation: Gen(2), attempt }).await;
    let answer = world.post("/x").bearer(&token).send().await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(old.seen().is_empty());
}

#[tokio::test]
async fn stop_wins_over_those_who_wait() {
    let world = World::new().await;
    let token = world.session("ann");
    let (answer, ()) = tokio::join!(world.post("/x").bearer(&token).send(), async {
        until("it starts", || world.status("ann") == Status::Starting).await;
        let stopped = world.post("/teamclaw/stop").bearer(&token).send().await;
        assert_eq!(stopped.json()["status"], "stopping");
    });
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(world.starts_of("ann"), 1, "not started again");
}
