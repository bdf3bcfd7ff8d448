//! The log: a line of JSON for each event, on standard output, where Lambda reads it. A line never
//! holds a key, a token, a header or a body.

use tracing::Level;

/// Starts it. Call it once, before anything else.
pub fn start() {
    let log = tracing_subscriber::fmt().json().flatten_event(true).with_ansi(false);
    log.with_max_level(Level::INFO).with_writer(std::io::stdout).init();
}
