//! The options of `teamclaw doctor`.

use std::path::PathBuf;

use clap::Args;

use super::{Format, examples, values};
use crate::target;

/// `teamclaw doctor`.
#[derive(Args)]
#[command(after_help = examples::DOCTOR)]
pub struct DoctorArgs {
    /// Which deployed environment [default: none, this machine]
    #[arg(value_name = "ENV", value_parser = values::environment)]
    pub env: Option<String>,
    /// How many people the account's quotas must be enough for
    #[arg(long, value_name = "N", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub users: u32,
    /// vCPUs of a task
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=16))]
    pub vcpu: u32,
    /// How many of a hundred tasks run on Spot
    #[arg(long, value_name = "PERCENT", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=100))]
    pub spot: u32,
    /// Have CloudFormation look for what was changed by hand, which takes minutes, and wait for it
    #[arg(long, requires = "env")]
    pub drift: bool,
    /// The data directory of this machine's engine
    #[arg(long, value_name = "DIR", env = "TEAMCLAW_DATA", hide_env_values = true)]
    #[arg(default_value = target::DATA_DIR_DEFAULT, value_parser = target::data_dir)]
    pub data: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}
