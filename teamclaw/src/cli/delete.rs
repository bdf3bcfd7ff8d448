//! The options of `teamclaw delete`.

use clap::Args;
use events::WorkspaceId;

use super::{At, Format, examples};

/// `teamclaw delete`.
#[derive(Args)]
#[command(after_help = examples::DELETE)]
pub struct DeleteArgs {
    /// Whom
    pub user: WorkspaceId,
    /// Do not ask for the name again
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,
    /// Only say what would go
    #[arg(long)]
    pub dry_run: bool,
    /// Where the engine is
    #[command(flatten)]
    pub at: At,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}
