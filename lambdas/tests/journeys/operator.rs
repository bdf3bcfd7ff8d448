//! What an operator does with somebody's trouble: finds it by where it happened and whose it is, has it
//! tried again, and sends on what was set aside.

use events::{Class, Event, WorkspaceId};
use fake_aws::Trouble;
use serde_json::{Value, json};

use super::Cloud;

/// Who has read the feed to its end is told what no sequencer has heard of.
pub(crate) fn reads_what_nobody_has_ordered(cloud: &Cloud) {
    let ordered = cloud.operator("GET", "/feed?limit=100", &Value::Null);
    let rest = format!("/feed?limit=100&after={}", ordered["next"]);
    let rest = cloud.operator("GET", &rest, &Value::Null);
    let mut events = rest["events"].as_array().expect("events").iter();
    let ready = |told: &Value| told["event"]["type"] == "teamclaw.workspace.ready.v1";
    assert!(events.any(ready), "{ordered}, then {rest}");
}

/// There is no room for cal's task, and then ECS says what nobody understands: the first is replayed, the
/// second waits for a human to decide.
pub(crate) async fn mends_a_start(cloud: &Cloud, cal: &WorkspaceId) {
    cloud.fake.trouble("ecs.RunTask", Trouble::Failure("RESOURCE:CPU"));
    let (status, code, words) = (400, "InvalidParameterException", "No subnets");
    cloud.fake.trouble("ecs.RunTask", Trouble::Says { status, code, words });
    cloud.operator("POST", "/workspaces/cal/login", &json!({ "team": "red" }));
    cloud.operator("POST", "/workspaces/cal/start", &Value::Null);
    cloud.recorded(cal, |event| matches!(event, Event::Failed { .. })).await;

    let found = |query: &str| {
        let told = cloud.operator("GET", &format!("/workspaces?{query}"), &Value::Null);
        let rows = told["rows"].as_array().expect("rows").iter();
        rows.map(|row| row["workspace"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    let soon = "2999-01-01T00:00:00Z";
    for query in [
        "step=run_task".to_owned(),
        "team=red".to_owned(),
        "status=failed".to_owned(),
        "step=run_task&since=2026-01-01T00:00:00Z".to_owned(),
    ] {
        assert_eq!(found(&query), ["cal"], "{query}");
    }
    assert!(found(&format!("unused_since={soon}")).contains(&"ann".to_owned()));
    let dry = cloud.operator("POST", "/replay", &json!({ "step": "run_task", "dryRun": true }));
    assert_eq!((&dry["rows"][0]["workspace"], &dry["replayed"]), (&json!("cal"), &json!(0)));
    let replayed = cloud.operator("POST", "/replay", &json!({ "team": "red" }));
    assert_eq!(replayed["replayed"], 1, "{replayed}");
    cloud.recorded(cal, |event| matches!(event, Event::Parked { .. })).await;
    assert_eq!(found("status=parked"), ["cal"]);
    let retry = |body: &Value| cloud.operator("POST", "/parked/retry", body);
    let would = retry(&json!({ "all": true, "dryRun": true }));
    assert_eq!((&would["rows"][0]["workspace"], &would["left"]), (&json!("cal"), &json!(1)));
    assert_eq!(retry(&json!({ "user": "cal" }))["left"], 1);
    cloud.recorded(cal, |event| matches!(event, Event::Ready { .. })).await;

    let history = cloud.operator("GET", "/workspaces/cal/events?limit=5", &Value::Null);
    assert_eq!(history["events"].as_array().map(Vec::len), Some(5), "{history}");
    let feed = cloud.operator("GET", "/feed?limit=10", &Value::Null);
    assert_eq!(feed["events"].as_array().map(Vec::len), Some(10), "{feed}");
    cloud.operator("POST", "/workspaces/cal/snooze", &json!({ "time": "PT1H" }));
    let status = cloud.operator("GET", "/status", &Value::Null);
    assert_eq!(status["counts"]["failed"], 0, "{status}");
}

/// Messages that were set aside are sent again.
pub(crate) async fn empties_what_was_set_aside(cloud: &Cloud, cal: &WorkspaceId) {
    let queue = aws_sdk_sqs::Client::new(&cloud.config);
    for class in Class::ALL {
        let name = cloud.environment.dead_letters(class);
        let url = queue.get_queue_url().queue_name(name).send().await.expect("a queue").queue_url;
        let letter = json!({ "workspace": cal }).to_string();
        let send = queue.send_message().queue_url(url.expect("its URL")).message_body(letter);
        send.send().await.expect("sent");
    }
    let letters = cloud.operator("POST", "/dead-letters/redrive", &json!({ "dryRun": true }));
    assert!(letters["letters"].as_array().expect("letters").len() >= 4, "{letters}");
    cloud.operator("POST", "/dead-letters/redrive", &json!({}));
    cloud.operator("POST", "/workspaces/cal/stop", &Value::Null);
    cloud.recorded(cal, |event| matches!(event, Event::Stopped { .. })).await;
}
