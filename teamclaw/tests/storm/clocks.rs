//! The machine's clock is set while the engine runs and between two runs. The engine alone is told
//! the wrong time, by libfaketime; its agents and everybody else have the right one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::{Method, StatusCode};
use serde_json::json;

use crate::engine::{Engine, Setup, scratch, small_agent};
use crate::life::operate;
use crate::person::Person;

/// Where Debian's and Fedora's packages put the library.
const LIBRARIES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];
/// A start, a stop or a notice is over long before.
const WITHIN: Duration = Duration::from_secs(90);

/// The file in which the engine's clock is told how wrong to be.
struct WrongClock(PathBuf);

impl WrongClock {
    /// Sets it by so many seconds; `+3600` is an hour fast.
    fn set(&self, by: &str) {
        let fresh = self.0.with_extension("fresh");
        fs::write(&fresh, format!("{by}\n")).expect("written");
        fs::rename(fresh, &self.0).expect("in one move");
    }

    /// What makes an engine use it.
    fn environment(&self) -> Vec<(String, String)> {
        let library = LIBRARIES.into_iter().find(|path| Path::new(path).exists());
        let library =
            library.expect("libfaketime is not there; on Debian: apt-get install faketime");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![
            pair("LD_PRELOAD", library),
            pair("FAKETIME_TIMESTAMP_FILE", &self.0.display().to_string()),
            pair("FAKETIME_NO_CACHE", "1"),
            // Only the clock that people can set.
            pair("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            pair("DONT_FAKE_MONOTONIC", "1"),
            pair("NO_FAKE_STAT", "1"),
        ]
    }
}

impl Drop for WrongClock {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

/// An engine whose clock is wrong by so much.
async fn engine(name: &str, by: &str, more: &[&str]) -> (Engine, WrongClock) {
    let data = scratch(name);
    let clock = WrongClock(data.with_extension("clock"));
    clock.set(by);
    let agent = small_agent(&data);
    let command = format!("--agent=exec {agent} demo-agent");
    let files = format!("--agent-files={agent}");
    let mut arguments = vec![command.as_str(), files.as_str()];
    arguments.extend(more);
    let setup = Setup { environment: clock.environment(), ..Setup::default() };
    (Engine::start_with(data, setup, &arguments).await, clock)
}

/// How far the engine's clock is ahead of ours, in seconds.
async fn ahead(engine: &Engine) -> i64 {
    // An invitation is good for a quarter of an hour from now on, by the engine's clock.
    let path = "/workspaces/zoe/login";
    let answer = operate(&engine.data, Method::POST, path, Some(json!({}))).await;
    let (status, answer) = answer.expect("an answer");
    assert_eq!(status, StatusCode::OK, "{answer}");
    let until: jiff::Timestamp = answer["until"].as_str().expect("a time").parse().expect("one");
    until.duration_since(now()).as_secs() - 15 * 60
}

#[expect(clippy::disallowed_methods, reason = "a test is a root: this is the right time")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

fn told(engine: &Engine, user: &str) -> usize {
    let names = engine.event_names(user);
    names.iter().filter(|name| *name == "workspace.notice_given").count()
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "what was tried and what came of it, for who runs it")]
async fn a_clock_that_jumps_an_hour_forward_and_back_makes_nobody_idle_and_nothing_old() {
    let times = ["--idle=10m", "--idle-min=5s", "--notice=2s"];
    let (engine, clock) = engine("jump", "+0", &times).await;
    for name in ["ann", "bob", "cem"] {
        drop(Person::log_in(&engine, name).await);
        engine.wait_for(name, "ready", WITHIN).await;
    }
    let ann = Person::log_in(&engine, "ann").await;
    let link = engine.json(&["login", "bob", "--no-wait", "--format", "json"]);
    // Long enough that the idle check comes by, too, which does so every half minute.
    assert!(engine.run(&["set", "cem", "--idle", "35s"]).status.success());

    clock.set("+3600");
    engine.wait_for("cem", "asleep", WITHIN).await;
    for name in ["ann", "bob"] {
        assert_eq!((engine.status(name).as_str(), told(&engine, name)), ("ready", 0), "{name}");
    }
    ann.status().await;
    let once = link["link"].as_str().and_then(|link| link.split_once("?once=")).expect("a link").1;
    let stranger = Person::at(&engine.url, "");
    let body = Some(json!({"once": once}));
    let (status, text) = stranger.send(Method::POST, "/teamclaw/login", &[], body).await;
    assert_eq!(status, StatusCode::OK, "a link of 15 minutes, a minute later: {text}");
    let forward = ahead(&engine).await;
    assert!((-5..60).contains(&forward), "the engine went along: {forward} s");

    // And back: time goes on, so that whoever is left alone is still noticed.
    clock.set("-3600");
    drop(Person::log_in(&engine, "cem").await);
    engine.wait_for("cem", "ready", WITHIN).await;
    engine.wait_for("cem", "asleep", WITHIN).await;
    for name in ["ann", "bob"] {
        assert_eq!((engine.status(name).as_str(), told(&engine, name)), ("ready", 0), "{name}");
    }
    ann.status().await;
    let back = ahead(&engine).await;
    assert!((-60..60).contains(&back), "the engine went along: {back} s");
    println!("a jump of an hour forward, two back: 0 stopped early, 0 late, 0 expired early");
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "what was tried and what came of it, for who runs it")]
async fn a_clock_that_was_set_back_between_two_runs_makes_no_new_fact_older_than_an_old_one() {
    let (mut engine, clock) =
        engine("back", "+3600", &["--idle=10m", "--idle-min=5s", "--notice=2s"]).await;
    assert!(engine.run(&["login", "ann", "--team", "red"]).status.success());
    assert_eq!(engine.view("ann")["team"], "red");
    assert!((3_590..3_660).contains(&ahead(&engine).await), "the library works");

    clock.set("+0");
    engine.kill_and_start_again().await;
    assert!(engine.run(&["login", "ann", "--team", "blue"]).status.success());
    assert_eq!(engine.view("ann")["team"], "blue", "the later fact counts");
    let ann = Person::log_in(&engine, "ann").await;
    ann.post("/chat", &[], json!({"message": "hello"})).await;
    assert!(engine.run(&["set", "ann", "--idle", "5s"]).status.success());
    engine.wait_for("ann", "asleep", WITHIN * 3).await;
    let ann = Person::log_in(&engine, "ann").await;
    engine.wait_for("ann", "ready", WITHIN).await;
    ann.post("/chat", &[], json!({"message": "again"})).await;
    println!("set back an hour between two runs: later facts count, idle time passes");
}
