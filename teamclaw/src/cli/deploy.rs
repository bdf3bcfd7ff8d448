//! The options of `teamclaw deploy`.

use std::path::PathBuf;

use clap::Args;

use super::{examples, values};
use crate::problem::Problem;

/// `teamclaw deploy`.
#[derive(Args)]
#[command(after_help = examples::DEPLOY)]
pub struct DeployArgs {
    /// Which environment of infra/config.ts
    #[arg(value_name = "ENV", value_parser = values::environment)]
    pub env: String,
    /// Change nothing: say what would be run, and what would change
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,
    /// Only this stack: foundation, cluster, control-plane or admin
    #[arg(long, value_name = "STACK", value_parser = stack)]
    pub only: Option<&'static str>,
    /// How many people the account's quotas must be enough for
    #[arg(long, value_name = "N", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub users: u32,
    /// Do not look at credentials and quotas first
    #[arg(long)]
    pub no_checks: bool,
    /// The checkout of TeamClaw that is deployed
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub source: PathBuf,
}

/// The stacks in the order in which they are deployed: each reads what the one before has published.
pub const STACKS: [&str; 4] = ["foundation", "cluster", "control-plane", "admin"];

fn stack(text: &str) -> Result<&'static str, String> {
    let found = STACKS.into_iter().find(|stack| *stack == text);
    found.ok_or_else(|| format!("the stacks are {}", STACKS.join(", ")))
}

impl DeployArgs {
    /// What a person must type when nobody said `--yes`.
    pub fn not_confirmed(&self, why: &str) -> Problem {
        let do_this = "add --yes, or see what would change with --dry-run";
        Problem::new(format!("{} is not deployed", self.env), why, do_this)
            .with_code(crate::problem::EXIT_USAGE)
    }
}
