//! The command line: every command, option and help text, and nothing about how they work.

mod args;
mod choices;
mod delete;
mod deploy;
mod doctor;
mod estimate;
mod examples;
mod parked;
mod rotate;
mod up;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use args::{
    CompletionsArgs, EventsArgs, FeedArgs, KeysArgs, KeysCommand, LoginArgs, OneArgs, OrphansArgs,
    ReplayArgs, SetArgs, SnoozeArgs, StatusArgs, UsageArgs,
};
pub use choices::{Backend, By, Format, LogFormat, UsageFormat};

pub use delete::DeleteArgs;
pub use deploy::{DeployArgs, STACKS};
pub use doctor::DoctorArgs;
pub use estimate::EstimateArgs;
#[cfg(test)]
pub use examples::EXIT_CODES;
pub use parked::{Decision, LeaveArgs, ParkedArgs, RedriveArgs};
pub use rotate::{RotateArgs, RotationsArgs};
pub use up::UpArgs;
pub use values::{IdleWish, When};

use crate::target;

/// An isolated AI agent for everybody in the company: logging in wakes it, leaving it alone
/// stops it, and nobody but the pool holds a provider key.
#[derive(Parser)]
#[command(name = "teamclaw", version, after_help = examples::TOP)]
#[command(subcommand_required = true, arg_required_else_help = true)]
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
    /// Deploy an environment on AWS, stack by stack
    Deploy(DeployArgs),
    /// Look at what is needed and what is wrong: on this machine, or of a deployed environment
    Doctor(DoctorArgs),
    /// Estimate what a deployment on AWS costs a month, line by line
    Estimate(EstimateArgs),
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
    /// List the workspaces and messages that need a human, and say how they go on
    Parked(ParkedArgs),
    /// List what nobody seems to own, and what becomes of it
    Orphans(OrphansArgs),
    /// Delete a person: stop their agent, end their sessions and remove their home, for good
    Delete(DeleteArgs),
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
    /// Where it runs: on one machine, or deployed on AWS
    #[arg(long, value_enum, env = "TEAMCLAW_BACKEND", hide_env_values = true, default_value_t)]
    pub backend: Backend,
    /// The name of the deployed environment, with --backend aws
    #[arg(long, value_name = "NAME", env = "TEAMCLAW_ENV", hide_env_values = true)]
    #[arg(value_parser = values::environment)]
    pub env: Option<String>,
    /// The data directory of the engine that is meant; root's is /var/lib/teamclaw
    #[arg(long, value_name = "DIR", env = "TEAMCLAW_DATA", hide_env_values = true)]
    #[arg(default_value = target::DATA_DIR_DEFAULT, value_parser = target::data_dir)]
    pub data: PathBuf,
}

impl Command {
    /// Whether problems are to be printed as JSON.
    pub fn wants_json(&self) -> bool {
        match self {
            Self::Operate(operation) => operation.wants_json(),
            Self::Estimate(args) => args.format == UsageFormat::Json,
            Self::Doctor(args) => args.format.is_json(),
            Self::Deploy(_) | Self::Up(_) | Self::Completions(_) | Self::Task | Self::DemoAgent => {
                false
            }
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
            Self::Parked(args) => args.format(),
            Self::Orphans(args) => args.format,
            Self::Delete(args) => args.format,
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

    /// What the fuzz targets have kept (`tests/fuzz/`), through the functions that judged it there.
    #[test]
    fn every_fuzzed_command_line_and_file_is_understood_or_refused_in_words() {
        judge("arguments", crate::fuzzed::check);
        judge("operator_file", crate::up::fuzzed::check);
        let files = std::env::temp_dir().join(format!("teamclaw-fuzz-{}", std::process::id()));
        std::fs::remove_dir_all(files).expect("the targets put their files there");
    }

    fn judge(target: &str, check: fn(&[u8])) {
        let corpus = format!("{}/../tests/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
        let inputs = std::fs::read_dir(&corpus).expect("a corpus");
        let inputs: Vec<_> = inputs.map(|entry| entry.expect("an entry").path()).collect();
        let fails = |input: &&std::path::PathBuf| {
            let data = std::fs::read(input).expect("an input");
            std::panic::catch_unwind(|| check(&data)).is_err()
        };
        let failed: Vec<_> = inputs.iter().filter(fails).collect();
        assert!(failed.is_empty(), "their panics are above: {failed:#?}");
        assert!(inputs.len() > 10, "{corpus}");
    }

    /// Every command that people see, by its path: `keys add`.
    fn visible(command: &clap::Command, path: &str) -> Vec<(String, clap::Command)> {
        let seen = command.get_subcommands().filter(|sub| !sub.is_hide_set());
        let below = seen.flat_map(|sub| visible(sub, format!("{path} {}", sub.get_name()).trim()));
        std::iter::once((path.to_owned(), command.clone())).chain(below).collect()
    }

    #[test]
    fn every_command_has_examples_and_a_transcript_of_its_help() {
        let all = visible(&Cli::command(), "");
        assert!(all.len() > 15, "{}", all.len());
        for (path, command) in all {
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains("Examples:"), "{path}");
            let name = if path.is_empty() { "teamclaw" } else { &path.replace(' ', "_") };
            let file = format!("{}/tests/cli/help_{name}.trycmd", env!("CARGO_MANIFEST_DIR"));
            let transcript = std::fs::read_to_string(&file).expect(&file);
            // Without its fence trycmd passes a file over in silence.
            let asked = format!("```console\n$ teamclaw {path} --help\n").replace("  ", " ");
            assert!(transcript.contains(&asked) && transcript.contains("Usage:"), "{file}");
        }
    }

    #[test]
    fn a_key_is_never_an_argument() {
        let attempt = Cli::try_parse_from(["teamclaw", "keys", "add", "anthropic", "sk-ant-x"]);
        assert!(attempt.is_err());
    }
}
