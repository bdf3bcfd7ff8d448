//! OpenClaw's answers as they were seen (FACTS.md), and those of agents that are not one.

use super::*;
use crate::ask::tests::{agent, http, reach};
use crate::settings::tests::PASS;

fn ok(payload: &str) -> String {
    http("200 OK", "", &format!(r#"{{"id":"1","ok":true,"payload":{payload}}}"#))
}

fn error(status: &str, message: &str) -> String {
    http(status, "", &format!(r#"{{"ok":false,"error":{{"message":"{message}"}}}}"#))
}

/// A healthy OpenClaw, busy while "b" asks, with a few jobs.
fn openclaw(request: &str) -> String {
    let inside = request.contains(&format!("{PASS}: {ENGINE_USER}"));
    if request.starts_with("GET /readyz") {
        http("200 OK", "", r#"{"ready":true,"failing":[]}"#)
    } else if !inside || !request.contains("x-forwarded-for") {
        http("401 Unauthorized", "", r#"{"error":{"message":"Unauthorized"}}"#)
    } else if request.contains("suspend.prepare") && request.contains(r#""requestId":"b""#) {
        ok(
            r#"{"status":"busy","activeCount":5,"blockers":[{"kind":"embedded-run","message":"1 active embedded run(s)"},{"kind":"queue","message":"2 queued"}]}"#,
        )
    } else if request.contains("suspend.prepare") && request.contains(r#""requestId":"c""#) {
        error("503 Service Unavailable", "another gateway suspension is already prepared")
    } else if request.contains("suspend.prepare") {
        ok(r#"{"status":"ready","suspensionId":"s-1","expiresAtMs":1795368441063,"blockers":[]}"#)
    } else if request.contains("suspend.resume") && request.contains("s-1") {
        ok(r#"{"ok":true,"status":"running","resumed":true}"#)
    } else if request.contains("cron.list") && request.contains(r#""offset":0"#) {
        ok(
            r#"{"jobs":[{"enabled":true,"nextRunAtMs":1795371921189},{"enabled":true,"declarationKey":"heartbeat:main","nextRunAtMs":1},{"enabled":false,"nextRunAtMs":2},{"enabled":true}],"nextOffset":20}"#,
        )
    } else if request.contains("cron.list") {
        ok(
            r#"{"jobs":[{"enabled":true,"declarationKey":"memory-core:x","nextRunAtMs":1795371921000}],"nextOffset":20}"#,
        )
    } else {
        ok(r#"{"ok":true}"#)
    }
}

#[tokio::test]
async fn a_healthy_one() {
    let it = reach(agent(openclaw).await);
    assert_eq!(OpenClaw.probe(&it).await.unwrap(), Probe::Ready);
    assert_eq!(OpenClaw.quiesce(&it, "a").await.unwrap(), Quiesce::Ready);
    let busy = Quiesce::Busy("1 active embedded run(s), 2 queued".to_owned());
    assert_eq!(OpenClaw.quiesce(&it, "b").await.unwrap(), busy);
    let held = Quiesce::Busy("another gateway suspension is already prepared".to_owned());
    assert_eq!(OpenClaw.quiesce(&it, "c").await.unwrap(), held);
    OpenClaw.resume(&it, "a").await.unwrap();
    OpenClaw.resume(&it, "b").await.unwrap();
    let times: Vec<String> =
        OpenClaw.wake_times(&it).await.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(times, ["2026-11-22T18:25:21Z", "2026-11-22T18:25:21.189Z"]);
}

#[tokio::test]
async fn strangers_and_sleepers() {
    let starting: fn(&str) -> String = |_| {
        http("503 Service Unavailable", "", r#"{"ready":false,"failing":["gateway-draining"]}"#)
    };
    let open: fn(&str) -> String = |request| {
        if request.starts_with("GET") { openclaw(request) } else { ok("{}") }
    };
    let other_pass: fn(&str) -> String = |request| openclaw(&request.replace(PASS, "x-other"));
    let web_server: fn(&str) -> String = |_| http("200 OK", "", "<html>");
    let table = [
        (starting, Probe::NotYet(r#"it says 503: ["gateway-draining"]"#.to_owned())),
        (open, Probe::Stranger("it lets anybody in".to_owned())),
        (other_pass, Probe::Stranger("it does not know its pass (401 Unauthorized)".to_owned())),
        (web_server, Probe::NotYet("it says 200: null".to_owned())),
    ];
    for (reply, want) in table {
        assert_eq!(OpenClaw.probe(&reach(agent(reply).await)).await.unwrap(), want);
    }
}

#[tokio::test]
async fn one_that_has_no_such_question() {
    let it = reach(agent(|_| http("404 Not Found", "", "")).await);
    assert_eq!(OpenClaw.quiesce(&it, "a").await.unwrap(), Quiesce::Unsupported);
    assert!(OpenClaw.wake_times(&it).await.is_err());
    OpenClaw.resume(&it, "a").await.unwrap();
}
