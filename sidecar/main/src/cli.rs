//! The command line. Names nothing secret: the token comes by the environment, the keys by a file.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use events::{TeamId, WorkspaceId};
use serde::Deserialize;

const EXAMPLES: &str = "\
Examples:
  # one workspace, whose token is in the environment
  export TEAMCLAW_TOKEN=tc_$(openssl rand -hex 32)
  teamclaw-sidecar --keys keys.json --usage usage.jsonl

  # many workspaces, by a configuration file
  teamclaw-sidecar --config sidecar.toml

  # what would run, without running it
  teamclaw-sidecar --config sidecar.toml --check

The keys' file, for its owner alone (chmod 600):
  {\"providers\": {\"anthropic\": {\"keys\": [\"sk-ant-...\"]}}}

Clients use http://ADDRESS/PROVIDER as their base URL and the token as their API key.
Exit codes: 0 it was stopped, 2 it could not start, or does not answer --health.";

/// A proxy that swaps a worthless token for a pooled provider key and counts every token and cent.
#[derive(Debug, Parser)]
#[command(name = "teamclaw-sidecar", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// The configuration file (TOML); what is given here as well counts instead
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where to listen; port 0 takes a free one and prints it [default: 127.0.0.1:4141]
    #[arg(long, value_name = "ADDRESS", env = "TEAMCLAW_SIDECAR_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,
    /// The key pool, a JSON file that is read again when it changes
    #[arg(long, value_name = "FILE", env = "TEAMCLAW_SIDECAR_KEYS")]
    pub(crate) keys: Option<PathBuf>,
    /// Where usage goes, a line of JSON for each request: a file, or - for standard output
    #[arg(long, value_name = "FILE", env = "TEAMCLAW_SIDECAR_USAGE")]
    pub(crate) usage: Option<PathBuf>,
    /// Whose token is in TEAMCLAW_TOKEN [default: agent]
    #[arg(long, value_name = "NAME", env = "TEAMCLAW_WORKSPACE")]
    pub(crate) workspace: Option<WorkspaceId>,
    /// The team that pays for it [default: everyone]
    #[arg(long, value_name = "NAME", env = "TEAMCLAW_TEAM")]
    pub(crate) team: Option<TeamId>,
    /// Another place of a provider, as anthropic=https://gateway.example/anthropic
    #[arg(long = "upstream", value_name = "ID=URL")]
    pub(crate) upstreams: Vec<String>,
    /// Where the operator may ask for /health, /ready and /metrics, such as 127.0.0.1:9464; nowhere
    /// unless it is given. Metrics want the bearer token of TEAMCLAW_OPERATOR_TOKEN
    #[arg(long, value_name = "ADDRESS", env = "TEAMCLAW_SIDECAR_OPERATOR")]
    pub(crate) operator: Option<SocketAddr>,
    /// How the log on standard error looks [default: text]
    #[arg(long, value_name = "FORMAT", env = "TEAMCLAW_LOG_FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    /// Be the sidecar of one workspace on AWS: keys come from Secrets Manager and usage goes to SQS,
    /// with credentials that the broker gives for the lease's token. The environment tells the rest:
    /// TEAMCLAW_LEASE_TOKEN, TEAMCLAW_BROKER_URL, TEAMCLAW_ENV, AWS_REGION, and where usage waits in
    /// TEAMCLAW_SIDECAR_JOURNAL
    #[cfg(feature = "aws")]
    #[arg(long)]
    pub(crate) aws: bool,
    /// Say what would run, and end
    #[arg(long)]
    pub(crate) check: bool,
    /// Ask the sidecar that listens there whether it answers, and end
    #[arg(long, conflicts_with = "check")]
    pub(crate) health: bool,
}

/// How the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For a person.
    #[default]
    Text,
    /// A line of JSON for each event.
    Json,
}

/// A variable of the environment; empty is as good as none.
#[expect(clippy::disallowed_methods, reason = "a root of its own; this is its one reader")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
