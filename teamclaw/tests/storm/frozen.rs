//! The engine stands still for a minute in the midst of a storm, as on a machine that swaps or whose
//! disk hangs, and then goes on as if no time had passed.

use std::time::Duration;

use crate::chance::Chance;
use crate::copies::{freeze, thaw};
use crate::kills::engine;
use crate::life::Agent;
use crate::weather::Storm;

/// How long it stands still: longer than the sweeper's round, so that everything is late at once.
const STILL: Duration = Duration::from_secs(60);
/// How long it storms before and after.
const STORM: Duration = Duration::from_secs(4);
/// How many requests may have been written down and not yet sent when it froze: one of each person.
/// The provider closes a silent connection after 30 s, so they fail afterwards, and whether it had
/// got them nobody here can know: they stay counted, without an end.
const UNSENT_MAX: u64 = 3;

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "what was tried and what came of it, for who runs it")]
async fn an_engine_that_stands_still_for_a_minute_goes_on_and_nobody_is_doubled() {
    let chance = Chance::draw("frozen");
    let mut storm =
        Storm::begin(engine("frozen", &[]).await, Agent::Small, &["ann", "bob", "cem"], chance);
    tokio::time::sleep(STORM).await;
    let process = storm.engine.pid();
    freeze(process);
    // What its agents do meanwhile, it learns afterwards.
    tokio::time::sleep(storm.chance.within(STILL)).await;
    let killed = storm.kill_an_agent();
    let facts = storm.books.facts().len();
    tokio::time::sleep(STILL).await;
    assert_eq!(storm.books.facts().len(), facts, "a frozen engine acknowledges nothing");
    thaw(process);
    tokio::time::sleep(STORM).await;
    let (_engine, outcome) = storm.calm().await;
    println!(
        "frozen for {STILL:?}, an agent killed meanwhile: {killed}; {} starts, {} chats, \
         0 doubled, 0 lost, 0 orphans; {:?}",
        outcome.starts, outcome.chats, outcome.usage
    );
    assert!(outcome.usage.is_exact(UNSENT_MAX), "{:?}", outcome.usage);
}
