//! The command: `teamclaw up` runs the engine on this machine, everything else operates it.
//!
//! Reads the arguments, chooses a runtime and turns the outcome into an exit code. Nothing else.

// `pub`, so that the lints for what is public hold within this program too.
pub mod backend;
pub mod cli;
pub mod client;
pub mod cloud;
pub mod commands;
pub mod demo;
pub mod deploy;
pub mod doctor;
pub mod estimate;
#[cfg(test)]
#[path = "../../tests/fuzz/src/arguments.rs"]
pub mod fuzzed;
pub mod output;
pub mod problem;
pub mod target;
pub mod task;
pub mod timeline;
pub mod up;
pub mod words;

use std::future::Future;
use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};
use problem::Problem;
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => return output::usage_error(&error),
    };
    let json = command.wants_json();
    let outcome = match command {
        Command::Task => return task::run(),
        Command::DemoAgent => return demo::agent::run(),
        Command::Up(args) => block_on(&mut Builder::new_multi_thread(), up::run(*args)),
        Command::Deploy(args) => {
            block_on(&mut Builder::new_current_thread(), commands::deploy(args))
        }
        Command::Doctor(args) => {
            block_on(&mut Builder::new_current_thread(), commands::doctor(args))
        }
        Command::Estimate(args) => commands::estimate(&args),
        Command::Completions(args) => commands::completions(&args),
        Command::Operate(operation) => {
            block_on(&mut Builder::new_current_thread(), commands::run(operation))
        }
    };
    outcome.unwrap_or_else(|problem| output::problem(&problem, json))
}

fn block_on<F>(builder: &mut Builder, work: F) -> Result<ExitCode, Problem>
where
    F: Future<Output = Result<ExitCode, Problem>>,
{
    // An error means that one is installed already, which is as good.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let runtime = builder.enable_all().build();
    runtime.map_err(|error| Problem::bug(format!("no runtime: {error}")))?.block_on(work)
}
