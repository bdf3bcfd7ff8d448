//! A storm: an engine, its people, a watch over their agents; what breaks is the test's. And the
//! calm after it, in which everything must be as if nothing had been.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::{Method, StatusCode};
use local::Local;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use sidecar::stand_in::Script;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::books::{self, Books, Fact, Usage};
use crate::chance::Chance;
use crate::copies::Copy;
use crate::engine::Engine;
use crate::life::{Agent, Life, operate};
use crate::watch::{self, Seen, Watch};

/// How long after the last blow everybody is where they can stay: what a message stays hidden that a
/// dead handler had (`consumers::handle::VISIBILITY`), and the sweeper's minute.
const CALM_WITHIN: Duration = Duration::from_secs(150);
/// How long a person who comes back may wait for an answer, if need be of an agent that starts
/// anew on a busy machine.
const BACK_WITHIN: Duration = Duration::from_secs(180);
/// How long they put up with an agent that is up and does not answer: see agent/FACTS.md for what
/// OpenClaw does now and then when its callers go away in the midst of its first turns.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long usage may take from the end of an answer into the ledger.
const HANDED_OVER_WITHIN: Duration = Duration::from_secs(10);
/// How often it is looked whether it is so.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A storm.
pub(crate) struct Storm {
    pub(crate) engine: Engine,
    pub(crate) chance: Chance,
    pub(crate) books: Arc<Books>,
    watch: Watch,
    over: Arc<AtomicBool>,
    lives: Vec<JoinHandle<Life>>,
}

/// What a storm came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Starts of agents that were seen.
    pub(crate) starts: usize,
    /// Chats that were answered.
    pub(crate) chats: usize,
    /// The ledger beside the provider's.
    pub(crate) usage: Usage,
    /// How often the watch looked.
    pub(crate) looks: u64,
    /// People whose agent was up, gave no answer, and was begun anew by them.
    pub(crate) anew: usize,
}

impl Storm {
    /// Lets these people loose on an engine that is up.
    pub(crate) fn begin(engine: Engine, agent: Agent, people: &[&str], mut chance: Chance) -> Self {
        // Slow enough that a kill meets requests under way, fast enough that many get through.
        engine.provider.script(Script {
            head_delay_ms: 15,
            event_delay_ms: 5,
            numbered_models: true,
            ..Script::default()
        });
        let (books, over) = (Arc::new(Books::default()), Arc::new(AtomicBool::new(false)));
        let watch = Watch::over(&engine.data, agent);
        let live = |name: &&str| {
            let life = Life::new(name, agent, &engine.data, Arc::clone(&books), chance.split());
            tokio::spawn(life.live(Arc::clone(&over)))
        };
        let lives = people.iter().map(live).collect();
        Self { engine, chance, books, watch, over, lives }
    }

    /// Kills one agent, whoever's, if there is one: a process of it, as the kernel does when memory
    /// is short.
    pub(crate) fn kill_an_agent(&mut self) -> bool {
        let agents = watch::agents(&self.engine.data);
        if agents.is_empty() {
            return false;
        }
        let number = self.chance.below(agents.len() as u64) as usize;
        let pid = Pid::from_raw(agents[number]).expect("a process");
        // It may have ended by itself meanwhile.
        kill_process(pid, Signal::KILL).is_ok()
    }

    /// The blows are over: waits until everybody is where they can stay, has everybody come back and
    /// be answered, stops everybody, and looks whether anything is lost, doubled or left over.
    pub(crate) async fn calm(self) -> (Engine, Outcome) {
        let Self { mut engine, books, watch, over, lives, .. } = self;
        over.store(true, Ordering::SeqCst);
        let mut people = Vec::new();
        for life in lives {
            people.push(life.await.expect("nobody was told anything wrong"));
        }
        assert!(engine.ended().is_none(), "the engine has ended by itself");
        settled(&engine.data, &people, &["ready", "asleep", "failed"]).await;
        let mut anew = 0;
        for person in &mut people {
            anew += usize::from(come_back(&engine.data, person).await);
        }
        settled(&engine.data, &people, &["ready"]).await;
        each_has_one_of_each(&engine, &people).await;
        for person in &people {
            remembers(person, &books).await;
            let stopped = person.operate("stop", json!({})).await;
            assert!(matches!(stopped, Some((StatusCode::OK, _))), "{stopped:?}");
        }
        settled(&engine.data, &people, &["asleep"]).await;
        let seen = watch.end();
        assert_eq!(watch::in_homes(&engine.data), Vec::<i32>::new(), "orphans");
        handed_over(&engine).await;
        let copy = Copy::take(&engine.data, engine.pid(), 0);
        let none = Vec::<(String, i64)>::new();
        let left = copy.resources().await;
        assert_eq!(left, [none.clone(), none.clone(), none], "tasks, routes, leases left over");
        only_their_homes(&engine.data, &people);
        let outcome = Outcome { anew, ..compared(&engine, &books, &copy, seen).await };
        (engine, outcome)
    }
}

/// Where everybody stands, if the engine says so.
async fn statuses(data: &Path) -> Option<Vec<(String, String)>> {
    let (status, answer) = operate(data, Method::GET, "/workspaces", None).await?;
    let rows = answer["rows"].as_array().filter(|_| status == StatusCode::OK)?;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    Some(rows.iter().map(|row| (text(&row["workspace"]), text(&row["status"]))).collect())
}

/// Waits until each of these people stands at one of these.
async fn settled(data: &Path, people: &[Life], where_to: &[&str]) {
    let until = Instant::now() + CALM_WITHIN;
    loop {
        let rows = statuses(data).await.unwrap_or_default();
        let stands = |life: &Life| {
            let row = rows.iter().find(|(name, _)| name == life.name());
            row.is_some_and(|(_, status)| where_to.contains(&status.as_str()))
        };
        if people.iter().all(stands) {
            return;
        }
        assert!(Instant::now() < until, "not everybody is {where_to:?}: {rows:?}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Has a person log in and chat, as they would the next morning. One whose agent is up and gives no
/// answer for long stops it and begins anew. Gives whether they had to.
async fn come_back(data: &Path, person: &mut Life) -> bool {
    let until = Instant::now() + BACK_WITHIN;
    let patience = Instant::now() + PATIENCE;
    let mut anew = false;
    loop {
        let back = person.log_in().await && person.chat().await;
        if back {
            return anew;
        }
        let rows = statuses(data).await;
        if !anew && Instant::now() > patience {
            let stopped = person.operate("stop", json!({})).await;
            anew = stopped.is_some_and(|(status, _)| status == StatusCode::OK);
        }
        assert!(Instant::now() < until, "{} gets no answer: {rows:?}", person.name());
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Everybody who is ready has one task, one route and one lease, of one generation, and a process.
async fn each_has_one_of_each(engine: &Engine, people: &[Life]) {
    let copy = Copy::take(&engine.data, engine.pid(), 1);
    let [tasks, routes, leases] = copy.resources().await;
    assert_eq!(tasks, routes, "tasks and routes");
    assert_eq!(tasks, leases, "tasks and leases");
    let names: Vec<&str> = tasks.iter().map(|(name, _)| name.as_str()).collect();
    let mut expected: Vec<&str> = people.iter().map(Life::name).collect();
    expected.sort_unstable();
    assert_eq!(names, expected, "one of each for each");
    for person in people {
        let processes = engine.processes_of(person.name());
        assert!(!processes.is_empty(), "{} has an agent", person.name());
    }
}

/// Waits until the ledger has as many requests as the provider took on; how many it really has is
/// for the comparison to say.
async fn handed_over(engine: &Engine) {
    let until = Instant::now() + HANDED_OVER_WITHIN;
    while Instant::now() < until {
        let answer = operate(&engine.data, Method::GET, "/usage?by=user", None).await;
        let rows = answer.map(|(_, answer)| answer["rows"].clone()).unwrap_or_default();
        let requests =
            rows.as_array().into_iter().flatten().filter_map(|row| row["requests"].as_u64());
        if requests.sum::<u64>() >= engine.provider.ledger().begun {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Everybody has a home, and nothing else lies where homes are.
fn only_their_homes(data: &Path, people: &[Life]) {
    let homes = fs::read_dir(data.join("homes")).expect("homes").flatten();
    let homes = homes.map(|home| home.file_name().to_string_lossy().into_owned());
    let names = people.iter().map(|person| person.name().to_owned());
    assert_eq!(homes.collect::<BTreeSet<_>>(), names.collect(), "homes");
}

/// What was answered is in the agent's memory, which lies in the home.
async fn remembers(person: &Life, books: &Books) {
    if person.agent() == Agent::OpenClaw {
        // Every request is a conversation of its own there.
        return;
    }
    let history = person.history().await.expect("a history");
    let facts = books.facts();
    let said = facts.iter().rev().filter_map(|fact| match fact {
        Fact::Chatted { user, message } if user == person.name() => Some(message),
        Fact::Chatted { .. }
        | Fact::Invited { .. }
        | Fact::LoggedIn { .. }
        | Fact::Chosen { .. } => None,
    });
    // It forgets what is old; the last of these it has.
    for message in said.take(50) {
        assert!(history.contains(&format!("\"{message}\"")), "{message} is forgotten");
    }
}

/// Looks at a copy of the end: what was acknowledged is there, and what was used is counted.
async fn compared(engine: &Engine, books: &Books, copy: &Copy, seen: Seen) -> Outcome {
    assert!(seen.doubled.is_empty(), "two agents of one person: {:?}", seen.doubled);
    let facts = books.facts();
    copy.check(&facts).await;
    assert_eq!(books.found_lost(), Vec::<String>::new());
    let local = Local::open(&copy.0).expect("the copy opens");
    let missing = books::sessions(&local, &facts).await;
    assert!(missing.is_empty(), "sessions that were given and are gone: {missing:?}");
    let usage = Usage::compare(&*local.journal(), &engine.provider.ledger()).await;
    let chats = books.count(|fact| matches!(fact, Fact::Chatted { .. }));
    Outcome { starts: seen.agents.len(), chats, usage, looks: seen.looks, anew: 0 }
}
