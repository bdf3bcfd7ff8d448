//! The person's own page and what they may ask for.

use std::time::Duration;

use events::{Attempt, Event, Gen, Output, Status, Step};
use http::StatusCode;
use http_body_util::BodyExt;
use jiff::SignedDuration;
use ports::Clock;

use crate::client::PATIENCE;
use crate::world::{World, id};

#[tokio::test]
async fn the_page_runs_its_own_script_and_is_never_framed() {
    let world = World::new().await;
    let token = world.session("ann");
    let page = world.get("/teamclaw/").cookie(&token).page().send().await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("data-waiting=\"no\""));
    assert!(page.text.contains("Your agent is asleep."));
    let policy = page.header("content-security-policy");
    for part in
        ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"));
    assert!(
        !page.text.contains("{{")
            && !page.text.contains("<style")
            && !page.text.contains("<script>")
    );
    assert!(!page.text.contains("onclick") && !page.text.contains("style=\""));
    assert_eq!(page.header("x-frame-options"), "DENY");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    for (path, kind) in
        [("/teamclaw/page.js", "text/javascript"), ("/teamclaw/page.css", "text/css")]
    {
        let file = world.get(path).send().await;
        assert!(file.header("content-type").starts_with(kind), "{file:?}");
        assert!(page.text.contains(path));
    }
    assert_eq!(world.get("/teamclaw").send().await.header("location"), "/teamclaw/");
    assert_eq!(world.get("/teamclaw/x").send().await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get("/teamclaw/stop").send().await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn every_element_the_script_asks_for_is_in_the_page() {
    let script = include_str!("../../src/page/page.js");
    let pages =
        [include_str!("../../src/page/page.html"), include_str!("../../src/page/login.html")];
    let mut asked = 0;
    let calls = ["el(\"", "say(\"", "hide(\""];
    for part in calls.iter().flat_map(|call| script.split(call).skip(1)) {
        let name = part.split('"').next().expect("a name");
        assert!(pages.iter().any(|page| page.contains(&format!("id=\"{name}\""))), "{name}");
        asked += 1;
    }
    assert!(asked > 10);
    for step in events::step::STEPS {
        assert!(script.contains(&format!("[\"{}\"", step.name())), "{}", step.name());
    }
}

#[tokio::test]
async fn the_status_says_what_a_person_wants_to_know() {
    let world = World::new().await;
    let (_agent, token) = world.up("ann").await;
    let value = world.get("/teamclaw/status").cookie(&token).send().await.json();
    assert_eq!(value["status"], "ready");
    assert_eq!(value["words"], "Your agent is ready.");
    assert_eq!(value["generation"], 1);
    assert_eq!(value["idleTimeoutMinutes"], 30);
    assert!(value["readySince"].is_string());
    assert!(value["notice"].is_null());
    world.clock.pass(Duration::from_secs(31 * 60));
    let workspace = world.journal.fold(&id("ann")).workspace;
    let idle_since = workspace.ready_since().expect("ready");
    let stop_at = world.clock.now().saturating_add(SignedDuration::from_mins(2)).expect("a time");
    world.tell("ann", Event::NoticeGiven { generation: Gen(1), idle_since, stop_at }).await;
    let value = world.get("/teamclaw/status").cookie(&token).send().await.json();
    assert_eq!(value["notice"]["stopAt"], stop_at.to_string(), "{value}");
}

#[tokio::test]
async fn a_person_starts_stops_snoozes_and_sets() {
    let world = World::new().await;
    let token = world.session("ann");
    let post = |path: &str, body: &str| world.post(path).cookie(&token).body(body).send();
    let refused = post("/teamclaw/snooze", "").await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "nothing is up");
    assert!(refused.json()["error"].is_string() && refused.json()["hint"].is_string());
    assert_eq!(post("/teamclaw/replay", "").await.status, StatusCode::CONFLICT);
    assert_eq!(post("/teamclaw/wake", "").await.json()["status"], "starting");
    assert_eq!(post("/teamclaw/wake", "").await.json()["generation"], 1, "once");
    let agent = crate::agent::Agent::start("ann").await;
    world.gets_ready("ann", &agent).await;
    let snoozed = post("/teamclaw/snooze", r#"{"minutes":90}"#).await.json();
    let until: jiff::Timestamp =
        snoozed["until"].as_str().expect("a time").parse().expect("a time");
    assert_eq!(until.duration_since(world.clock.now()).as_mins(), 89);
    assert_eq!(
        post("/teamclaw/snooze", r#"{"minutes":9223372036854775807}"#).await.status,
        StatusCode::OK
    );
    let set = post("/teamclaw/settings", r#"{"idleMinutes":45}"#).await.json();
    assert_eq!(set["idleTimeoutMinutes"], 45);
    let refused = post("/teamclaw/settings", r#"{"idleMinutes":1}"#).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "below the administrator's bound");
    for bad in ["", "{}", "{", r#"{"idleMinutes":"x"}"#, r#"{"idleMinutes":45,"admin":true}"#] {
        assert_eq!(post("/teamclaw/settings", bad).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    assert_eq!(post("/teamclaw/wake", &"x".repeat(5000)).await.status, StatusCode::OK, "not read");
    assert_eq!(
        post("/teamclaw/snooze", &"x".repeat(5000)).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    let back = post("/teamclaw/settings", r#"{"idleMinutes":null}"#).await.json();
    assert_eq!(back["idleTimeoutMinutes"], 30);
    assert_eq!(post("/teamclaw/stop", "").await.json()["status"], "stopping");
    assert_eq!(world.status("ann"), Status::Stopping);
}

#[tokio::test]
async fn what_one_person_asks_for_touches_nobody_else() {
    let world = World::new().await;
    let (_agent, _) = world.up("bob").await;
    let ann = world.session("ann");
    for body in [r#"{"person":"bob"}"#, r#"{"workspace":"bob"}"#, ""] {
        world.post("/teamclaw/stop?person=bob").bearer(&ann).body(body).send().await;
    }
    assert_eq!(world.status("bob"), Status::Ready);
    let status = world.get("/teamclaw/status?person=bob").bearer(&ann).send().await;
    assert_eq!(status.json()["person"], "ann");
}

/// Reads a live stream until it holds `wanted`.
async fn live(world: &World, token: &str, last: Option<&str>, wanted: &str) -> String {
    let mut call = world.get("/teamclaw/live").cookie(token);
    if let Some(last) = last {
        call = call.with("last-event-id", last);
    }
    let answer = call.begin().await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut body = answer.into_body();
    let mut text = String::new();
    let read = async {
        while !text.contains(wanted) {
            let frame = body.frame().await.expect("more").expect("a piece");
            text.push_str(&String::from_utf8_lossy(frame.data_ref().expect("data")));
        }
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap_or_else(|_| panic!("no {wanted} in {text}"));
    text
}

#[tokio::test]
async fn the_live_stream_tells_each_fact_of_the_own_workspace_as_it_happens() {
    let world = World::new().await;
    let (ann, _) = (world.session("ann"), world.session("bob"));
    world.starts("bob").await;
    world.starts("ann").await;
    let done = |step| Event::StepDone {
        generation: Gen(1),
        attempt: Attempt(1),
        step,
        output: Output::Nothing,
    };
    world.tell("ann", done(Step::PrepareHome)).await;
    let (text, ()) = tokio::join!(live(&world, &ann, None, "\"status\":\"ready\""), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        world.tell("ann", done(Step::RegisterTask)).await;
        world.tell("ann", Event::Ready { generation: Gen(1), attempt: Attempt(1) }).await;
    });
    for part in [
        "event: fact\nid: 1\ndata: {",
        "start_requested",
        "prepare_home",
        "register_task",
        "teamclaw.workspace.ready.v1",
        "event: status\ndata: {\"person\":\"ann\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("bob"), "{text}");
    let again = live(&world, &ann, Some("3"), "event: status").await;
    assert!(again.contains("id: 4") && !again.contains("id: 3\n"), "{again}");
}

#[tokio::test]
async fn a_live_stream_ends_with_its_session_and_one_person_s_are_bounded() {
    let world = World::new().await;
    let token = world.session("ann");
    let mut open = Vec::new();
    for _ in 0..16 {
        let answer = world.get("/teamclaw/live").cookie(&token).begin().await;
        assert_eq!(answer.status(), StatusCode::OK);
        open.push(answer);
    }
    let more = world.get("/teamclaw/live").cookie(&token).send().await;
    assert_eq!(more.status, StatusCode::TOO_MANY_REQUESTS);
    world.people.sessions.lock().expect("sessions").clear();
    let last = open.remove(0).into_body().collect();
    tokio::time::timeout(PATIENCE, last).await.expect("it ends").expect("whole");
}
