//! What a client writes and an agent must never see, and the other way round.

use events::{Attempt, Gen};
use http::{Method, StatusCode};
use ports::Leases;

use crate::fakes::Derived;
use crate::world::{World, id};

/// Whatever a client sends of these never reaches the agent as it was.
const SPOOFED: [(&str, &str); 38] = [
    ("x-teamclaw-user", "bob"),
    ("x-teamclaw-0123456789abcdef0123456789abcdef", "bob"),
    ("X-TeamClaw-Admin", "1"),
    ("x_teamclaw_user", "bob"),
    ("x-forwarded-for", "10.0.0.1"),
    ("X-Forwarded-For", "127.0.0.1, 10.0.0.1"),
    ("x_forwarded_for", "10.0.0.1"),
    ("x-forwarded-host", "evil.test"),
    ("x-forwarded-proto", "evil"),
    ("x-forwarded-port", "1"),
    ("x-forwarded-prefix", "/evil"),
    ("x-forwarded-server", "evil"),
    ("x-forwarded-user", "bob"),
    ("x-forwarded-email", "bob@evil.test"),
    ("x-forwarded-groups", "admin"),
    ("x-forwarded-access-token", "evil"),
    ("x-forwarded", "for=evil"),
    ("forwarded", "for=10.0.0.1;host=evil.test"),
    ("forwarded-for", "10.0.0.1"),
    ("x-real-ip", "10.0.0.1"),
    ("x-real-host", "evil"),
    ("x_real_ip", "10.0.0.1"),
    ("x-client-ip", "10.0.0.1"),
    ("true-client-ip", "10.0.0.1"),
    ("cf-connecting-ip", "10.0.0.1"),
    ("cf-access-authenticated-user-email", "bob@evil.test"),
    ("tailscale-user-login", "bob@evil.test"),
    ("tailscale-user-name", "Bob"),
    ("x-openclaw-scopes", "operator.admin"),
    ("x_openclaw_scopes", "operator.admin"),
    ("keep-alive", "timeout=999"),
    ("te", "trailers"),
    ("trailer", "x-evil"),
    ("proxy-authorization", "Basic evil"),
    ("proxy-connection", "keep-alive"),
    ("http2-settings", "evil"),
    ("sec-websocket-extensions", "permessage-deflate"),
    ("upgrade", "h2c"),
];

#[tokio::test]
async fn nothing_a_client_writes_looks_like_the_router_s_word() {
    let world = World::new().await;
    let (agent, token) = world.up("ann").await;
    let pass = Derived.pass(&id("ann"), Gen(1), Attempt(1));
    for (n, (name, value)) in SPOOFED.into_iter().enumerate() {
        let answer = world.get("/x?y=z").cookie(&token).with(name, value).send().await;
        assert_eq!(answer.text, "ann", "{name}");
        let seen = agent.seen().remove(n);
        let kept = seen.headers.iter().find(|(_, sent)| *sent == value);
        assert_eq!(kept, None, "{name}: {seen:?}");
        let get = |name: &str| seen.headers.get_all(name).iter().collect::<Vec<_>>();
        assert_eq!(get(pass.expose()), ["ann"], "{name}");
        assert_eq!(get("x-forwarded-for"), ["192.0.2.1"], "a loopback client has no address");
        assert_eq!(get("x-forwarded-proto"), ["http"]);
        assert_eq!(get("x-forwarded-host"), ["door.test"]);
        assert_eq!(get("x-openclaw-scopes"), [router::AGENT_SCOPES]);
        assert_eq!(get("host"), ["door.test"]);
        assert_eq!(get("origin"), ["http://door.test"]);
        assert_eq!((seen.method, seen.uri.to_string().as_str()), (Method::GET, "/x?y=z"));
    }
}

#[tokio::test]
async fn who_guesses_the_pass_is_still_only_themselves() {
    let world = World::new().await;
    let (agent, token) = world.up("ann").await;
    let pass = Derived.pass(&id("ann"), Gen(1), Attempt(1));
    let call = world.get("/").cookie(&token).with(pass.expose(), "bob").with(pass.expose(), "eve");
    call.send().await;
    let seen = agent.seen().remove(0);
    let sent: Vec<_> = seen.headers.get_all(pass.expose()).iter().collect();
    assert_eq!(sent, ["ann"]);
}

#[tokio::test]
async fn connection_names_are_dropped_and_cannot_drop_what_matters() {
    let world = World::new().await;
    let (agent, token) = world.up("ann").await;
    let pass = Derived.pass(&id("ann"), Gen(1), Attempt(1));
    let named =
        format!("x-secret, X-Other,host , content-length, x-forwarded-for, {}", pass.expose());
    let call = world.post("/x").cookie(&token).with("connection", &named);
    let call = call.with("x-secret", "1").with("x-other", "2").with("x-kept", "3").body("whole");
    assert_eq!(call.send().await.status, StatusCode::OK);
    let seen = agent.seen().remove(0);
    for gone in ["x-secret", "x-other", "connection"] {
        assert!(!seen.headers.contains_key(gone), "{gone}: {seen:?}");
    }
    assert_eq!(seen.headers["host"], "door.test");
    assert_eq!(seen.headers[pass.expose()], "ann");
    assert_eq!(seen.headers["x-forwarded-for"], "192.0.2.1");
    assert_eq!(seen.headers["x-kept"], "3");
    assert_eq!(seen.body, "whole");
}

#[tokio::test]
async fn the_session_never_reaches_the_agent_and_other_cookies_do() {
    let world = World::new().await;
    let (agent, token) = world.up("ann").await;
    let cookies = format!("a=1; teamclaw_session={token}; b=two=2;; TEAMCLAW_SESSION={token}");
    let own = world.get("/").with("cookie", &cookies).with("cookie", "c=3");
    own.with("authorization", "Basic YTpi").send().await;
    world.get("/").bearer(&token).send().await;
    world.get("/").cookie(&token).bearer("anything").send().await;
    let seen = agent.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[0].headers["cookie"], "a=1; b=two=2; c=3");
    assert_eq!(seen[0].headers["authorization"], "Basic YTpi");
    for seen in seen {
        assert!(!format!("{:?}", seen.headers).contains(&token), "{seen:?}");
        assert!(!format!("{:?}", seen.headers).contains("anything"), "{seen:?}");
    }
}

#[tokio::test]
async fn an_agent_says_nothing_about_the_whole_door() {
    let world = World::new().await;
    let (_agent, token) = world.up("ann").await;
    let answer = world.get("/claims").cookie(&token).send().await;
    assert_eq!(answer.text, "claims");
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["own=fine; Path=/"]);
    for gone in [
        "alt-svc",
        "clear-site-data",
        "service-worker-allowed",
        "strict-transport-security",
        "x-teamclaw-0011",
        "x-hop",
        "connection",
    ] {
        assert!(!answer.headers.contains_key(gone), "{gone}");
    }
    assert_eq!(answer.header("x-fine"), "1");
}
