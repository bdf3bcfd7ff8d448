//! `teamclaw up`: everything on one machine, put together and kept running.
//!
//! This is the composition root: the only place that knows which adapter stands behind which port.

mod agents;
mod compose;
mod doors;
mod ending;
#[cfg(test)]
#[path = "../../../tests/fuzz/src/operator_file.rs"]
pub mod fuzzed;
pub mod install;
mod log;
mod settings;
mod show;

use std::process::ExitCode;

use crate::cli::UpArgs;
use crate::problem::Problem;

use compose::Machine;
use ending::Ending;
use settings::Settings;

/// Runs until it is told to stop, or, in a demonstration with `--exit`, until the journey is over.
///
/// # Errors
/// What keeps it from starting, with what to do about it.
pub async fn run(args: UpArgs) -> Result<ExitCode, Problem> {
    log::begin(args.log);
    let settings = Settings::read(&args)?;
    let ending = Ending::listen()?;
    let machine = Machine::start(settings).await?;
    let shown = show(&machine, &ending).await;
    machine.stop(ending.wants_agents_stopped()).await;
    shown
}

/// Says what there is to say until it is told to end.
async fn show(machine: &Machine, ending: &Ending) -> Result<ExitCode, Problem> {
    show::banner(machine)?;
    if machine.settings.demo {
        return show::demonstration(machine, ending).await;
    }
    ending.asked().await;
    Ok(ExitCode::SUCCESS)
}
