//! The command line: every command, option and help text, and nothing about how they work.

mod args;
mod examples;
mod up;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use args::{
    By, CompletionsArgs, EventsArgs, FeedArgs, KeysArgs, KeysCommand, LoginArgs, OneArgs,
    ParkedArgs, ReplayArgs, SetArgs, SnoozeArgs, StatusArgs, UsageArgs, UsageFormat,
};
#[cfg(test)]
pub use examples::EXIT_CODES;
pub use up::{LogFormat, UpArgs};
pub use values::{IdleWish, When};

use crate::target;

/// An isolated AI agent for everybody in the company: logging in wakes it, leaving it alone
/// stops it, and nobody but the pool holds a provider key.
#[derive(Parser)]
#[command(name = "teamclaw", version, after_help = examples::TOP)]
#[command(propagate_version = true, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Every command.
#[derive(Subcommand)]
pub enum Command {
    /// Run the engine on this machine
    Up(Box<UpArgs>),
    /// What an operator asks of an engine that runs.
    #[command(flatten)]
    Operate(Operation),
    /// Print the completions for a shell
    Completions(CompletionsArgs),
    /// Set a task up, confine it and become the agent; the engine runs this
    #[command(hide = true)]
    Task,
    /// The demo's built-in agent; the engine runs this
    #[command(hide = true)]
    DemoAgent,
}

/// What an operator asks of an engine that runs.
#[derive(Subcommand)]
pub enum Operation {
    /// Log a person in, wake their agent and print a link that opens their session
    Login(LoginArgs),
    /// Show the engine and everybody's workspaces, or one person's in full
    Status(StatusArgs),
    /// Show what happened to a person's workspace, step by step
    Events(EventsArgs),
    /// Wake a person's agent and wait until it is ready
    Start(OneArgs),
    /// Stop a person's agent and wait until it is gone
    Stop(OneArgs),
    /// Try failed or parked workspaces again, from the step that failed
    Replay(ReplayArgs),
    /// List the workspaces and messages that need a human
    Parked(ParkedArgs),
    /// Put a person's idle stop off
    Snooze(SnoozeArgs),
    /// Set how long a person's agent may be left alone
    Set(SetArgs),
    /// Change the pool of provider keys, or list it
    Keys(KeysArgs),
    /// Report who spent what, to the token
    Usage(UsageArgs),
    /// Write every event as CloudEvents, one JSON object a line
    Feed(FeedArgs),
}

/// Where the engine is.
#[derive(Args)]
pub struct At {
    /// The data directory of the engine that is meant
    #[arg(long, value_name = "DIR", env = "TEAMCLAW_DATA", hide_env_values = true)]
    #[arg(default_value = target::DATA_DIR_DEFAULT, value_parser = target::data_dir)]
    pub data: PathBuf,
}

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For machines
    Json,
}

impl Format {
    /// Whether a machine reads it.
    pub fn is_json(self) -> bool {
        self == Self::Json
    }
}

impl Command {
    /// Whether problems are to be printed as JSON.
    pub fn wants_json(&self) -> bool {
        match self {
            Self::Operate(operation) => operation.wants_json(),
            Self::Up(_) | Self::Completions(_) | Self::Task | Self::DemoAgent => false,
        }
    }
}

impl Operation {
    fn wants_json(&self) -> bool {
        let format = match self {
            Self::Login(args) => args.format,
            Self::Status(args) => args.format,
            Self::Events(args) => args.format,
            Self::Start(args) | Self::Stop(args) => args.format,
            Self::Replay(args) => args.format,
            Self::Parked(args) => args.format,
            Self::Snooze(args) => args.format,
            Self::Set(args) => args.format,
            Self::Keys(args) => args.command.format(),
            Self::Usage(args) => return args.format == UsageFormat::Json,
            // What it prints is for machines anyway; its problems are for whoever runs it.
            Self::Feed(_) => return false,
        };
        format.is_json()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        fn check(command: &clap::Command) {
            for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
                let after = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(after.contains("Examples:"), "{}", sub.get_name());
                check(sub);
            }
        }
        check(&Cli::command());
    }

    #[test]
    fn a_key_is_never_an_argument() {
        let attempt = Cli::try_parse_from(["teamclaw", "keys", "add", "anthropic", "sk-ant-x"]);
        assert!(attempt.is_err());
    }
}
