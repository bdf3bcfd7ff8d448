//! The options of the operator's commands.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use clap_complete::Shell;
use events::{KeyPrint, ReasonClass, Step, TeamId, WorkspaceId};
use jiff::SignedDuration;

use super::values::{self, IdleWish, When};
use super::{At, By, Format, RotateArgs, RotationsArgs, UsageFormat, examples};

/// `teamclaw login`.
#[derive(Args)]
#[command(after_help = examples::LOGIN)]
pub struct LoginArgs {
    /// Who
    pub user: WorkspaceId,
    /// The team whose budget they draw on [default: the one they had]
    #[arg(long)]
    pub team: Option<TeamId>,
    /// Let them see and do everything
    #[arg(long)]
    pub admin: bool,
    /// Do not wait until their agent is ready
    #[arg(long)]
    pub no_wait: bool,
    /// Where the engine is
    #[command(flatten)]
    pub at: At,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `teamclaw status`.
#[derive(Args)]
#[command(after_help = examples::STATUS)]
pub struct StatusArgs {
    /// Whose workspace [default: everybody's, and the engine]
    pub user: Option<WorkspaceId>,
    /// Where the engine is
    #[command(flatten)]
    pub at: At,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `teamclaw events`.
#[derive(Args)]
#[command(after_help = examples::EVENTS)]
pub struct EventsArgs {
    /// Whose workspace
    pub user: WorkspaceId,
    /// Go on with what happens from now on
    #[arg(long)]
    pub follow: bool,
    /// Only what came after this version
    #[arg(long, value_name = "VERSION", default_value_t = 0, hide_default_value = true)]
    pub since: u64,
    /// Where the engine is
    #[command(flatten)]
    pub at: At,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `teamclaw start` and `teamclaw stop`.
#[derive(Args)]
#[command(after_help = examples::ONE)]
pub struct OneArgs {
    /// Whose agent
    pub user: WorkspaceId,
    /// Where the engine is
    #[command(flatten)]
    pub at: At,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `teamclaw replay`.
#[derive(Args)]
#[command(after_help = examples::REPLAY)]
#[command(group(ArgGroup::new("which").required(true).args(["user", "failed"])))]
pub struct ReplayArgs {
    /// Whose workspace
    pub user: Option<WorkspaceId>,
    /// All that have failed or are parked
    #[arg(long)]
    pub failed: bool,
    /// Only those that failed at this step
    #[arg(long, requires = "failed", conflicts_with = "user")]
    pub step: Option<Step>,
    /// Only those that failed since: 2026-11-22T10:00Z, or 2h for two hours ago
    #[arg(long, value_name = "TIME", requires = "failed", conflicts_with = "user")]
    pub since: Option<When>,
    /// Only those that failed for this class of reason
    #[arg(long, requires = "failed", conflicts_with = "user", value_parser = values::reason_class)]
    pub reason: Option<ReasonClass>,
    /// Only those of this team
    #[arg(long, requires = "failed", conflicts_with = "user")]
    pub team: Option<TeamId>,
    /// Run again from this step on [default: the one that failed]
    #[arg(long, value_name = "STEP")]
    pub from: Option<Step>,
    /// Only say which would be tried again
    #[arg(long, requires = "failed", conflicts_with = "user")]
    pub dry_run: bool,
    /// Where the engine is
    #[command(flatten)]
    pub at: At,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `teamclaw orphans`.
#[derive(Args)]
#[command(after_help = examples::ORPHANS)]
pub struct OrphansArgs {
    /// Where the engine is
    #[command(flatten)]
    pub at: At,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `teamclaw snooze`.
#[derive(Args)]
#[command(after_help = examples::SNOOZE)]
pub struct SnoozeArgs {
    /// Whose agent
    pub user: WorkspaceId,
    /// For how long
    #[arg(long = "for", value_name = "DUR", default_value = "1h", value_parser = values::duration)]
    pub time: SignedDuration,
    /// Where the engine is
    #[command(flatten)]
    pub at: At,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `teamclaw set`.
#[derive(Args)]
#[command(after_help = examples::SET)]
pub struct SetArgs {
    /// Whose agent
    pub user: WorkspaceId,
    /// How long it may be left alone before it is stopped, or `default`
    #[arg(long, value_name = "DUR|default")]
    pub idle: IdleWish,
    /// Where the engine is
    #[command(flatten)]
    pub at: At,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `teamclaw keys`.
#[derive(Args)]
#[command(after_help = examples::KEYS)]
pub struct KeysArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// What can be done with the pool.
#[derive(Subcommand)]
pub enum KeysCommand {
    /// Add a key; it is read from standard input, a variable or a file, never from an argument
    #[command(after_help = examples::KEYS_ADD)]
    Add {
        /// The provider's id, such as anthropic
        #[arg(value_parser = values::provider)]
        provider: String,
        /// Take the key from this variable of the environment
        #[arg(long, value_name = "NAME", conflicts_with = "from_file")]
        from_env: Option<String>,
        /// Take the key from this file
        #[arg(long, value_name = "FILE", value_parser = values::key_file)]
        from_file: Option<PathBuf>,
        /// Where the engine is
        #[command(flatten)]
        at: At,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// List the keys by their fingerprints
    #[command(after_help = examples::KEYS_LIST)]
    List {
        /// Where the engine is
        #[command(flatten)]
        at: At,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Remove a key; requests that use it are finished
    #[command(after_help = examples::KEYS_REMOVE)]
    Remove {
        /// The provider's id
        #[arg(value_parser = values::provider)]
        provider: String,
        /// The key's fingerprint, as `keys list` shows it
        #[arg(value_parser = values::key_print)]
        fingerprint: KeyPrint,
        /// Where the engine is
        #[command(flatten)]
        at: At,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Put new keys in the place of old ones, step by step, without a failed request
    Rotate(RotateArgs),
    /// List the rotations: where each stands and why
    Rotations(RotationsArgs),
}

impl KeysCommand {
    /// How to print.
    pub fn format(&self) -> Format {
        match self {
            Self::Add { format, .. } | Self::List { format, .. } | Self::Remove { format, .. } => {
                *format
            }
            Self::Rotate(args) => args.format,
            Self::Rotations(args) => args.format,
        }
    }
}

/// `teamclaw usage`.
#[derive(Args)]
#[command(after_help = examples::USAGE)]
pub struct UsageArgs {
    /// What to add up by
    #[arg(long, value_enum, default_value_t)]
    pub by: By,
    /// Only what was used since: 2026-11-22T10:00Z, or 7d for the last seven days
    #[arg(long, value_name = "TIME")]
    pub since: Option<When>,
    /// Where the engine is
    #[command(flatten)]
    pub at: At,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: UsageFormat,
}

/// `teamclaw feed`.
#[derive(Args)]
#[command(after_help = examples::FEED)]
pub struct FeedArgs {
    /// Only what was recorded after this place; the command names it when it ends
    #[arg(long, value_name = "CURSOR", default_value_t = 0, hide_default_value = true)]
    pub since: u64,
    /// Go on with what is recorded from now on
    #[arg(long)]
    pub follow: bool,
    /// Only events of this type; a `*` at the end stands for anything
    #[arg(long = "type", value_name = "TYPE", value_parser = values::event_type)]
    pub kind: Option<String>,
    /// Where the engine is
    #[command(flatten)]
    pub at: At,
}

/// `teamclaw completions`.
#[derive(Args)]
#[command(after_help = examples::COMPLETIONS)]
pub struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum)]
    pub shell: Shell,
}
