//! One data directory, one engine: whoever comes second says so and ends, and the first goes on.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::engine::{Engine, PROGRAM};
use crate::kills::engine;
use crate::life::Agent;
use crate::person::Person;
use crate::watch::Watch;

/// An engine is up, or has said why not, long before.
const WITHIN: Duration = Duration::from_secs(60);
/// How often two engines are let go at the same moment.
const RACES: usize = 10;

/// Another engine on the same directory, for as long as it lives.
fn second(first: &Engine) -> Output {
    Command::new(PROGRAM).args(first.arguments()).stdin(Stdio::null()).output().expect("run")
}

fn refused(output: &Output, holder: u32) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{error}");
    assert!(error.contains("in use by another teamclaw"), "{error}");
    // Whoever comes at the very moment of a start comes before the first has signed.
    let holders = [format!("process {holder}"), "a process that is just starting".to_owned()];
    assert!(holders.iter().any(|holder| error.contains(holder)), "it names the process: {error}");
    assert!(error.contains("stop the other one, or choose another"), "what to do: {error}");
}

async fn answers(engine: &Engine, person: &mut Person) {
    person.url.clone_from(&engine.operator().expect("it is up").0);
    let answer = person.post("/chat", &[], json!({"message": "are you there?"})).await;
    assert!(answer["reply"].as_str().expect("a reply").contains("are you there?"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "what was tried and what came of it, for who runs it")]
async fn the_second_engine_on_a_directory_says_so_and_ends_and_the_first_goes_on() {
    let mut engine = engine("owners", &[]).await;
    let watch = Watch::over(&engine.data, Agent::Small);
    let mut ann = Person::log_in(&engine, "ann").await;
    engine.wait_for("ann", "ready", WITHIN).await;
    refused(&second(&engine), engine.pid());
    answers(&engine, &mut ann).await;
    let agents = engine.processes_of("ann");

    // The first was killed and its agents live: the directory is free, and they are taken over.
    engine.kill_and_start_again().await;
    refused(&second(&engine), engine.pid());
    answers(&engine, &mut ann).await;
    assert_eq!(engine.processes_of("ann"), agents, "the same processes, and no others");

    for _ in 0..RACES {
        one_of_two(&mut engine).await;
        answers(&engine, &mut ann).await;
        assert_eq!(engine.processes_of("ann"), agents, "the same processes, and no others");
    }
    assert!(engine.run(&["stop", "ann"]).status.success());
    let seen = watch.end();
    assert_eq!(seen.doubled, Vec::<String>::new());
    println!("2 second engines refused, {RACES} races with one winner each, 0 doubled");
}

/// Kills the engine and lets two go at once: one is up in the end, the other has said why not.
async fn one_of_two(engine: &mut Engine) {
    engine.kill_and_begin_again();
    let mut other = Command::new(PROGRAM)
        .args(engine.arguments())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let until = Instant::now() + WITHIN;
    loop {
        let (first, second) = (engine.ended(), other.try_wait().expect("looked at"));
        assert!(first.is_none() || second.is_none(), "both have ended");
        if let Some(status) = first {
            assert!(!status.success(), "it was refused");
            engine.replace_by(other);
            engine.until_up().await;
            return;
        }
        if second.is_some() {
            engine.until_up().await;
            refused(&other.wait_with_output().expect("read"), engine.pid());
            return;
        }
        assert!(Instant::now() < until, "neither has ended");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
