//! A small program for tests: a launcher as `teamclaw` has one, and an engine that can be killed.
//!
//! `local-test-program task` waits for the engine's word, goes behind the walls and becomes the
//! shell command in TEAMCLAW_AGENT. `local-test-program engine DATA FIRST-PORT LAST-PORT
//! WORKSPACE…` opens a data directory, starts an agent for each workspace, prints each change of a
//! task as a line, and stops them all when its standard input ends. Agents of the engine get every
//! variable that begins with AGENT_, without that beginning.

use std::ffi::OsString;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use events::{Attempt, Gen, Reason, ReasonClass, Secret, WorkspaceId};
use local::compute::{Processes, Settings, launcher};
use local::{Local, confine};
use ports::{Compute, Homes, TaskSpec};

type Failure = Box<dyn std::error::Error>;

/// The sidecar of the tests: nobody listens there.
const SIDECAR_PORT: u16 = 19_999;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let words: Vec<&str> = arguments.iter().filter_map(|word| word.to_str()).collect();
    let result = match words.as_slice() {
        ["task"] => task(),
        ["engine", data, first, last, workspaces @ ..] => engine(data, first, last, workspaces),
        _ => Err("a program of local's tests; see its source".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(&failure.to_string());
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "a program for tests reports to its terminal")]
fn report(words: &str) {
    eprintln!("{words}");
}

#[expect(clippy::print_stdout, reason = "a program for tests speaks through its output")]
fn say(words: &str) {
    println!("{words}");
}

fn task() -> Result<(), Failure> {
    let go = launcher::wait_for_go()?;
    let outcome = confine::enter(&go.enclosure)?;
    if go.answered(outcome)? {
        return Ok(());
    }
    let agent = go.environment.get("TEAMCLAW_AGENT").ok_or("TEAMCLAW_AGENT is missing")?;
    let failure =
        Command::new("/bin/sh").args(["-c", agent]).env_clear().envs(&go.environment).exec();
    Err(failure.into())
}

fn engine(data: &str, first: &str, last: &str, workspaces: &[&str]) -> Result<(), Failure> {
    let ports = first.parse()?..=last.parse()?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let local = Local::open(&PathBuf::from(data))?;
        let mut settings = settings(data)?;
        settings.ports = ports;
        let processes = Processes::open(local.database(), settings).await?;
        for measure in processes.confinement().missing() {
            report(&format!("MISSING {}: {}", measure.name, measure.words));
        }
        let homes = processes.homes();
        let mut ids = Vec::new();
        for name in workspaces {
            let id: WorkspaceId = name.parse()?;
            let home = homes.ensure(&id, Gen(1)).await?;
            processes.run(&spec(&id, home)).await?;
            ids.push(id);
        }
        say("started");
        let watched = Arc::clone(&processes);
        tokio::spawn(async move {
            loop {
                for task in watched.changes(Duration::from_secs(1)).await.unwrap_or_default() {
                    say(&format!("{} {:?}", task.workspace, task.status));
                }
            }
        });
        tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
        for id in ids {
            while !processes.stop(&id, Gen(1), Attempt(1), Duration::from_secs(2)).await? {}
        }
        Ok(())
    })
}

#[expect(clippy::disallowed_methods, reason = "a root: the tests set what the agents get")]
fn settings(data: &str) -> Result<Settings, Failure> {
    let launcher = vec![std::env::current_exe()?.into_os_string(), "task".into()];
    let words = Arc::new(|_, tail: &str| Reason::new(ReasonClass::AgentExited, tail));
    let sidecar = SocketAddr::from((Ipv4Addr::LOCALHOST, SIDECAR_PORT));
    let mut settings = Settings::new(data, sidecar, launcher, words);
    settings.uid_base = std::env::var("UID_BASE")?.parse()?;
    settings.places = std::env::var("PLACES").into_iter().collect();
    settings.runtime_dir = Some(PathBuf::from(data).join("runtime"));
    settings.environment = std::env::vars()
        .filter_map(|(name, value)| Some((name.strip_prefix("AGENT_")?.to_owned(), value)))
        .collect();
    Ok(settings)
}

fn spec(id: &WorkspaceId, home: String) -> TaskSpec {
    TaskSpec {
        workspace: id.clone(),
        generation: Gen(1),
        attempt: Attempt(1),
        client_token: events::token::client_token(id, Gen(1), Attempt(1)),
        home,
        token: Secret::new(format!("token-of-{id}")),
        pass: Secret::new(format!("x-pass-of-{id}")),
    }
}
