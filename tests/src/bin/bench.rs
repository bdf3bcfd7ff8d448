//! `cargo run --release -p tests --bin bench -- engine` (or `sidecar`): reads the arguments and prints what the
//! measurements say. What is measured, and how, stands in `tests/src/bench/`.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use tests::bench::{Bench, Subject, run};
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let bench = Bench::parse();
    // What stands at both ends of a proxy shares one core, and so one thread.
    let mut runtime = match bench.subject {
        Subject::Engine(_) => Builder::new_multi_thread(),
        Subject::Sidecar(_) | Subject::Relay(_) => Builder::new_current_thread(),
    };
    let runtime = runtime.enable_all().build();
    let outcome = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run(bench)));
    outcome.unwrap_or_else(|failure| {
        // Standard error that cannot be written to leaves nobody to tell.
        drop(writeln!(std::io::stderr(), "bench: {failure}"));
        ExitCode::from(2)
    })
}
