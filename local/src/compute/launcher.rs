//! The first half of the launcher: the process that the engine starts and that becomes the agent.
//!
//! It does nothing until the engine has its name on record and says go. When the engine dies
//! before, the pipe closes and the launcher ends: no agent runs that nobody knows of.
//!
//! The whole of a launcher, called before the program has any other thread:
//!
//! ```text
//! let go = local::compute::launcher::wait_for_go()?;
//! let outcome = local::confine::enter(&go.enclosure)?;
//! if go.answered(outcome)? {
//!     return Ok(()); // the engine only looked at the walls
//! }
//! agent::run(go.environment)
//! ```

use std::collections::BTreeMap;
use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::confine::{Enclosure, Outcome, Refusal, examine};

/// The longest message of the engine; an environment is a few kilobytes.
const GO_BYTES_MAX: u64 = 1 << 20;

/// The engine's word to go, with all that the agent may know. `Debug` is left out: the
/// environment holds the lease token.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Go {
    /// What the agent gets by environment; nothing is inherited from the engine.
    pub environment: BTreeMap<String, String>,
    /// What the agent may do.
    pub enclosure: Enclosure,
    /// When it is set, only look at the walls and answer: the engine's own directory.
    pub(crate) look_at: Option<PathBuf>,
}

impl Go {
    /// Answers the engine if it only wanted to know what confines an agent here; then nothing more
    /// is to be done and the program must end.
    ///
    /// # Errors
    /// [`Refusal::System`] when the answer cannot be written.
    pub fn answered(&self, outcome: Outcome) -> Result<bool, Refusal> {
        let Some(ours) = &self.look_at else { return Ok(false) };
        let seen = serde_json::to_vec(&examine(&self.enclosure, outcome, ours))
            .map_err(|error| Refusal::BadMessage(error.to_string()))?;
        std::io::stdout()
            .write_all(&seen)
            .map_err(|error| Refusal::system("answering the engine", error))?;
        Ok(true)
    }
}

/// Leaves the engine's session and waits until the engine has said go and closed its end.
///
/// # Errors
/// [`Refusal::NoGo`] when the engine went away first, or a person called this by hand;
/// [`Refusal::BadMessage`] when the message is none of ours.
pub fn wait_for_go() -> Result<Go, Refusal> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err(Refusal::NoGo);
    }
    rustix::process::setsid().map_err(|error| Refusal::system("making a session", error))?;
    let mut message = String::new();
    stdin
        .take(GO_BYTES_MAX)
        .read_to_string(&mut message)
        .map_err(|error| Refusal::system("reading the engine's message", error))?;
    // The last byte is the word itself: a message that was cut short is no go.
    let Some(message) = message.strip_suffix(GO) else { return Err(Refusal::NoGo) };
    // The error of a JSON parser may quote the text, which holds secrets: only where, not what.
    serde_json::from_str(message).map_err(|error| {
        Refusal::BadMessage(format!("line {}, column {}", error.line(), error.column()))
    })
}

/// Ends the engine's message.
pub(crate) const GO: char = '\n';
