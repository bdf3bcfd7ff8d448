//! The walls around an agent, put up by the agent's own process just before it becomes the agent.
//!
//! Everything here acts on the calling process and cannot be taken back: it must be called while
//! the process has one thread, and never by the engine. What a machine cannot give is reported in
//! words; it is never passed over in silence.

mod calls;
mod limits;
mod probe;
mod report;
mod walls;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use limits::Limits;
pub use probe::{Seen, examine};
pub use report::{Confinement, Measure};
pub(crate) use walls::SYSTEM;

/// What one agent may do on this machine. It crosses a pipe from the engine to the launcher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enclosure {
    /// The user id that the process must already have, when the workspace has one of its own.
    pub uid: Option<u32>,
    /// The agent's home: everything below it may be read, written and run.
    pub home: PathBuf,
    /// Other directories of this agent's own, writable like the home.
    pub places: Vec<PathBuf>,
    /// Files and directories that may be read and run besides the system's.
    pub readable: Vec<PathBuf>,
    /// TCP ports it may listen on.
    pub bind: Vec<u16>,
    /// TCP ports it may connect to, on any machine.
    pub connect: Vec<u16>,
    /// How much it may use.
    pub limits: Limits,
    /// Refuse to go on when a wall is missing, instead of reporting it.
    pub require: bool,
}

/// How much of Landlock is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Landlock {
    /// Every rule that we asked for.
    Full,
    /// Some rules; the kernel is older than the others.
    Partial,
    /// None.
    Off,
}

/// What [`enter`] did, as the kernel tells it afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The user id of the process.
    pub uid: u32,
    /// Whether that user id belongs to this workspace alone.
    pub own_uid: bool,
    /// Groups besides the process's own; none is right.
    pub groups: Vec<u32>,
    /// How much of Landlock is in force.
    pub landlock: Landlock,
    /// The Landlock ABI that is used, 0 without Landlock.
    pub landlock_abi: u8,
    /// Whether no program can give the process more rights (set-user-id programs among them).
    pub no_new_privs: bool,
    /// Why the ways around the rules for ports could not be closed, if they could not.
    pub calls_open: Option<String>,
    /// Limits that could not be set, in words.
    pub limits_missing: Vec<String>,
    /// Open files besides standard input, output and error, as the kernel names them.
    pub open_files: Vec<String>,
}

/// Why the launcher does not become the agent.
#[derive(Debug, Error)]
pub enum Refusal {
    /// The engine went away, or never was, before it said go.
    #[error("the engine did not say go")]
    NoGo,
    /// What came over the pipe is not what the engine sends.
    #[error("the launcher cannot read the engine's message: {0}")]
    BadMessage(String),
    /// Called too late: another thread would stay outside the walls.
    #[error("the walls must be put up while the process has one thread, and it has {0}")]
    Threads(usize),
    /// An agent is never run as root, or as another workspace's user.
    #[error("an agent must not run as user {found}; expected {expected}")]
    WrongUser {
        /// The user id the process has.
        found: u32,
        /// Which one was expected, in words.
        expected: String,
    },
    /// A wall is missing and the settings require all of them.
    #[error("this machine cannot confine the agent, and require_confinement is set: {0}")]
    Unconfined(String),
    /// The system refused a call.
    #[error("{what}: {source}")]
    System {
        /// What we asked for.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Refusal {
    pub(crate) fn system(what: &'static str, source: impl Into<std::io::Error>) -> Self {
        Self::System { what, source: source.into() }
    }
}

/// Puts up the walls around the calling process and everything it will start.
///
/// # Errors
/// [`Refusal::WrongUser`] and [`Refusal::Threads`] before anything is done;
/// [`Refusal::Unconfined`] when a wall is missing and all are required; [`Refusal::System`] when
/// a call fails that should work on any machine.
pub fn enter(enclosure: &Enclosure) -> Result<Outcome, Refusal> {
    one_thread()?;
    let uid = right_user(enclosure)?;
    let limits_missing = limits::apply(&enclosure.limits, enclosure.uid.is_some());
    let scratch = enclosure.home.join(TEMPORARY);
    if let Err(error) = std::fs::create_dir(&scratch)
        && error.kind() != std::io::ErrorKind::AlreadyExists
    {
        return Err(Refusal::system("making the directory for temporary files", error));
    }
    let walls = walls::raise(enclosure)?;
    let calls_open = calls::close(enclosure.uid.is_none()).err();
    let outcome = Outcome {
        uid,
        own_uid: enclosure.uid.is_some(),
        groups: probe::groups()?,
        landlock: walls.landlock,
        landlock_abi: walls.abi,
        no_new_privs: rustix::thread::no_new_privs()
            .map_err(|error| Refusal::system("reading no_new_privs", error))?,
        calls_open,
        limits_missing,
        open_files: probe::open_files()?,
    };
    let missing = report::missing_walls(&outcome);
    if enclosure.require && !missing.is_empty() {
        return Err(Refusal::Unconfined(missing.join("; ")));
    }
    Ok(outcome)
}

/// The directory for temporary files inside a home: /tmp is closed to agents.
pub const TEMPORARY: &str = "tmp";

fn one_thread() -> Result<(), Refusal> {
    // Landlock and no_new_privs hold for the calling thread and what it starts later.
    let threads = std::fs::read_dir("/proc/self/task")
        .map_err(|error| Refusal::system("counting threads", error))?
        .count();
    if threads == 1 { Ok(()) } else { Err(Refusal::Threads(threads)) }
}

fn right_user(enclosure: &Enclosure) -> Result<u32, Refusal> {
    let found = rustix::process::geteuid().as_raw();
    match enclosure.uid {
        Some(own) if own != found => {
            Err(Refusal::WrongUser { found, expected: format!("user {own}") })
        }
        None | Some(_) if found == 0 => {
            Err(Refusal::WrongUser { found, expected: "any user but root".to_owned() })
        }
        None | Some(_) => Ok(found),
    }
}
