//! Runs the steps of a deployment, one after the other, and lets people see what they print.

use std::path::Path;
use std::process::Command;

use super::Step;
use crate::output::{self, BOLD, styled};
use crate::problem::Problem;

/// Runs every step to its end.
///
/// # Errors
/// One did not work; those after it were not begun.
pub fn all(source: &Path, env: &str, steps: &[Step]) -> Result<(), Problem> {
    for (place, step) in steps.iter().enumerate() {
        let head = format!("[{}/{}] {}", place + 1, steps.len(), step.what);
        output::line(&styled(BOLD, &head))?;
        output::line(&format!("  {}", step.typed()))?;
        one(source, env, step)?;
    }
    Ok(())
}

/// The program has our own output and terminal, so that its progress is seen as it is made.
fn one(source: &Path, env: &str, step: &Step) -> Result<(), Problem> {
    let within = source.join(step.place);
    // A script of the checkout is named by its path; anything else is looked for on PATH.
    let script = source.join(step.program);
    let program =
        if step.program.contains('/') { script.as_os_str() } else { step.program.as_ref() };
    let outcome = Command::new(program).args(&step.arguments).current_dir(&within).status();
    let why = match outcome {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => format!("`{}` ended with {status}", step.typed()),
        Err(error) => format!("`{}` cannot be run: {error}", step.program),
    };
    let do_this = format!(
        "read what it printed, or see `teamclaw doctor {env}`; run this again, and it goes on with \
         what is missing"
    );
    Err(Problem::new(format!("could not {}", step.what), why, do_this))
}
