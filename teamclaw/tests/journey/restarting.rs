//! The engine goes away and comes back: agents live on, are found again, and nobody notices more
//! than a pause.

use std::time::Duration;

use serde_json::json;

use crate::engine::{Engine, scratch, small_agent};
use crate::person::Person;

const WITHIN: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_engine_finds_its_agents_again_and_stops_them_with_everything_they_started() {
    let data = scratch("restart");
    let agent = small_agent(&data);
    let command = format!("--agent=exec {agent} demo-agent");
    let files = format!("--agent-files={agent}");
    let mut engine = Engine::start_on(data, &[&command, &files]).await;
    let ann = Person::log_in(&engine, "ann").await;
    engine.wait_for("ann", "ready", WITHIN).await;
    let before = engine.agent_processes();
    assert!(!before.is_empty());

    engine.kill_and_start_again().await;
    assert_eq!(engine.agent_processes(), before, "the same processes, and no others");
    assert_eq!(engine.status("ann"), "ready");
    let mut ann = ann;
    ann.url.clone_from(&engine.url);
    let answer = ann.post("/chat", &[], json!({"message": "still there?"})).await;
    assert!(answer["reply"].as_str().expect("a reply").contains("still there?"));

    assert!(engine.run(&["stop", "ann"]).status.success());
    assert_eq!(engine.status("ann"), "asleep");
    assert_eq!(engine.agent_processes(), Vec::<u32>::new());
}
