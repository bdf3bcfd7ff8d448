//! What is checked of any input, one file a target. `tests/tests/fuzz_corpus/` and the tests of
//! `teamclaw/` and `sidecar/` compile the same files, so that every committed input is judged without libFuzzer.
//!
//! Nothing here may wait, reach a network, or depend on what an earlier input left behind.

pub mod configuration;
pub mod envelope;
pub mod event;
pub mod journal_row;
pub mod key_pool;
pub mod scratch;

// The proxy's own doors, and what is checked behind them.
#[cfg(feature = "proxy")]
pub use proxy::*;
#[cfg(feature = "proxy")]
pub use sidecar::fuzzing;

/// What the proxy reads.
#[cfg(feature = "proxy")]
#[path = ""]
pub mod proxy {
    pub mod address;
    pub mod aws_frames;
    pub mod event_stream;
    pub mod json_walk;
    pub mod proxy_headers;
    pub mod socket_frames;
    pub mod usage_journal;
}

// The command is a program and not a library; these parts of it stand on their own.
#[cfg(feature = "operator_file")]
pub use command::up;
pub use command::{arguments, cli, problem, target};

/// The parts of the command that read what a person writes, under the names they have there.
#[path = "../../../teamclaw/src"]
pub mod command {
    #[path = "../../tests/fuzz/src/arguments.rs"]
    pub mod arguments;
    pub mod cli;
    pub mod problem;
    pub mod target;

    /// What the engine reads at its start.
    #[cfg(feature = "operator_file")]
    pub mod up {
        #[path = "../../../tests/fuzz/src/operator_file.rs"]
        pub mod operator_file;
        #[expect(dead_code, reason = "the engine uses what is only read here")]
        pub mod settings;
    }
}
