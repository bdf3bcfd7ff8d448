//! What the tests of processes share: a data directory with an engine in it, a patient look, and
//! agents of a few lines.

#![allow(dead_code, reason = "each test program uses a part of it")]

#[path = "../../src/scratch.rs"]
mod scratch;

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use events::{Attempt, Gen, Reason, ReasonClass, Secret, TaskId, WorkspaceId};
use local::Local;
use local::compute::{Ending, Processes, Settings};
use local::homes::Homes;
use ports::{Compute, Homes as _, Task, TaskSpec, TaskStatus};

pub(crate) use scratch::Scratch;

/// The program with a launcher and an engine in it.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_local-test-program");

/// An agent that listens at its port and ends when asked.
pub(crate) const SERVER: &str = "exec /usr/bin/python3 -c '
import os, socket, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((\"127.0.0.1\", int(os.environ[\"TEAMCLAW_PORT\"]))); s.listen()
while True: s.accept()[0].close()
'";

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Ports that no other test of this process uses.
pub(crate) fn ports(count: u16) -> RangeInclusive<u16> {
    const FIRST: u16 = 10_000;
    const LAST: u16 = 19_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test programs that run at the same time begin at different places.
    let offset = u16::try_from(std::process::id() % 80).expect("small") * 100;
    let first = FIRST + (offset + NEXT.fetch_add(count, Ordering::Relaxed)) % (LAST - FIRST);
    first..=first + count - 1
}

/// An engine on a data directory of its own.
pub(crate) struct Rig {
    pub(crate) processes: Arc<Processes>,
    pub(crate) homes: Homes,
    pub(crate) local: Local,
    pub(crate) data: Arc<Scratch>,
}

impl Rig {
    /// With agents that run this shell command.
    pub(crate) async fn new(agent: &str) -> Self {
        Self::with(Arc::new(Scratch::new()), |settings| agent_is(settings, agent)).await
    }

    /// On this directory, with these changes of the settings.
    pub(crate) async fn with(data: Arc<Scratch>, change: impl FnOnce(&mut Settings)) -> Self {
        // A child of another test holds the lock's descriptor until it has become its program.
        let local = until(async || Local::open(&data.0).ok()).await;
        let mut settings = settings(&data.0);
        change(&mut settings);
        let processes = Processes::open(local.database(), settings).await.expect("an engine");
        Self { homes: processes.homes(), processes, local, data }
    }

    pub(crate) fn compute(&self) -> &dyn Compute {
        &*self.processes
    }

    pub(crate) fn homes(&self) -> &dyn ports::Homes {
        &self.homes
    }

    pub(crate) async fn spec(&self, name: &str, generation: u64, attempt: u32) -> TaskSpec {
        let workspace: WorkspaceId = name.parse().expect("a name");
        let (generation, attempt) = (Gen(generation), Attempt(attempt));
        let home = self.homes.ensure(&workspace, generation).await.expect("a home");
        let client_token = events::token::client_token(&workspace, generation, attempt);
        let token = Secret::new("the-token-of-the-lease");
        let pass = Secret::new("x-the-pass");
        TaskSpec { workspace, generation, attempt, client_token, home, token, pass }
    }

    pub(crate) async fn status(&self, id: &TaskId) -> Option<Task> {
        self.processes.describe(id).await.expect("an answer")
    }

    pub(crate) async fn until_listening(&self, id: &TaskId) -> SocketAddr {
        until(async || match self.status(id).await?.status {
            TaskStatus::Listening(address) => Some(address),
            TaskStatus::Stopped(reason) => panic!("it ended: {reason}"),
            TaskStatus::Starting | TaskStatus::Stopping => None,
        })
        .await
    }

    pub(crate) async fn until_stopped(&self, id: &TaskId) -> Reason {
        until(async || match self.status(id).await?.status {
            TaskStatus::Stopped(reason) => Some(reason),
            TaskStatus::Starting | TaskStatus::Listening(_) | TaskStatus::Stopping => None,
        })
        .await
    }

    pub(crate) async fn stop(&self, spec: &TaskSpec, grace: Duration) -> bool {
        let stop = self.processes.stop(&spec.workspace, spec.generation, spec.attempt, grace).await;
        stop.expect("an answer")
    }
}

/// User ids for one data directory of a test, far from those of real ones. An engine that comes
/// back must not find another test on its ids.
pub(crate) fn uid_base(data: &Path) -> u32 {
    let bytes = data.as_os_str().as_encoded_bytes().iter();
    let mixed =
        bytes.fold(7_u32, |mixed, byte| mixed.wrapping_mul(31).wrapping_add(u32::from(*byte)));
    1_000_000 + mixed % 3_000 * 400_000
}

/// Settings with a launcher and a reason that shows what it was given.
pub(crate) fn settings(data: &Path) -> Settings {
    let launcher = vec![PROGRAM.into(), "task".into()];
    let words = Arc::new(|ending: Ending, tail: &str| {
        let words = format!("code {:?} signal {:?} said {tail}", ending.code, ending.signal);
        Reason::new(ReasonClass::AgentExited, words)
    });
    let sidecar = SocketAddr::from((Ipv4Addr::LOCALHOST, 19_999));
    let mut settings = Settings::new(data, sidecar, launcher, words);
    settings.ports = ports(20);
    settings.uid_base = uid_base(data);
    settings.environment.push(("PATH".to_owned(), "/usr/bin:/bin".to_owned()));
    settings
}

pub(crate) fn agent_is(settings: &mut Settings, command: &str) {
    settings.environment.push(("TEAMCLAW_AGENT".to_owned(), command.to_owned()));
}

/// Looks until there is an answer.
pub(crate) async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("in time")
}

/// Whether a process runs (one that only waits to be noticed does not).
pub(crate) fn runs(pid: i32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// The processes that work in a directory.
pub(crate) fn processes_in(directory: &Path) -> Vec<i32> {
    let directory = std::fs::canonicalize(directory).expect("a directory");
    let listing = std::fs::read_dir("/proc").expect("/proc").flatten();
    let pids = listing.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        let place = std::fs::read_link(format!("/proc/{pid}/cwd"));
        place.is_ok_and(|place| place.starts_with(&directory)) && runs(*pid)
    })
    .collect()
}
