//! A person reaches their own agent and no other, whatever they write.

use http::StatusCode;

use crate::client::raw;
use crate::world::World;

#[tokio::test]
async fn no_path_header_or_query_leads_to_another_s_agent() {
    let world = World::new().await;
    let (ann, token) = world.up("ann").await;
    let (bob, _) = world.up("bob").await;
    let mut sent = 0;
    for path in [
        "/",
        "/bob",
        "/bob/",
        "/u/bob/",
        "/?user=bob",
        "/?workspace=bob&id=bob",
        "/@bob",
        "/~bob",
        "/workspaces/bob",
        "/bob.door.test/",
        "/%62ob",
        "/x?teamclaw_session=session-of-bob",
        "/api/users/bob",
        "/http:%2f%2fbob/",
    ] {
        for (name, value) in [
            ("x-none", "1"),
            ("x-user", "bob"),
            ("x-forwarded-user", "bob"),
            ("x-forwarded-host", "bob.door.test"),
            ("x-original-url", "/bob"),
            ("x-rewrite-url", "/bob"),
            ("x-teamclaw-workspace", "bob"),
            ("referer", "http://door.test/bob"),
            ("cookie", "user=bob; workspace=bob"),
        ] {
            let answer = world.get(path).cookie(&token).with(name, value).send().await;
            assert_eq!(
                (answer.status, answer.text.as_str()),
                (StatusCode::OK, "ann"),
                "{path} {name}"
            );
            sent += 1;
        }
    }
    assert_eq!(ann.seen().len(), sent);
    assert!(bob.seen().is_empty());
}

#[tokio::test]
async fn another_host_name_leads_nowhere_else() {
    let world = World::new().await;
    let (ann, token) = world.up("ann").await;
    let (bob, _) = world.up("bob").await;
    let there = bob.address;
    for (target, host, expected) in [
        ("/".to_owned(), format!("Host: {there}\r\n"), 200),
        ("/".to_owned(), "Host: bob\r\n".to_owned(), 200),
        (format!("http://{there}/"), "Host: door.test\r\n".to_owned(), 400),
        (format!("http://{there}/"), format!("Host: {there}\r\n"), 400),
        ("/".to_owned(), format!("Host: door.test\r\nHost: {there}\r\n"), 400),
    ] {
        let request = format!(
            "GET {target} HTTP/1.1\r\n{host}Cookie: teamclaw_session={token}\r\nConnection: close\r\n\r\n"
        );
        let (_, head) = raw(world.door, &request).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {expected}")), "{request} {head}");
    }
    let (_, head) =
        raw(world.door, &format!("CONNECT {there} HTTP/1.1\r\nHost: {there}\r\n\r\n")).await;
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
    assert_eq!(ann.seen().len(), 2);
    assert!(bob.seen().is_empty());
}

#[tokio::test]
async fn the_engine_s_door_and_crooked_paths_reach_no_agent() {
    let world = World::new().await;
    let (agent, token) = world.up("ann").await;
    for (path, expected) in [
        ("/api/v1/admin/rpc", StatusCode::FORBIDDEN),
        ("/API/v1/admin/rpc", StatusCode::FORBIDDEN),
        ("/%61pi/v1/admin/rpc", StatusCode::FORBIDDEN),
        ("/api//v1//admin/rpc", StatusCode::FORBIDDEN),
        ("/x/../api/v1/admin/rpc", StatusCode::BAD_REQUEST),
        ("/%2e%2e/api", StatusCode::BAD_REQUEST),
        ("//x/api/v1/admin/rpc", StatusCode::BAD_REQUEST),
        ("/x%5c..%5cadmin", StatusCode::BAD_REQUEST),
    ] {
        let answer = world.post(path).cookie(&token).body("{}").send().await;
        assert_eq!(answer.status, expected, "{path}: {answer:?}");
    }
    assert!(agent.seen().is_empty());
}

#[tokio::test]
async fn a_browser_never_reaches_the_operator_and_a_program_does() {
    let world = World::new().await;
    let (agent, token) = world.up("ann").await;
    let program = world.get("/api/keys").bearer(&token).send().await;
    assert_eq!(program.text, "operator 127.0.0.1 /api/keys cookie:false");
    let nobody = world.get("/api/keys").send().await;
    assert_eq!(nobody.text, "operator 127.0.0.1 /api/keys cookie:false");
    // A page that the agent made has the same origin; it can make the browser ask anything.
    let page = world.post("/api/keys").cookie(&token).send().await;
    assert_eq!(page.text, "ann");
    let both = world.post("/api/keys").cookie(&token).bearer(&token).send().await;
    assert_eq!(both.text, "ann");
    assert_eq!(agent.seen().len(), 2);
}

#[tokio::test]
async fn an_agent_s_page_cannot_plant_a_service_worker() {
    let world = World::new().await;
    let (agent, token) = world.up("ann").await;
    let call = world.get("/sw.js").cookie(&token).with("service-worker", "script");
    assert_eq!(call.send().await.status, StatusCode::FORBIDDEN);
    assert!(agent.seen().is_empty());
}

#[tokio::test]
async fn a_page_elsewhere_cannot_make_a_browser_act() {
    let world = World::new().await;
    let (agent, token) = world.up("ann").await;
    let cookie = format!("teamclaw_session={token}");
    for (name, value) in [
        ("origin", "http://evil.test"),
        ("origin", "null"),
        ("origin", "https://door.test"),
        ("origin", "http://door.test.evil.test"),
        ("origin", "http://door.test:81"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("x-none", "neither header"),
    ] {
        for path in ["/v1/chat/completions", "/teamclaw/stop", "/teamclaw/logout", "/teamclaw/wake"]
        {
            let call = world.post(path).with("cookie", &cookie).with(name, value).body("{}");
            let answer = call.send().await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {name}: {value}");
        }
    }
    assert!(agent.seen().is_empty());
    assert_eq!(world.status("ann"), events::Status::Ready, "nothing was stopped");
    let bearer = world.post("/x").bearer(&token).with("origin", "http://evil.test").send().await;
    assert_eq!(bearer.text, "ann", "a token is never sent along by itself");
}
