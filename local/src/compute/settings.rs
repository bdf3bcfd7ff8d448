//! What the owner of the machine decides about running agents.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use events::Reason;
use ports::Fault;

use crate::confine::Limits;

/// How a process ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Its exit code. Neither this nor a signal: it was adopted after a restart of the engine, and
    /// only a parent learns how a process ended.
    pub code: Option<i32>,
    /// The number of the signal that ended it.
    pub signal: Option<i32>,
}

/// Says in plain words why an agent ended, from how it ended and the end of its log. Must not
/// repeat more of the log than a person needs.
pub type Words = Arc<dyn Fn(Ending, &str) -> Reason + Send + Sync>;

/// Where agents may listen: below the ports that the kernel hands out by itself, so that no
/// outgoing connection of any program can take one.
pub const PORTS: RangeInclusive<u16> = 20_000..=23_999;

/// The first user id that may be given to a workspace: above people (1000) and what systemd uses
/// for dynamic users (61184-65519). Ranges that /etc/subuid gives to others are passed over.
pub const UID_BASE: u32 = 200_000;

/// What agents reach outside besides the sidecar: HTTPS, HTTP, and DNS when it uses TCP.
pub const OUTWARD_PORTS: [u16; 3] = [443, 80, 53];

/// How agents are run on this machine. `Debug` is left out: the environment may hold secrets.
#[derive(Clone)]
pub struct Settings {
    /// The engine's directory; homes and logs are made in it.
    pub data_dir: PathBuf,
    /// The ports that agents listen on, one each.
    pub ports: RangeInclusive<u16>,
    /// The first of the user ids that workspaces are given when the engine is root.
    pub uid_base: u32,
    /// The installed agent, readable by every agent.
    pub runtime_dir: Option<PathBuf>,
    /// More that every agent may read and run.
    pub readable: Vec<PathBuf>,
    /// Directories outside the home that an agent program insists on, made before each start,
    /// owned by the workspace's user. `{uid}` stands for the user id.
    pub places: Vec<String>,
    /// TCP ports that an agent may connect to on any machine, besides the sidecar's and its own.
    pub outward_ports: Vec<u16>,
    /// Where the sidecar listens.
    pub sidecar: SocketAddr,
    /// The launcher: a program and its arguments, which are visible to everyone on the machine.
    pub launcher: Vec<OsString>,
    /// What every agent gets besides what its task gives it; the only way for anything of the
    /// engine's own environment (PATH and LANG belong here) to reach an agent. `{launcher}` in a
    /// value stands for the launcher's path as agents reach it, and lets them run it.
    pub environment: Vec<(String, String)>,
    /// How much one agent may use.
    pub limits: Limits,
    /// Start no agent when a wall is missing.
    pub require_confinement: bool,
    /// Why an agent ended, in words.
    pub words: Words,
}

impl Settings {
    /// Settings with the usual limits, ports and user ids.
    pub fn new(
        data_dir: impl Into<PathBuf>,
        sidecar: SocketAddr,
        launcher: Vec<OsString>,
        words: Words,
    ) -> Self {
        Self {
            data_dir: data_dir.into(),
            ports: PORTS,
            uid_base: UID_BASE,
            runtime_dir: None,
            readable: Vec::new(),
            places: Vec::new(),
            outward_ports: OUTWARD_PORTS.to_vec(),
            sidecar,
            launcher,
            environment: Vec::new(),
            limits: Limits::default(),
            require_confinement: false,
            words,
        }
    }

    /// Refuses settings that would open what must stay closed or cannot work on this machine.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let refuse = |words: String| Err(Fault::Nonsense { service: "the settings", words });
        if self.launcher.is_empty() || self.ports.is_empty() {
            return refuse("a launcher and at least one port are needed".to_owned());
        }
        if let Some(ephemeral) = ephemeral_ports()
            && self.ports.start() <= ephemeral.end()
            && ephemeral.start() <= self.ports.end()
        {
            return refuse(format!(
                "the agents' ports {}-{} overlap those that the kernel gives to outgoing \
                 connections, {}-{}; choose a range outside",
                self.ports.start(),
                self.ports.end(),
                ephemeral.start(),
                ephemeral.end()
            ));
        }
        let data = canonical(&self.data_dir)?;
        let open = crate::confine::SYSTEM.iter().map(Path::new);
        let open = open.chain(self.readable.iter().map(PathBuf::as_path));
        for open in open.chain(self.runtime_dir.iter().map(PathBuf::as_path)) {
            let open = std::fs::canonicalize(open).unwrap_or_else(|_| open.to_owned());
            if data.starts_with(&open) {
                return refuse(format!(
                    "the data directory {} lies in {}, which every agent may read; choose another",
                    data.display(),
                    open.display()
                ));
            }
        }
        Ok(())
    }
}

fn canonical(path: &Path) -> Result<PathBuf, Fault> {
    std::fs::canonicalize(path).map_err(|error| Fault::unavailable("the data directory", error))
}

/// The ports that the kernel gives to outgoing connections.
fn ephemeral_ports() -> Option<RangeInclusive<u16>> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut numbers = text.split_whitespace().map(str::parse::<u16>);
    Some(numbers.next()?.ok()?..=numbers.next()?.ok()?)
}
