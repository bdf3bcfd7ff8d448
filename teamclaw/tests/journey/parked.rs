//! Something is in the way, the workspace is parked, and an operator sees why and lets it go on.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::engine::{Engine, scratch, small_agent};
use crate::person::Person;

/// Eight failed tries with growing pauses take half of this.
const WITHIN: Duration = Duration::from_secs(60);

/// What a command said, and how it ended.
fn said(engine: &Engine, arguments: &[&str]) -> (Option<i32>, String) {
    let output = engine.run(arguments);
    let text =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    (output.status.code(), text.concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_parked_says_why_and_goes_on_when_that_is_mended() {
    let data = scratch("parked");
    let agent = small_agent(&data);
    let command = format!("--agent=exec {agent} demo-agent");
    let files = format!("--agent-files={agent}");
    let engine = Engine::start_on(data, &[&command, &files]).await;
    Person::log_in(&engine, "ann").await;
    engine.wait_for("ann", "ready", WITHIN).await;
    let (code, text) = said(&engine, &["parked", "abort", "ann"]);
    assert_eq!(code, Some(5), "{text}");
    assert!(text.contains("is ready") && text.contains("teamclaw status ann"), "{text}");
    assert_eq!(engine.status("ann"), "ready", "what is not parked goes on");

    // A file where homes wait to be emptied: no home can be removed.
    let way = engine.data.join("homes/.gone");
    fs::write(&way, "in the way").expect("written");
    let (code, text) = said(&engine, &["delete", "ann", "--yes"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("workspace is parked at remove_home"), "{text}");
    let list = engine.json(&["parked", "--format", "json"]);
    let row = &list["workspaces"][0];
    assert_eq!((&row["step"], &row["undoing"]), (&json!("prepare_home"), &json!(true)));
    assert_eq!(row["waysOut"], json!(["retry"]));
    let (_, text) = said(&engine, &["parked"]);
    assert!(text.contains("(unavailable)") && text.contains("parked retry ann"), "{text}");

    let (code, text) = said(&engine, &["parked", "skip", "ann"]);
    assert!(code == Some(5) && text.contains("only when nothing is left"), "{text}");
    let many = ["--all", "--reason", "unavailable", "--since", "1h", "--dry-run"];
    let (code, text) = said(&engine, &[&["parked", "retry"], &many[..]].concat());
    assert!(code == Some(0) && text.contains("1 would be tried again"), "{text}");
    let none = engine.json(&["parked", "retry", "--all", "--team", "red", "--format", "json"]);
    assert_eq!((&none["rows"], &none["left"]), (&json!([]), &json!(0)));
    assert_eq!(engine.status("ann"), "parked", "a dry run changes nothing");
    let redriven = engine.json(&["parked", "redrive", "--format", "json"]);
    assert_eq!(redriven["sent"], json!(0));

    fs::remove_file(&way).expect("mended");
    let (code, text) = said(&engine, &["parked", "retry", "ann"]);
    assert!(code == Some(0) && text.contains("1 tried again"), "{text}");
    engine.wait_for("ann", "asleep", WITHIN).await;
    assert!(!engine.data.join("homes/ann").exists());
    let list: Value = engine.json(&["parked", "--format", "json"]);
    assert_eq!(list["workspaces"], json!([]));
}
