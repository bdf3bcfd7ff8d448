//! The engine's log, on standard error. It never holds a key, a token, a header or a body: what is
//! logged is names, numbers and reasons.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::cli::LogFormat;
use crate::target;

/// Says how much is logged, in the syntax of tracing's `EnvFilter`.
const FILTER_VARIABLE: &str = "TEAMCLAW_LOG";
/// Warnings only: what happens to workspaces is in the journal, not in the log.
const FILTER_DEFAULT: &str = "warn";

/// Begins to log. A second call, or a filter that makes no sense, changes nothing.
pub(super) fn begin(format: LogFormat) {
    let filter = target::variable(FILTER_VARIABLE);
    let filter = filter.as_deref().unwrap_or(FILTER_DEFAULT);
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new(FILTER_DEFAULT));
    let log = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A file is read by programs, and a colour is noise to them.
    let log = log.with_ansi(std::io::stderr().is_terminal());
    let begun = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    drop(begun);
}
