//! The command line of the benchmarks: subjects, options and help, and nothing about how they work.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  cargo run --release -p tests --bin bench -- engine
  cargo run --release -p tests --bin bench -- engine --only journal,queue
  cargo run --release -p tests --bin bench -- engine --data /mnt/disk/bench
  cargo run -p tests --bin bench -- engine --quick
  cargo run --release -p tests --bin bench -- sidecar
  cargo run --release -p tests --bin bench -- sidecar --only direct,teamclaw-sidecar,nginx
  cargo run --release -p tests --bin bench -- sidecar --load 'stream, 32'

Exit codes:
  0   every goal that was measured was met, or the run was a quick one
  1   a goal was missed
  2   something kept it from measuring";

/// Measure TeamClaw on this machine, beside its peers
#[derive(Debug, Parser)]
#[command(name = "bench", after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Bench {
    /// What to measure
    #[command(subcommand)]
    pub subject: Subject,
}

/// What can be measured.
#[derive(Debug, Subcommand)]
pub enum Subject {
    /// The journal, the queue, logins until agents are ready, and what `teamclaw up` costs at rest
    Engine(EngineArgs),
    /// The sidecar between a client and a provider, beside nginx, haproxy and envoy
    Sidecar(SidecarArgs),
    /// Be the least that a proxy over hyper can be, which `sidecar` starts to measure it too
    #[command(hide = true)]
    Relay(RelayArgs),
}

/// The arguments of `bench relay`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RelayArgs {
    /// Where to listen
    pub listen: SocketAddr,
    /// Where the provider is
    pub provider: SocketAddr,
}

/// The options of `bench engine`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct EngineArgs {
    /// Only these measurements
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAME,…")]
    pub only: Vec<Measure>,
    /// On which disk: a directory in which a new one is made, and removed at the end
    #[arg(long, value_name = "DIR", default_value = DATA_DEFAULT)]
    pub data: PathBuf,
    /// See within seconds whether it works; the numbers mean nothing
    #[arg(long)]
    pub quick: bool,
}

/// The options of `bench sidecar`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SidecarArgs {
    /// Only these: direct, teamclaw-sidecar, hyper, nginx, haproxy, envoy
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    pub only: Vec<String>,
    /// Only loads whose name holds this, such as "2 KB, 32 clients"; without the slow streams
    #[arg(long, value_name = "TEXT")]
    pub load: Option<String>,
    /// On which disk usage is written: a directory in which a new one is made, and removed at the end
    #[arg(long, value_name = "DIR", default_value = DATA_DEFAULT)]
    pub data: PathBuf,
    /// See within seconds whether it works; the numbers mean nothing
    #[arg(long)]
    pub quick: bool,
}

impl SidecarArgs {
    /// Whether this one is measured.
    pub(super) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    /// Whether this load is put on them.
    pub(super) fn loads(&self, name: &str) -> bool {
        self.load.as_deref().is_none_or(|text| name.contains(text))
    }

    /// `full`, or what a quick run does instead.
    pub(super) fn sized<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// How long one round lasts: some ten thousand requests.
    pub(super) fn round(&self) -> Duration {
        self.sized(Duration::from_secs(2), Duration::from_millis(50))
    }

    /// How long a subject is asked before it is measured.
    pub(super) fn warm_up(&self) -> Duration {
        self.sized(Duration::from_millis(500), Duration::from_millis(20))
    }

    /// How many rounds, of which the middle one counts.
    pub(super) fn rounds(&self) -> usize {
        self.sized(3, 1)
    }
}

/// Beside what cargo builds, because that is on a disk, and everybody's to remove.
const DATA_DEFAULT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bench");

/// One measurement of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Measure {
    /// Durable appends, beside plain SQLite and the bare disk
    Journal,
    /// Messages sent, received and deleted
    Queue,
    /// Logins until the agent is ready, one at a time and a thousand at once
    Herd,
    /// What one login costs when there are a hundred, a thousand and ten thousand
    Linear,
    /// What `teamclaw up` costs while everybody sleeps
    Memory,
}

impl EngineArgs {
    /// What to measure, in order.
    pub(super) fn measures(&self) -> Vec<Measure> {
        match self.only.is_empty() {
            true => Measure::value_variants().to_vec(),
            false => self.only.clone(),
        }
    }

    /// `full`, or what a quick run does instead.
    pub(super) fn sized<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// How long one round of one row lasts: long enough for thousands of commits.
    pub(super) fn round(&self) -> Duration {
        self.sized(Duration::from_secs(2), Duration::from_millis(50))
    }

    /// How many rounds, of which the middle one counts: a shared machine has bad seconds.
    pub(super) fn rounds(&self) -> usize {
        self.sized(3, 1)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Bench;

    #[test]
    fn the_command_line_is_sound_and_every_subject_has_examples() {
        let mut command = Bench::command();
        command.build();
        command.clone().debug_assert();
        let subjects = command.get_subcommands().filter(|sub| sub.get_name() != "help");
        for subject in std::iter::once(&command).chain(subjects) {
            let after = subject.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains("Examples:"), "{}", subject.get_name());
        }
    }
}
