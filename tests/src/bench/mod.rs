//! Measures what a reader of the README may hold us to: on the real adapters of one machine, on a
//! real disk, with everything switched on that is on in `teamclaw up`.
//!
//! Numbers of two machines, or of two hours of a shared one, are not comparable; ratios within a
//! run are. So every run measures its peers, too, in turns with what it measures of ours.

mod args;
mod built;
mod facts;
mod herd;
mod journal;
mod linear;
mod machine;
mod memory;
mod noticed;
mod outside;
mod peers;
mod process;
mod queue;
mod report;
mod samples;
mod scratch;
mod sidecar;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

pub use args::{Bench, EngineArgs, Measure, RelayArgs, SidecarArgs, Subject};
pub(crate) use built::{built, shipped};
use facts::Facts;
use report::Report;

/// What kept a measurement from being made, in words for the person who runs it.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Runs what was asked for and prints its tables, and last one line for each goal. Exit code 1
/// says that a goal was missed; a quick run misses none, because it measures nothing.
///
/// # Errors
/// What kept a measurement from being made: a directory in memory, a program that does not build.
pub async fn run(bench: Bench) -> Result<ExitCode, Failure> {
    match bench.subject {
        Subject::Engine(args) => engine(&args).await,
        Subject::Sidecar(args) => {
            let mut report = Report::new(&Facts::look(&args.data, system::SystemClock::new())?);
            sidecar::measure(&args, &mut report).await?;
            told(&report, args.quick)
        }
        Subject::Relay(args) => {
            sidecar::serve_bare(args.listen, args.provider).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn engine(args: &EngineArgs) -> Result<ExitCode, Failure> {
    let facts = Facts::look(&args.data, system::SystemClock::new())?;
    let mut report = Report::new(&facts);
    for measure in args.measures() {
        match measure {
            Measure::Journal => journal::measure(args, &mut report).await?,
            Measure::Queue => queue::measure(args, &mut report).await?,
            Measure::Herd => herd::measure(args, &mut report).await?,
            Measure::Linear => linear::measure(args, &mut report).await?,
            Measure::Memory => memory::measure(args, &mut report).await?,
        }
    }
    told(&report, args.quick)
}

fn told(report: &Report, quick: bool) -> Result<ExitCode, Failure> {
    report.print(&mut std::io::stdout().lock(), quick)?;
    let missed = report.missed() && !quick;
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Tells the person who waits what is being done.
fn progress(words: &str) {
    // Standard error that cannot be written to leaves nobody to tell.
    drop(writeln!(std::io::stderr(), "bench: {words}"));
}
