//! How `up` is told to end.
//!
//! Ctrl-C means "put everything away": agents are asked to finish and are stopped. SIGTERM means
//! "the engine is replaced": agents stay, and the next `up` on the same data directory adopts them.
//! A second signal ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::problem::Problem;

/// The exit code of a program ended by an impatient second signal.
const EXIT_IMPATIENT: i32 = 130;

/// Listens for signals.
pub(super) struct Ending {
    asked: CancellationToken,
    stop_agents: Arc<AtomicBool>,
}

impl Ending {
    /// Starts to listen.
    ///
    /// # Errors
    /// When the system has no room for a signal handler.
    pub(super) fn listen() -> Result<Self, Problem> {
        let install = |kind| {
            signal(kind).map_err(|error| {
                Problem::new("signals cannot be received", error.to_string(), "try again")
            })
        };
        let (mut interrupt, mut terminate) =
            (install(SignalKind::interrupt())?, install(SignalKind::terminate())?);
        let asked = CancellationToken::new();
        let stop_agents = Arc::new(AtomicBool::new(false));
        let (token, put_away) = (asked.clone(), Arc::clone(&stop_agents));
        tokio::spawn(async move {
            loop {
                let interrupted = tokio::select! {
                    biased;
                    _ = interrupt.recv() => true,
                    _ = terminate.recv() => false,
                };
                if token.is_cancelled() {
                    std::process::exit(EXIT_IMPATIENT);
                }
                put_away.store(interrupted, Ordering::SeqCst);
                token.cancel();
            }
        });
        Ok(Self { asked, stop_agents })
    }

    /// Returns when somebody asked for the end.
    pub(super) async fn asked(&self) {
        self.asked.cancelled().await;
    }

    /// Whether whoever asked wants the agents stopped as well.
    pub(super) fn wants_agents_stopped(&self) -> bool {
        self.stop_agents.load(Ordering::SeqCst)
    }
}
