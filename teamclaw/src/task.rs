//! The hidden subcommand `task`: the process that the engine starts and that becomes an agent.
//!
//! Nothing happens before the engine says go, and nothing of the agent runs before the walls are
//! up. It must stay single-threaded until then.

use std::process::ExitCode;

use local::compute::launcher::wait_for_go;
use local::confine::Refusal;

/// Runs one agent to its end, as told by the engine over standard input.
pub fn run() -> ExitCode {
    match prepared() {
        Ok(Some(settings)) => become_agent(settings),
        Ok(None) => ExitCode::SUCCESS,
        Err(why) => {
            crate::output::error_line(&format!("the agent was not started: {why}"));
            ExitCode::FAILURE
        }
    }
}

/// Waits for go and puts up the walls. Nothing comes back when the engine only wanted to look at
/// them.
fn prepared() -> Result<Option<agent::Settings>, String> {
    let go = wait_for_go().map_err(|refusal: Refusal| refusal.to_string())?;
    let outcome = local::confine::enter(&go.enclosure).map_err(|refusal| refusal.to_string())?;
    if go.answered(outcome).map_err(|refusal| refusal.to_string())? {
        return Ok(None);
    }
    let lookup = |name: &str| go.environment.get(name).cloned();
    agent::Settings::from_env(&lookup).map(Some).map_err(|error| error.to_string())
}

fn become_agent(settings: agent::Settings) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(agent::run(settings)),
        Err(error) => {
            crate::output::error_line(&format!("the agent was not started: {error}"));
            ExitCode::FAILURE
        }
    }
}
