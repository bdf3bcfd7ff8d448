//! Renews the pool's OAuth tokens, for sidecars that may only read it: every few minutes one round, in
//! the one process that may. When a token is due and what an answer means, `sidecar` says; the pool's
//! store sees to it that no edit of somebody else is lost.

use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::Diagnostic;
use ports::Fault;
use sidecar::{Config, Renewer};
use tokio::time::Instant;

use crate::metrics::{Metric, Metrics};
use crate::root::{Root, cannot_start};

impl Root {
    /// Who renews the pool's tokens, where the settings or the providers themselves say.
    ///
    /// # Errors
    /// A token endpoint that cannot be used, or no TLS.
    pub fn renewer(&self) -> Result<Arc<Renewer>, Diagnostic> {
        let token_endpoints = self.settings.token_endpoints.clone();
        let config = Config { token_endpoints, ..Config::default() };
        let renewer = Renewer::new(&config, self.keys(), Arc::clone(&self.clock));
        Ok(Arc::new(renewer.map_err(cannot_start)?))
    }
}

/// One round of at most `time`, and how it ended in numbers.
///
/// # Errors
/// The pool could not be read.
pub async fn renew(renewer: Arc<Renewer>, time: Duration, metrics: &Metrics) -> Result<(), Fault> {
    let until = Instant::now() + time;
    // A renewal that is given up half-way may cost the token, so nobody drops it.
    let round = tokio::spawn(async move { renewer.round(until).await });
    let renewals = round.await.map_err(|error| Fault::unavailable("our own code", error))??;
    metrics.set(Metric::Renewed, renewals.renewed);
    metrics.set(Metric::RenewalsRefused, renewals.refused);
    metrics.set(Metric::RenewalsFailed, renewals.failed);
    Ok(())
}
