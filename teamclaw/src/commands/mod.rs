//! The operator's commands, one file for each kind. Each asks the engine and prints; none decides
//! anything that the engine should decide.

mod delete;
mod deploy;
mod doctor;
mod estimate;
mod events;
mod feed;
mod follow;
mod keys;
mod leave;
mod lifecycle;
mod login;
mod orphans;
mod parked;
mod replay;
mod rotate;
mod secret_input;
mod settings;
mod status;
mod table;
mod troubled;
mod usage;
mod usage_csv;

use std::process::ExitCode;

use clap::CommandFactory;

pub use deploy::run as deploy;
pub use doctor::run as doctor;
pub use estimate::run as estimate;

use crate::cli::{Cli, CompletionsArgs, Operation};
use crate::client::Engine;
use crate::output;
use crate::problem::Problem;

/// Runs one command to its end.
///
/// # Errors
/// What did not work.
pub async fn run(operation: Operation) -> Result<ExitCode, Problem> {
    match operation {
        Operation::Login(args) => login::run(&Engine::find(&args.at).await?, &args).await?,
        Operation::Status(args) => status::run(&Engine::find(&args.at).await?, &args).await?,
        Operation::Events(args) => events::run(&Engine::find(&args.at).await?, &args).await?,
        Operation::Start(args) => lifecycle::start(&Engine::find(&args.at).await?, &args).await?,
        Operation::Stop(args) => lifecycle::stop(&Engine::find(&args.at).await?, &args).await?,
        Operation::Replay(args) => replay::run(&Engine::find(&args.at).await?, &args).await?,
        Operation::Parked(args) => parked::run(&Engine::find(args.at()).await?, &args).await?,
        Operation::Orphans(args) => orphans::run(&Engine::find(&args.at).await?, &args).await?,
        Operation::Delete(args) => delete::run(&args).await?,
        Operation::Snooze(args) => settings::snooze(&Engine::find(&args.at).await?, &args).await?,
        Operation::Set(args) => settings::set(&Engine::find(&args.at).await?, &args).await?,
        Operation::Keys(args) => keys::run(&args.command).await?,
        Operation::Usage(args) => usage::run(&Engine::find(&args.at).await?, &args).await?,
        Operation::Feed(args) => feed::run(&Engine::find(&args.at).await?, &args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints what a shell completes by.
///
/// # Errors
/// The reader has gone away.
pub fn completions(args: &CompletionsArgs) -> Result<ExitCode, Problem> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "teamclaw", &mut script);
    output::raw(&script)?;
    Ok(ExitCode::SUCCESS)
}
