//! Measures the functions' program as Lambda would run it: how long each function takes until it asks
//! for its first event, and what a whole step costs us over DynamoDB, SQS, ECS, EFS and IAM.
//!
//! `measure all [PROGRAM]` brings an AWS along, a local one and the fake, and holds what it measures
//! against the goals; the program is dist/lambdas/compute/bootstrap, which `scripts/lambdas` builds.
//! `measure PROGRAM NAME EVENT.json [TIMES]` gives one function one event so often; `TEAMCLAW_*` and
//! `AWS_*` are passed on as they are.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]
#![expect(clippy::disallowed_methods, reason = "it measures, from the outside")]

mod agents;
mod runtime;
mod starts;
mod steps;
mod waits;
mod world;

#[path = "../../../aws/tests/rig/mod.rs"]
mod rig;
#[path = "../../tests/local/stacks.rs"]
mod stacks;
#[path = "../../tests/local/units.rs"]
mod units;

use std::process::ExitCode;
use std::time::Duration;

use runtime::Run;

/// How many processes are started to measure the start.
const STARTS: usize = 10;
/// How many events a function is given when nobody says otherwise.
const TIMES: usize = 200;
/// Where `scripts/lambdas` puts the program; it is the same for every function.
const BUILT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../dist/lambdas/compute/bootstrap");

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["all"] => all(BUILT),
        ["all", program] => all(program),
        [program, name, event] => one(program, name, event, TIMES),
        [program, name, event, times] => {
            one(program, name, event, times.parse().expect("a number"));
        }
        _ => {
            eprintln!("measure all [PROGRAM]\nmeasure PROGRAM NAME EVENT.json [TIMES]");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn all(program: &str) {
    assert!(std::path::Path::new(program).exists(), "no {program}; scripts/lambdas builds it");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let world = world::World::start(program).await;
        starts::print(&starts::measure(&world, STARTS));
        steps::print(&steps::measure(&world).await);
    });
}

fn one(program: &str, name: &str, event: &str, times: usize) {
    let event = std::fs::read_to_string(event).expect("the event");
    let starts = starts::of(STARTS, || Run::start(program, name, &[]).1);
    println!("start to first question: median {:?}, slowest {:?}", starts.median, starts.slowest);
    let (mut run, _) = Run::start(program, name, &[]);
    let warm = average(&mut run, &event, 10);
    println!("first ten events: {warm:?} of waiting each");
    let before = run.processor();
    let waited = average(&mut run, &event, times);
    let spent = (run.processor() - before) / u32::try_from(times).expect("small");
    println!("{times} events: {waited:?} of waiting each, {spent:?} of processor each");
}

/// How long an answer takes on average.
fn average(run: &mut Run, event: &str, times: usize) -> Duration {
    let waited: Duration = (0..times).map(|_| run.event(event).waited).sum();
    waited / u32::try_from(times).expect("small")
}
