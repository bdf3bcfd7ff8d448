//! The options of `teamclaw up`. What is left out here may stand in the configuration file.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use jiff::SignedDuration;

use super::{LogFormat, examples, values};
use crate::target;

/// `teamclaw up`.
#[derive(Args)]
#[command(after_help = examples::UP)]
pub struct UpArgs {
    /// Show one whole journey with a built-in agent and provider; no npm, key or network needed
    #[arg(long)]
    pub demo: bool,
    /// End after the demo's journey: 0 when it was whole
    #[arg(long, requires = "demo")]
    pub exit: bool,
    /// What holds everything; a demo's is ~/.local/share/teamclaw-demo, root's are in /var/lib
    #[arg(long, value_name = "DIR", env = "TEAMCLAW_DATA", hide_env_values = true)]
    #[arg(default_value = target::DATA_DIR_DEFAULT, value_parser = target::data_dir)]
    #[arg(default_value_if("demo", "true", target::DEMO_DATA_DIR_DEFAULT))]
    pub data: PathBuf,
    /// Where people reach the front door [default: 127.0.0.1:7700]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Run this command as everybody's agent instead of OpenClaw
    #[arg(long, value_name = "CMD")]
    pub agent: Option<String>,
    /// The path under which that agent answers 200 when it is ready [default: /healthz]
    #[arg(long, value_name = "PATH", value_parser = values::health_path)]
    pub agent_health: Option<String>,
    /// Let that agent read and run this file or directory, too; may be given several times
    #[arg(long, value_name = "PATH", requires = "agent")]
    pub agent_files: Vec<PathBuf>,
    /// How long an agent may be left alone before it is stopped [default: 30m]
    #[arg(long, value_name = "DUR", value_parser = values::duration)]
    pub idle: Option<SignedDuration>,
    /// The shortest such time that a person may choose [default: 5m]
    #[arg(long, value_name = "DUR", value_parser = values::duration)]
    pub idle_min: Option<SignedDuration>,
    /// The longest such time that a person may choose [default: 24h]
    #[arg(long, value_name = "DUR", value_parser = values::duration)]
    pub idle_max: Option<SignedDuration>,
    /// How long before an idle stop the person is told [default: 2m]
    #[arg(long, value_name = "DUR", value_parser = values::duration)]
    pub notice: Option<SignedDuration>,
    /// Read the options that are not given from this TOML file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Send the requests for a provider somewhere else; may be given several times
    #[arg(long, value_name = "PROVIDER=URL")]
    #[arg(value_parser = values::upstream)]
    pub upstream: Vec<String>,
    /// The model that agents use when nobody chose one: anthropic/claude-sonnet-4-6
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// The loopback ports that agents may listen on
    #[arg(long, value_name = "FROM-TO")]
    #[arg(value_parser = values::port_range)]
    pub agent_ports: Option<String>,
    /// Refuse to run when this machine cannot confine the agents completely
    #[arg(long)]
    pub require_confinement: bool,
    /// Run Node and OpenClaw from this directory, as `npm ci` leaves it, and install nothing
    #[arg(long, value_name = "DIR", conflicts_with = "agent")]
    pub runtime: Option<PathBuf>,
    /// How long an agent may take to get ready [default: 3m]
    #[arg(long, value_name = "DUR", value_parser = values::duration)]
    pub ready_within: Option<SignedDuration>,
    /// Install nothing: say what is missing instead
    #[arg(long)]
    pub no_install: bool,
    /// How the engine's log is written to standard error
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub log: LogFormat,
}
