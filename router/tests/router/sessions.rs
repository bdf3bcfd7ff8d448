//! Logging in and out, and what proves who somebody is.

use std::sync::atomic::Ordering;

use http::StatusCode;
use jiff::SignedDuration;
use ports::{Clock, People};

use crate::client::until;
use crate::world::{World, id, person};

async fn link(world: &World, name: &str) -> String {
    let soon = world.clock.now().saturating_add(SignedDuration::from_mins(5)).expect("a time");
    world.people.invite(&person(name), soon).await.expect("a link").expose().to_owned()
}

#[tokio::test]
async fn opening_a_link_trades_nothing_and_pressing_the_button_does() {
    let world = World::new().await;
    let once = link(&world, "ann").await;
    for _ in 0..3 {
        let page = world.get(&format!("/teamclaw/login?once={once}")).page().send().await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text.contains(&format!("value=\"{once}\"")), "{page:?}");
        // The secret stays out of every Referer, and the form still says where it comes from.
        assert_eq!(page.header("referrer-policy"), "strict-origin");
        assert_eq!(page.header("cache-control"), "no-store");
    }
    let form = world.post("/teamclaw/login").with("origin", "http://door.test");
    let answer = form.page().body(&format!("once={once}")).send().await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header("location"), "/");
    let cookie = answer.header("set-cookie");
    for part in ["teamclaw_session=", "; Path=/", "; HttpOnly", "; SameSite=Lax", "; Max-Age="] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "the door is http: {cookie}");
    assert_eq!(world.starts_of("ann"), 1, "logging in wakes");
    let token = cookie.split(['=', ';']).nth(1).expect("a token");
    let status = world.get("/teamclaw/status").cookie(token).send().await;
    assert_eq!(status.json()["person"], "ann");
}

#[tokio::test]
async fn a_log_in_that_cannot_be_recorded_is_none_and_says_what_to_do() {
    let world = World::new().await;
    let once = link(&world, "ann").await;
    world.journal.full.store(true, Ordering::SeqCst);
    let post = |once: &str| {
        let call = world.post("/teamclaw/login").with("accept", "application/json");
        call.body(&format!("{{\"once\":\"{once}\"}}")).send()
    };
    let refused = post(&once).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.text.contains("another link"), "{refused:?}");
    assert!(!refused.text.contains("token"), "{refused:?}");
    assert_eq!(refused.header("set-cookie"), "");
    world.journal.full.store(false, Ordering::SeqCst);
    assert_eq!(post(&link(&world, "ann").await).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_link_works_once_and_not_when_it_is_old() {
    let world = World::new().await;
    let once = link(&world, "ann").await;
    let old = link(&world, "ann").await;
    let post = |body: String| {
        let call = world.post("/teamclaw/login").with("accept", "application/json").body(&body);
        call.send()
    };
    let first = post(format!("{{\"once\":\"{once}\"}}")).await;
    assert_eq!(first.status, StatusCode::OK);
    let token = first.json()["token"].as_str().expect("a token").to_owned();
    assert!(first.json()["until"].is_string());
    assert_eq!(first.header("set-cookie"), "", "a program keeps its token itself");
    assert_eq!(post(format!("{{\"once\":\"{once}\"}}")).await.status, StatusCode::FORBIDDEN);
    world.clock.pass(std::time::Duration::from_secs(600));
    assert_eq!(post(format!("once={old}")).await.status, StatusCode::FORBIDDEN);
    for bad in ["", "once=", "once=a b", "{}", "{\"once\":7}"] {
        assert_eq!(post(bad.to_owned()).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    let status = world.get("/teamclaw/status").bearer(&token).send().await;
    assert_eq!(status.json()["person"], "ann");
}

#[tokio::test]
async fn a_page_elsewhere_cannot_log_somebody_in() {
    let world = World::new().await;
    for (name, value) in [("origin", "http://evil.test"), ("sec-fetch-site", "cross-site")] {
        let once = link(&world, "mallory").await;
        let call = world.post("/teamclaw/login").with(name, value);
        let answer = call.body(&format!("once={once}")).send().await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!(answer.header("set-cookie"), "");
    }
    assert_eq!(world.starts_of("mallory"), 0);
}

#[tokio::test]
async fn a_link_s_secret_cannot_write_into_the_page() {
    let world = World::new().await;
    for once in ["%22%3E%3Cscript%3E", "a%22b", "", "%3C", "a&x=\"><script>"] {
        let uri = format!("/teamclaw/login?once={once}").replace(['"', '>', '<'], "%22");
        let page = world.get(&uri).page().send().await;
        assert!(!page.text.contains("\"><script>"), "{page:?}");
        assert!(page.header("content-security-policy").contains("default-src 'none'"));
    }
}

#[tokio::test]
async fn nobody_gets_in_without_a_session() {
    let world = World::new().await;
    let (agent, token) = world.up("ann").await;
    for (name, value) in [
        ("x-none", String::new()),
        ("cookie", "teamclaw_session=guess".to_owned()),
        ("cookie", format!("teamclaw_session={token}; teamclaw_session=other")),
        ("authorization", "Bearer guess".to_owned()),
        ("authorization", format!("Basic {token}")),
        ("x-forwarded-user", "ann".to_owned()),
        ("x-teamclaw-user", "ann".to_owned()),
    ] {
        for path in ["/", "/teamclaw/", "/teamclaw/status", "/teamclaw/live", "/ann/chat"] {
            let answer = world.get(path).with(name, &value).send().await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path} {name}: {value}");
        }
        let answer = world.post("/teamclaw/stop").with(name, &value).send().await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let page = world.get("/").page().send().await;
    assert!(page.text.contains("<h1>You are not logged in</h1>"), "{page:?}");
    assert!(agent.seen().is_empty());
}

#[tokio::test]
async fn logging_out_ends_every_session_of_the_person_and_nobody_else_s() {
    let world = World::new().await;
    let (ann, bob) = (world.session("ann"), world.session("bob"));
    let answer = world.post("/teamclaw/logout").cookie(&ann).send().await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.header("set-cookie").contains("teamclaw_session=; "), "{answer:?}");
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    let status = |token: String| world.get("/teamclaw/status").bearer(&token).send();
    assert_eq!(status(ann).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(status(bob).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_agent_s_own_bearer_token_does_not_hide_the_cookie() {
    let world = World::new().await;
    let (agent, token) = world.up("ann").await;
    let call = world.get("/x").cookie(&token).bearer("meant-for-the-agent");
    assert_eq!(call.send().await.text, "ann");
    until("the agent saw it", || agent.seen().len() == 1).await;
    assert_eq!(world.journal.fold(&id("ann")).workspace.generation().0, 1);
}
