//! `kill -9` of the engine, and of single agents, at random moments of a storm of starts and stops.

use std::time::Duration;

use crate::chance::Chance;
use crate::copies::Copy;
use crate::engine::{Engine, scratch, small_agent};
use crate::life::Agent;
use crate::weather::Storm;

/// How often the engine is killed.
const KILLS: usize = 200;
/// The usual life of an engine from its start on: some are killed before they are up.
const LIFE: Duration = Duration::from_millis(800);
/// The longest life, of a few: enough for whole journeys.
const LONG_LIFE: Duration = Duration::from_millis(2_500);
/// Every so many kills the database is copied, too.
const COPY_EVERY: usize = 12;

/// At most one kill of so many meets a request between being written down and being sent, which is
/// then counted although the provider never had it.
const UNSENT_OF: u64 = 10;

const PEOPLE: [&str; 5] = ["ann", "bob", "cem", "dee", "eve"];

/// An engine with the small agent, which leaves a process of its own behind when it is killed.
pub(crate) async fn engine(name: &str, more: &[&str]) -> Engine {
    let data = scratch(name);
    let agent = small_agent(&data);
    let command = format!("--agent=sleep 100000 & exec {agent} demo-agent");
    let files = format!("--agent-files={agent}");
    let mut arguments = vec![command.as_str(), files.as_str()];
    arguments.extend(more);
    Engine::start_on(data, &arguments).await
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "what was tried and what came of it, for who runs it")]
async fn killed_two_hundred_times_nobody_is_doubled_lost_stuck_or_left_over() {
    let chance = Chance::draw("kills");
    let mut storm = Storm::begin(engine("kills", &[]).await, Agent::Small, &PEOPLE, chance);
    let (mut agents, mut copied, mut events) = (0, 0, 0);
    for kill in 0..KILLS {
        let life = if storm.chance.happens(20) { LONG_LIFE } else { LIFE };
        let life = storm.chance.within(life);
        let first = storm.chance.within(life);
        tokio::time::sleep(first).await;
        if storm.chance.happens(30) {
            agents += usize::from(storm.kill_an_agent());
        }
        if kill % COPY_EVERY == COPY_EVERY - 1 {
            let acknowledged = storm.books.facts();
            let copy = Copy::take(&storm.engine.data, storm.engine.pid(), 2);
            events += copy.check(&acknowledged).await;
            copied += 1;
        }
        tokio::time::sleep(life - first).await;
        assert!(storm.engine.ended().is_none(), "the engine has ended by itself");
        storm.engine.kill_and_begin_again();
    }
    let (_engine, outcome) = storm.calm().await;
    println!(
        "{KILLS} kills, {agents} agents killed, {} starts, {} chats, 0 doubled in {} looks, 0 lost, \
         0 orphans; {copied} copies whole with {events} events; {:?}",
        outcome.starts, outcome.chats, outcome.looks, outcome.usage
    );
    assert_eq!(outcome.anew, 0, "the small agent answers whoever comes back");
    assert!(outcome.usage.is_exact(KILLS as u64 / UNSENT_OF), "{:?}", outcome.usage);
}
