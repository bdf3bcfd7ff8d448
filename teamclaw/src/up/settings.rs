//! What the administrator decides: the configuration file, overridden by the command line.
//!
//! Read once, checked once; everything after works on checked values.

mod providers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use events::{LimitsBook, Policy, TeamId};
use jiff::SignedDuration;
use serde::Deserialize;
use sidecar::{CustomProvider, WhenFull};

use crate::cli::UpArgs;
use crate::problem::{EXIT_USAGE, Problem};

use providers::{Keys, Providers, Told};

/// Where the front door listens when nobody says: loopback, so that nothing is open to a network
/// by accident.
const LISTEN_DEFAULT: &str = "127.0.0.1:7700";
/// The largest configuration file that is read.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// The configuration file. Every field is optional; an unknown one is an error with its line.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    listen: Option<SocketAddr>,
    origins: Vec<String>,
    agent: Option<String>,
    agent_health: Option<String>,
    agent_files: Vec<PathBuf>,
    runtime: Option<PathBuf>,
    ready_within: Option<SignedDuration>,
    agent_ports: Option<String>,
    model: Option<String>,
    default_team: Option<TeamId>,
    require_confinement: bool,
    upstreams: BTreeMap<String, String>,
    token_endpoints: BTreeMap<String, String>,
    providers: BTreeMap<String, CustomProvider>,
    keys: Keys,
    idle: Idle,
    usage: Usage,
    limits: LimitsBook,
    metrics: Option<Metrics>,
}

/// The file's `[metrics]`: where the sidecar's `/health`, `/ready` and `/metrics` are read, and by
/// whom. A token of its own, for who reads numbers need not command anything.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Metrics {
    /// Where it listens.
    pub(super) listen: SocketAddr,
    /// The SHA-256 of the bearer token that `/metrics` wants, in lower hex.
    pub(super) token_sha256: String,
}

impl File {
    /// Takes the sidecar's parts out.
    fn told(&mut self) -> Told {
        Told {
            upstreams: std::mem::take(&mut self.upstreams),
            token_endpoints: std::mem::take(&mut self.token_endpoints),
            providers: std::mem::take(&mut self.providers),
            keys: std::mem::take(&mut self.keys),
        }
    }
}

/// The file's `[usage]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Usage {
    when_full: WhenFull,
}

/// The file's `[idle]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Idle {
    default: Option<SignedDuration>,
    min: Option<SignedDuration>,
    max: Option<SignedDuration>,
    notice: Option<SignedDuration>,
    snooze_max: Option<SignedDuration>,
}

/// Everything that `up` needs to know.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// What holds everything.
    pub(super) data_dir: PathBuf,
    /// Where the front door listens.
    pub(super) listen: SocketAddr,
    /// Under which other origins people reach it.
    pub(super) origins: Vec<String>,
    /// What runs in a workspace.
    pub(super) agent: AgentChoice,
    /// What agents may read and run besides the system's programs.
    pub(super) agent_files: Vec<PathBuf>,
    /// The ports that agents listen on; `None` for the usual.
    pub(super) agent_ports: Option<RangeInclusive<u16>>,
    /// The primary model.
    pub(super) model: Option<String>,
    /// The team of who belongs to none.
    pub(super) default_team: TeamId,
    /// Start no agent when a wall is missing.
    pub(super) require_confinement: bool,
    /// Where providers are, and how the pool's keys are shared out.
    pub(super) providers: Providers,
    /// What becomes of model calls whose usage cannot be kept.
    pub(super) when_full: WhenFull,
    /// What workspaces may ask of models. In force for those that run already.
    pub(super) limits: LimitsBook,
    /// Where the sidecar's metrics are read, if anywhere.
    pub(super) metrics: Option<Metrics>,
    /// The bounds within which workspaces move.
    pub(super) policy: Policy,
    /// One journey by itself.
    pub(super) demo: bool,
    /// End after it.
    pub(super) exit: bool,
    /// Install what is missing.
    pub(super) install: bool,
    /// Where Node and OpenClaw are, when they are not to be installed.
    pub(super) runtime: Option<PathBuf>,
}

/// What runs in a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AgentChoice {
    /// The unmodified OpenClaw.
    OpenClaw,
    /// The small agent that this program brings along.
    BuiltIn,
    /// A command of one's own, and where it says that it is well.
    Command {
        /// For `sh -c`.
        command: String,
        /// The path that answers 2xx when it is well.
        health: String,
    },
}

impl Settings {
    /// Puts the file and the command line together.
    ///
    /// # Errors
    /// A file that cannot be read or understood, or values that contradict each other.
    pub(super) fn read(args: &UpArgs) -> Result<Self, Problem> {
        let mut file = args.config.as_deref().map(read_file).transpose()?.unwrap_or_default();
        let providers = Providers::read(file.told(), &args.upstream)?;
        let mut policy = policy(args, &file.idle)?;
        if let Some(time) = args.ready_within.or(file.ready_within) {
            policy.ready_within = time;
        }
        if policy.ready_within <= SignedDuration::ZERO {
            return Err(wrong("ready_within", "it must be longer than nothing, such as 3m"));
        }
        let listen = args.listen.or(file.listen);
        let listen = listen.map_or_else(|| LISTEN_DEFAULT.parse(), Ok);
        let listen = listen.map_err(|_| wrong("the listen address", "use 127.0.0.1:7700"))?;
        let health = args.agent_health.clone().or(file.agent_health);
        let health = health.unwrap_or_else(|| agent::custom::HEALTH_PATH.to_owned());
        let agent = match args.agent.clone().or(file.agent) {
            Some(command) => AgentChoice::Command { command, health },
            None if args.demo => AgentChoice::BuiltIn,
            None => AgentChoice::OpenClaw,
        };
        let ports = args.agent_ports.clone().or(file.agent_ports);
        Ok(Self {
            data_dir: args.data.clone(),
            listen,
            origins: file.origins,
            agent,
            agent_files: [file.agent_files, args.agent_files.clone()].concat(),
            agent_ports: ports.as_deref().map(port_range).transpose()?,
            model: args.model.clone().or(file.model),
            default_team: file.default_team.map_or_else(|| "everyone".parse(), Ok).map_err(
                |error: events::ids::BadName| wrong("the default team", &error.to_string()),
            )?,
            require_confinement: args.require_confinement || file.require_confinement,
            providers,
            when_full: file.usage.when_full,
            limits: file.limits,
            metrics: file.metrics.map(checked).transpose()?,
            policy,
            demo: args.demo,
            exit: args.exit,
            install: !args.no_install,
            runtime: args.runtime.clone().or(file.runtime),
        })
    }
}

fn checked(metrics: Metrics) -> Result<Metrics, Problem> {
    let hash = &metrics.token_sha256;
    let hex = |b: u8| b.is_ascii_digit() || matches!(b, b'a'..=b'f');
    if hash.len() != 64 || !hash.bytes().all(hex) {
        let do_this = "write 64 hex digits: printf %s \"$TOKEN\" | sha256sum";
        return Err(wrong("token_sha256 of [metrics]", do_this));
    }
    Ok(metrics)
}

fn read_file(path: &Path) -> Result<File, Problem> {
    let shown = path.display();
    let size = std::fs::metadata(path).map(|meta| meta.len());
    let text = match size {
        Ok(size) if size <= FILE_BYTES_MAX => std::fs::read_to_string(path),
        Ok(_) => return Err(wrong("the configuration file", "it is larger than 256 KiB")),
        Err(error) => Err(error),
    };
    let text = text.map_err(|error| {
        Problem::new(format!("{shown} cannot be read"), error.to_string(), "check --config")
            .with_code(EXIT_USAGE)
    })?;
    toml::from_str(&text).map_err(|error| {
        Problem::new(format!("{shown} is not understood"), error.to_string(), "correct the line")
            .with_code(EXIT_USAGE)
    })
}

/// The bounds in force. A demonstration is short of patience, so that a journey fits on a screen.
fn policy(args: &UpArgs, file: &Idle) -> Result<Policy, Problem> {
    let mut policy = Policy::default();
    if args.demo {
        policy.idle_default = SignedDuration::from_secs(2);
        policy.idle_min = SignedDuration::from_secs(1);
        policy.notice = SignedDuration::from_secs(1);
        policy.busy_again = SignedDuration::from_secs(1);
    }
    let set = |value: &mut SignedDuration, flag: Option<SignedDuration>, file| {
        if let Some(chosen) = flag.or(file) {
            *value = chosen;
        }
    };
    set(&mut policy.idle_default, args.idle, file.default);
    set(&mut policy.idle_min, args.idle_min, file.min);
    set(&mut policy.idle_max, args.idle_max, file.max);
    set(&mut policy.notice, args.notice, file.notice);
    set(&mut policy.snooze_max, None, file.snooze_max);
    // An administrator who names a default outside the usual bounds means it.
    policy.idle_min = policy.idle_min.min(policy.idle_default);
    policy.idle_max = policy.idle_max.max(policy.idle_default);
    let all = [policy.idle_default, policy.idle_min, policy.notice, policy.snooze_max];
    if all.iter().any(|time| *time <= SignedDuration::ZERO) {
        return Err(wrong("the idle times", "every one must be longer than nothing"));
    }
    Ok(policy)
}

fn port_range(text: &str) -> Result<RangeInclusive<u16>, Problem> {
    let range = || {
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        Some(from.trim().parse::<u16>().ok()?..=to.trim().parse::<u16>().ok()?)
    };
    range()
        .filter(|range| *range.start() > 0 && !range.is_empty())
        .ok_or_else(|| wrong("the agents' ports", "write them as FROM-TO, such as 20000-20999"))
}

fn wrong(what: &str, do_this: &str) -> Problem {
    Problem::new(format!("{what} cannot be used"), "it is not valid", do_this).with_code(EXIT_USAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<LimitsBook, String> {
        let file: Result<File, _> = toml::from_str(text);
        file.map(|file| file.limits).map_err(|error| error.to_string())
    }

    #[test]
    fn limits_are_set_for_everybody_for_teams_and_for_people() {
        let book = read(
            "[limits]\nmodels_allowed = [\"anthropic/*\"]\ndollars_per_day = \"20\"\n\
             [limits.teams.research]\ndollars_per_day = \"100.50\"\n\
             [limits.people.ann]\nrequests_at_once = 4\n",
        )
        .expect("good");
        let name = |text: &str| text.parse().expect("a name");
        let limits = book.of(&"research".parse().expect("a name"), &name("ann"));
        assert!(limits.allows("openai", "gpt-5").is_err());
        assert_eq!(limits.dollars_per_day.map(|it| it.to_string()).as_deref(), Some("100.5"));
        assert_eq!(limits.requests_at_once.map(u32::from), Some(4));
        let others = book.of(&"sales".parse().expect("a name"), &name("bob"));
        assert_eq!(others.dollars_per_day.map(|it| it.to_string()).as_deref(), Some("20"));
        assert_eq!(read("").expect("good"), LimitsBook::default());
    }

    #[test]
    fn a_bad_limit_is_refused_with_words() {
        for (text, words) in [
            ("[limits]\ndollars_per_dya = \"1\"", "unknown field `dollars_per_dya`"),
            ("[limits.people.ann]\nbudget = 1", "unknown field `budget`"),
            ("[limits]\ndollars_per_day = 0.5", "decimal dollars as text"),
            ("[limits]\ntokens_per_day = 0", "nonzero"),
            ("[limits.teams.red]\nmodels_allowed = [\"gpt-5\"]", "provider/model"),
            ("[limits.people.Ann]\ntokens_per_day = 1", "is not a name"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
