//! A person is deleted: their agent, their home and their session are gone, what they used is still
//! reported, and who comes back begins anew.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::engine::{Engine, scratch, small_agent};
use crate::person::Person;

const WITHIN: Duration = Duration::from_secs(60);

/// How many requests of ann's the ledger knows.
fn requests(engine: &Engine) -> u64 {
    let report = engine.json(&["usage", "--format", "json"]);
    let rows = report["rows"].as_array().expect("rows");
    let anns = rows.iter().find(|row| row["name"] == "ann");
    anns.and_then(|row| row["requests"].as_u64()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_deleted_leaves_only_the_ledger_and_begins_anew() {
    let data = scratch("delete");
    let agent = small_agent(&data);
    let command = format!("--agent=exec {agent} demo-agent");
    let files = format!("--agent-files={agent}");
    let engine = Engine::start_on(data, &[&command, &files]).await;
    let ann = Person::log_in(&engine, "ann").await;
    engine.wait_for("ann", "ready", WITHIN).await;
    let answer = ann.post("/chat", &[], json!({"message": "remember me"})).await;
    assert!(answer["reply"].as_str().expect("a reply").contains("remember me"));
    let home = engine.data.join("homes/ann");
    let mark = home.join("mark");
    fs::write(&mark, "from before").expect("written");

    let refused = engine.run(&["delete", "ann"]);
    assert_eq!(refused.status.code(), Some(2), "nobody is there to confirm it");
    let plan = engine.json(&["delete", "ann", "--dry-run", "--format", "json"]);
    assert_eq!(plan["home"].as_str().map(PathBuf::from), Some(home.clone()));
    assert_eq!((&plan["sessions"], &plan["lease"]), (&json!(1), &json!(true)));
    assert_eq!(engine.status("ann"), "ready", "a dry run changes nothing");

    let deleted = engine.run(&["delete", "ann", "--yes"]);
    let text = String::from_utf8_lossy(&deleted.stdout);
    assert!(deleted.status.success(), "{text}{}", String::from_utf8_lossy(&deleted.stderr));
    assert!(text.contains("remove_home") && text.contains("deleted after"), "{text}");
    assert!(!home.exists() && !engine.data.join("logs/ann").exists());
    assert_eq!(engine.agent_processes(), Vec::<u32>::new());
    assert_eq!(engine.status("ann"), "asleep");
    let (status, _) = ann.send(Method::GET, "/teamclaw/status", &[], None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "her session is no longer good");
    let until = tokio::time::Instant::now() + WITHIN;
    while requests(&engine) == 0 {
        assert!(tokio::time::Instant::now() < until, "what she used is still reported");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let again = engine.json(&["delete", "ann", "--yes", "--format", "json"]);
    assert_eq!(again["already"], Value::Bool(true));

    Person::log_in(&engine, "ann").await;
    engine.wait_for("ann", "ready", WITHIN).await;
    assert!(home.is_dir() && !mark.exists(), "an empty home of her own");
}
