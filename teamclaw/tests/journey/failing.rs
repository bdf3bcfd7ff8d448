//! A start that does not work: the person sees why in plain words, the cause is mended, a replay
//! goes on from the failed step, and there is never a second agent or anything left over.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::engine::{Engine, scratch, small_agent};
use crate::person::Person;

const WITHIN: Duration = Duration::from_secs(60);

/// The reason that the operator sees, and that the person sees, which are the same.
async fn reason(engine: &Engine, person: &Person) -> (String, String) {
    let view = engine.view("ann");
    let (step, words) = (&view["trouble"][0], &view["trouble"][1]["words"]);
    let seen = person.status().await.to_string();
    let words = words.as_str().expect("words").to_owned();
    let shown = serde_json::to_string(&words).expect("JSON");
    assert!(seen.contains(shown.trim_matches('"')), "the person sees {seen}, not {words}");
    (step.as_str().expect("a step").to_owned(), words)
}

/// Nothing runs, nothing is routed, and the home is still there.
fn nothing_left(engine: &Engine) {
    assert_eq!(engine.agent_processes(), Vec::<u32>::new());
    assert_eq!(engine.view("ann")["address"], Value::Null);
    assert!(engine.data.join("homes/ann").is_dir());
}

async fn mended(engine: &Engine, person: &Person) {
    let replayed = engine.run(&["replay", "ann"]);
    let text = String::from_utf8_lossy(&replayed.stdout);
    assert!(replayed.status.success(), "{text}{}", String::from_utf8_lossy(&replayed.stderr));
    assert_eq!(engine.status("ann"), "ready");
    let answer = person.post("/chat", &[], serde_json::json!({"message": "are you there?"})).await;
    assert!(answer["reply"].as_str().expect("a reply").contains("are you there?"));
    let starts = engine.event_names("ann");
    assert_eq!(starts.iter().filter(|name| *name == "workspace.start_requested").count(), 1);
    assert_eq!(starts.iter().filter(|name| *name == "workspace.replay_requested").count(), 1);
}

/// A script that every user of the machine can run.
fn script(path: &PathBuf, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("made runnable");
}

/// An engine whose agent is a script in a directory that agents may run from.
async fn engine_with(name: &str, text: Option<&str>, more: &[&str]) -> (Engine, PathBuf, String) {
    let data = scratch(name);
    let agent = small_agent(&data);
    let place = PathBuf::from(format!("{agent}-place"));
    fs::create_dir_all(&place).expect("made");
    let path = place.join("agent");
    if let Some(text) = text {
        script(&path, text);
    }
    let command = format!("--agent={}", path.display());
    let readable = format!("--agent-files={}", place.display());
    let program = format!("--agent-files={agent}");
    let mut arguments = vec![command.as_str(), &readable, &program];
    arguments.extend(more);
    (Engine::start_on(data, &arguments).await, path, agent)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_program_is_named_and_a_replay_finds_it() {
    let (engine, path, agent) = engine_with("missing", None, &[]).await;
    let ann = Person::log_in(&engine, "ann").await;
    engine.wait_for("ann", "failed", WITHIN).await;
    let (step, words) = reason(&engine, &ann).await;
    assert_eq!(step, "await_address");
    assert!(words.contains("not found") || words.contains("missing"), "{words}");
    nothing_left(&engine);
    script(&path, &format!("exec {agent} demo-agent"));
    mended(&engine, &ann).await;
    drop(fs::remove_dir_all(path.parent().expect("a place")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_exits_at_once_is_quoted_and_a_replay_tries_again() {
    let broken = "echo 'cannot find my brain' >&2; exit 3";
    let (engine, path, agent) = engine_with("exits", Some(broken), &[]).await;
    let ann = Person::log_in(&engine, "ann").await;
    engine.wait_for("ann", "failed", WITHIN).await;
    let (step, words) = reason(&engine, &ann).await;
    assert_eq!(step, "await_address");
    assert!(words.contains("cannot find my brain") && words.contains('3'), "{words}");
    nothing_left(&engine);
    script(&path, &format!("exec {agent} demo-agent"));
    mended(&engine, &ann).await;
    drop(fs::remove_dir_all(path.parent().expect("a place")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_never_gets_ready_is_given_up_in_time_and_a_replay_tries_again() {
    let silent = "exec sleep 600";
    let (engine, path, agent) = engine_with("silent", Some(silent), &["--ready-within=3s"]).await;
    let ann = Person::log_in(&engine, "ann").await;
    engine.wait_for("ann", "failed", WITHIN).await;
    let (step, words) = reason(&engine, &ann).await;
    assert_eq!(step, "await_address");
    assert!(words.contains("did not listen within 3s"), "{words}");
    nothing_left(&engine);
    script(&path, &format!("exec {agent} demo-agent"));
    mended(&engine, &ann).await;
    drop(fs::remove_dir_all(path.parent().expect("a place")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_named_and_a_replay_takes_it_once_it_is_free() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port to take away");
    // Below the ports of outgoing connections, as the engine wants it.
    drop(taken);
    let (taken, port) = (24_100..24_200)
        .find_map(|port| Some((TcpListener::bind(("127.0.0.1", port)).ok()?, port)))
        .expect("a free port");
    let (engine, path, agent) =
        engine_with("port", None, &[&format!("--agent-ports={port}-{port}")]).await;
    script(&path, &format!("exec {agent} demo-agent"));
    let ann = Person::log_in(&engine, "ann").await;
    engine.wait_for("ann", "failed", WITHIN).await;
    let (step, words) = reason(&engine, &ann).await;
    assert_eq!(step, "run_task");
    assert!(words.contains(&port.to_string()), "{words}");
    nothing_left(&engine);
    drop(taken);
    mended(&engine, &ann).await;
    drop(fs::remove_dir_all(path.parent().expect("a place")));
}
