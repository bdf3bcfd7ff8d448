//! The options of `teamclaw parked`: the list, and what a human decides about it.

use clap::{ArgGroup, Args, Subcommand};
use events::{Class, ReasonClass, Step, TeamId, WorkspaceId};

use super::values::{self, When};
use super::{At, Format, examples};

/// `teamclaw parked`.
#[derive(Args)]
#[command(after_help = examples::PARKED, args_conflicts_with_subcommands = true)]
pub struct ParkedArgs {
    /// What the human decides; none lists.
    #[command(subcommand)]
    pub decision: Option<Decision>,
    /// Where the engine is
    #[command(flatten)]
    pub at: At,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// What a human decides.
#[derive(Subcommand)]
pub enum Decision {
    /// Do the parked step again: what was in the way is mended
    #[command(after_help = examples::PARKED_RETRY)]
    Retry(LeaveArgs),
    /// Go on past the parked step: it was done, or undone, by hand
    #[command(after_help = examples::PARKED_SKIP)]
    Skip(LeaveArgs),
    /// Give up: stop the workspace and take everything back but the home
    #[command(after_help = examples::PARKED_ABORT)]
    Abort(LeaveArgs),
    /// Do it again from an earlier step
    #[command(after_help = examples::PARKED_REPLAY)]
    Replay {
        /// Run again from this step on
        #[arg(long, value_name = "STEP")]
        from: Step,
        /// Which
        #[command(flatten)]
        which: LeaveArgs,
    },
    /// Send the messages that were set aside again, with a fresh count
    #[command(after_help = examples::PARKED_REDRIVE)]
    Redrive(RedriveArgs),
}

/// Which parked workspaces.
#[derive(Args)]
#[command(group(ArgGroup::new("which").required(true).args(["user", "all"])))]
pub struct LeaveArgs {
    /// Whose workspace
    pub user: Option<WorkspaceId>,
    /// All that are parked
    #[arg(long)]
    pub all: bool,
    /// Only those parked at this step
    #[arg(long, requires = "all", conflicts_with = "user")]
    pub step: Option<Step>,
    /// Only those parked since: 2026-11-22T10:00Z, or 2h for two hours ago
    #[arg(long, value_name = "TIME", requires = "all", conflicts_with = "user")]
    pub since: Option<When>,
    /// Only those parked for this class of reason
    #[arg(long, requires = "all", conflicts_with = "user", value_parser = values::reason_class)]
    pub reason: Option<ReasonClass>,
    /// Only those of this team
    #[arg(long, requires = "all", conflicts_with = "user")]
    pub team: Option<TeamId>,
    /// Only say which would go on, and which would be refused
    #[arg(long)]
    pub dry_run: bool,
    /// Where the engine is
    #[command(flatten)]
    pub at: At,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `teamclaw parked redrive`.
#[derive(Args)]
pub struct RedriveArgs {
    /// Only those of this queue [default: all]
    #[arg(long, value_parser = values::class)]
    pub class: Option<Class>,
    /// Only say which would be sent
    #[arg(long)]
    pub dry_run: bool,
    /// Where the engine is
    #[command(flatten)]
    pub at: At,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

impl ParkedArgs {
    /// How to print.
    pub fn format(&self) -> Format {
        match &self.decision {
            None => self.format,
            Some(
                Decision::Retry(which)
                | Decision::Skip(which)
                | Decision::Abort(which)
                | Decision::Replay { which, .. },
            ) => which.format,
            Some(Decision::Redrive(args)) => args.format,
        }
    }

    /// Where the engine is.
    pub fn at(&self) -> &At {
        match &self.decision {
            None => &self.at,
            Some(
                Decision::Retry(which)
                | Decision::Skip(which)
                | Decision::Abort(which)
                | Decision::Replay { which, .. },
            ) => &which.at,
            Some(Decision::Redrive(args)) => &args.at,
        }
    }
}
