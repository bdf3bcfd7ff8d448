//! Watches the processes of this machine for two agents of one person, every few milliseconds, from
//! outside and in a thread of its own.
//!
//! The processes of an agent have the person's home in their environment. Those of the small agent
//! are one session; OpenClaw starts some in sessions of their own, so that they are told apart by
//! the token, which each start has anew. A launcher that was never told to go is no agent yet.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::engine::scratch;
use crate::life::Agent;

/// How often it looks. A second agent would be there for as long as it takes to end one.
const LOOK_EVERY: Duration = Duration::from_millis(3);
/// What each start has anew.
const TOKEN: &str = "TEAMCLAW_TOKEN=";
/// A process without a home for so long becomes no agent any more.
const STRANGER_AFTER: Duration = Duration::from_secs(5);

/// What was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// How often it looked.
    pub(crate) looks: u64,
    /// How many different agents there were.
    pub(crate) agents: BTreeSet<(String, String)>,
    /// Two agents of one person at one moment, in words.
    pub(crate) doubled: Vec<String>,
}

/// The watching thread.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Seen>>,
}

/// A process of an agent. No `Debug`: it holds the token.
struct Process {
    pid: i32,
    started: u64,
    session: i32,
    user: String,
    token: String,
}

impl Watch {
    /// Watches the agents of one data directory.
    pub(crate) fn over(data: &Path, agent: Agent) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (told, marker) = (Arc::clone(&stop), marker(data));
        let thread = std::thread::spawn(move || {
            let (mut seen, mut known) = (Seen::default(), BTreeMap::new());
            loop {
                // Told first, looked then: it has always seen how things were at its end.
                let last = told.load(Ordering::SeqCst);
                look(&marker, agent, &mut known, &mut seen);
                if last {
                    return seen;
                }
                std::thread::sleep(LOOK_EVERY);
            }
        });
        Self { stop, thread: Some(thread) }
    }

    /// Ends it and gives what it saw.
    pub(crate) fn end(mut self) -> Seen {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().expect("ended once").join().expect("it watched to the end")
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

/// The processes of agents that live now.
pub(crate) fn agents(data: &Path) -> Vec<i32> {
    let marker = marker(data);
    pids().filter(|pid| process(*pid, &marker).is_some()).collect()
}

/// Every process that works in a home, agents and launchers alike: nothing of that may be left.
pub(crate) fn in_homes(data: &Path) -> Vec<i32> {
    let homes = data.join("homes");
    let mut found = agents(data);
    let at_home = |pid: &i32| {
        fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|place| place.starts_with(&homes))
    };
    found.extend(pids().filter(at_home));
    found.sort_unstable();
    found.dedup();
    found
}

fn marker(data: &Path) -> String {
    format!("HOME={}/", data.join("homes").display())
}

fn pids() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").expect("proc").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The process, if it is one of an agent and has not ended.
fn process(pid: i32, marker: &str) -> Option<Process> {
    // Empty from the moment on at which the kernel takes its memory away.
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let environment = String::from_utf8_lossy(&environment);
    let value = |name: &str| environment.split('\0').find_map(|pair| pair.strip_prefix(name));
    let (user, token) = (value(marker)?.to_owned(), value(TOKEN).unwrap_or_default().to_owned());
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the name, which may hold anything: state, parent, group, session, …, start time.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ended = ["Z", "X"].contains(fields.first()?);
    let (session, started) = (fields.get(3)?.parse().ok()?, fields.get(19)?.parse().ok()?);
    (!ended).then_some(Process { pid, started, session, user, token })
}

fn look(marker: &str, agent: Agent, strangers: &mut BTreeMap<i32, Instant>, seen: &mut Seen) {
    let now = instant();
    let mut all: Vec<i32> = pids().collect();
    all.sort_unstable();
    strangers.retain(|pid, _| all.binary_search(pid).is_ok());
    let mut agents: BTreeMap<String, Vec<Process>> = BTreeMap::new();
    for pid in all {
        let since = strangers.get(&pid).copied();
        if since.is_some_and(|since| now.duration_since(since) > STRANGER_AFTER) {
            continue;
        }
        match process(pid, marker) {
            Some(found) => agents.entry(found.user.clone()).or_default().push(found),
            None => {
                strangers.entry(pid).or_insert(now);
            }
        }
    }
    seen.looks += 1;
    for (user, processes) in agents {
        let mut starts: BTreeMap<String, &Process> = BTreeMap::new();
        for process in &processes {
            let start = match agent {
                Agent::Small => process.session.to_string(),
                Agent::OpenClaw if process.token.is_empty() => continue,
                Agent::OpenClaw => process.token.clone(),
            };
            starts.entry(start).or_insert(process);
        }
        seen.agents.extend(starts.keys().map(|start| (user.clone(), start.clone())));
        let one_of_each: Vec<&Process> = starts.into_values().collect();
        seen.doubled.extend(one_of_each.windows(2).filter_map(|pair| both(pair, marker)));
    }
}

/// Whether both live at one moment: the first before and after a look at the second.
fn both(pair: &[&Process], marker: &str) -> Option<String> {
    let [first, second] = pair else { return None };
    let lives =
        |seen: &Process| process(seen.pid, marker).is_some_and(|now| now.started == seen.started);
    let words = || {
        format!("{} has agents in sessions {} and {}", first.user, first.session, second.session)
    };
    (lives(first) && lives(second) && lives(first)).then(words)
}

#[expect(clippy::disallowed_methods, reason = "a watch outside of every runtime")]
fn instant() -> Instant {
    Instant::now()
}

/// A session of two processes that pass for an agent of ann's; ended when it is dropped.
struct Pretended(Child);

impl Pretended {
    fn start(data: &Path) -> Self {
        let mut command = Command::new("setsid");
        command.args(["sh", "-c", "sleep 1000 & wait"]).env("HOME", data.join("homes/ann"));
        Self(command.spawn().expect("started"))
    }
}

impl Drop for Pretended {
    fn drop(&mut self) {
        let leader = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        let leader = leader.expect("a process");
        kill_process_group(leader, Signal::KILL).expect("killed");
        drop(self.0.wait());
    }
}

fn until_there_are(data: &Path, processes: usize) {
    let began = instant();
    while agents(data).len() < processes {
        assert!(began.elapsed() < STRANGER_AFTER, "they do not start");
        std::thread::sleep(LOOK_EVERY);
    }
}

#[test]
fn the_watch_sees_two_sessions_of_one_person_and_not_two_processes_of_one_session() {
    let data = scratch("watch");
    let _one = Pretended::start(&data);
    until_there_are(&data, 2);
    let seen = Watch::over(&data, Agent::Small).end();
    assert_eq!((seen.agents.len(), seen.doubled), (1, Vec::new()));
    let _two = Pretended::start(&data);
    until_there_are(&data, 4);
    let seen = Watch::over(&data, Agent::Small).end();
    // Told at each look, of which a busy machine may allow more than one.
    assert_eq!((seen.agents.len(), seen.doubled.len() as u64), (2, seen.looks));
}
