//! OpenClaw itself cannot start: the same words and the same way back as for any agent.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::json;

use crate::engine::Engine;
use crate::openclaw::READY_WITHIN;
use crate::person::Person;
use crate::runtime::runtime;

/// A refusal takes no longer than this; nothing of OpenClaw has run then.
const REFUSED_WITHIN: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_then_an_agent_too_slow_then_ready_with_one_agent_and_nothing_left_over() {
    let runtime = format!("--runtime={}", runtime().display());
    let (taken, port) = (24_200..24_300)
        .find_map(|port| Some((TcpListener::bind(("127.0.0.1", port)).ok()?, port)))
        .expect("a free port");
    let ports = format!("--agent-ports={port}-{port}");
    let mut engine = Engine::start("slow", &[&runtime, &ports, "--ready-within=1s"]).await;

    let ann = Person::log_in(&engine, "ann").await;
    engine.wait_for("ann", "failed", REFUSED_WITHIN).await;
    let trouble = engine.view("ann")["trouble"].clone();
    assert_eq!(trouble[0], "run_task", "{trouble}");
    let words = trouble[1]["words"].as_str().expect("words");
    assert!(words.contains(&port.to_string()), "{words}");
    assert!(ann.status().await.to_string().contains(&port.to_string()));

    drop(taken);
    assert!(!engine.run(&["replay", "ann"]).status.success(), "a second is too little for it");
    let trouble = engine.view("ann")["trouble"].clone();
    assert_eq!(trouble[0], "await_address", "{trouble}");
    assert!(trouble[1]["words"].as_str().expect("words").contains("within 1s"), "{trouble}");
    assert_eq!(engine.agent_processes(), Vec::<u32>::new(), "nothing of it is left");

    engine.replace_argument("--ready-within=1s", "--ready-within=170s");
    engine.kill_and_start_again().await;
    let replayed = engine.run(&["replay", "ann"]);
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stdout));
    engine.wait_for("ann", "ready", READY_WITHIN).await;
    let mut ann = ann;
    ann.url.clone_from(&engine.url);
    let ask = json!({"model": "openclaw", "messages": [{"role": "user", "content": "at last"}]});
    let answer = ann.post("/v1/chat/completions", &[], ask).await;
    assert!(answer.to_string().contains("at last"), "{answer}");
    let names = engine.event_names("ann");
    let count = |name: &str| names.iter().filter(|seen| *seen == name).count();
    assert_eq!(count("workspace.start_requested"), 1, "{names:?}");
    assert_eq!(count("workspace.replay_requested"), 2, "{names:?}");
}
