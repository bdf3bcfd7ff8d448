//! The engine is killed while the real OpenClaw starts, works and stops.

use std::time::Duration;

use crate::chance::Chance;
use crate::engine::Engine;
use crate::life::Agent;
use crate::runtime::runtime;
use crate::weather::Storm;

/// How often the engine is killed. OpenClaw takes a quarter of a minute to start, and outlives most
/// of them.
const KILLS: usize = 20;
/// The longest life of an engine from its start on: long enough for an answer of OpenClaw.
const LIFE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "what was tried and what came of it, for who runs it")]
async fn killed_twenty_times_openclaw_is_never_doubled_and_answers_afterwards() {
    let chance = Chance::draw("openclaw");
    let runtime = format!("--runtime={}", runtime().display());
    let engine = Engine::start("storm-openclaw", &[&runtime]).await;
    let mut storm = Storm::begin(engine, Agent::OpenClaw, &["ann", "bob"], chance);
    let mut agents = 0;
    for kill in 0..KILLS {
        let life = storm.chance.within(LIFE);
        tokio::time::sleep(life).await;
        // Once in the middle one of its processes goes, too.
        agents += usize::from(kill == KILLS / 2 && storm.kill_an_agent());
        assert!(storm.engine.ended().is_none(), "the engine has ended by itself");
        storm.engine.kill_and_begin_again();
    }
    let (_engine, outcome) = storm.calm().await;
    println!(
        "{KILLS} kills with OpenClaw, {agents} agents killed, {} starts, {} chats, 0 doubled in {} \
         looks, 0 lost, 0 orphans, {} begun anew because OpenClaw gave no answer; {:?}",
        outcome.starts, outcome.chats, outcome.looks, outcome.anew, outcome.usage
    );
    // One kill in ten may meet a request that was written down and not sent.
    assert!(outcome.usage.is_exact(KILLS as u64 / 10), "{:?}", outcome.usage);
}
