//! `teamclaw-agent`: the agent's runner as a program of its own, for a task that is confined from
//! outside (agent/Containerfile). On one machine `teamclaw` does the same behind its own walls.
//!
//! Reads the environment, puts the parts together and waits for the end. Decides nothing.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use tokio::net::TcpListener;

/// Where connections from outside of the task arrive; none are taken if it is not set.
const LISTEN: &str = "TEAMCLAW_LISTEN";

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.map_err(|error| error.to_string()).and_then(|one| one.block_on(run()));
    outcome.unwrap_or_else(|why| {
        // Standard error that cannot be written to leaves nobody to tell.
        drop(writeln!(std::io::stderr(), "the agent was not started: {why}"));
        ExitCode::FAILURE
    })
}

async fn run() -> Result<ExitCode, String> {
    let settings = agent::Settings::from_env(&lookup).map_err(|error| error.to_string())?;
    if let Some(text) = lookup(LISTEN) {
        let address: SocketAddr =
            text.parse().map_err(|_| format!("{LISTEN} is no address and port"))?;
        let listener = TcpListener::bind(address).await;
        let listener =
            listener.map_err(|error| format!("{address} cannot be listened at: {error}"))?;
        tokio::spawn(agent::relay(listener, settings.port));
    }
    Ok(agent::run(settings).await)
}

#[expect(clippy::disallowed_methods, reason = "the root of a process reads its environment")]
fn lookup(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
