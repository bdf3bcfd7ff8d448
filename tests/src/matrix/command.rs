//! The command line of the crash matrix.

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use clap::Parser;

use super::{Share, Tally, play, shares};

/// So many failing cases are told; the rest are counted.
const FAILURES_TOLD_MAX: usize = 40;

const EXAMPLES: &str = "\
Examples:
  crash-matrix                                           every case
  crash-matrix --journeys aws:                           those of AWS
  crash-matrix --only 'log in: dies at wait 7, then 1 times'   one case, by its name, and its story";

/// Dies everywhere, fails everywhere, and interleaves everything: exhaustively.
#[derive(Debug, Parser)]
#[command(name = "crash-matrix", after_help = EXAMPLES)]
struct Arguments {
    /// Play the case of this name alone
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Play journeys alone, those whose name has this in it
    #[arg(long, value_name = "TEXT")]
    journeys: Option<String>,
    /// How many threads play cases [default: one for each core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

/// Reads the command line and does what it says.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command's output")]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let threads = arguments
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let shares = shares(arguments.journeys.as_deref());
    let tally = play_all(&shares, threads, arguments.only.as_deref(), |line| eprintln!("{line}"));
    tally.story.iter().for_each(|line| println!("{line}"));
    for (kind, count) in &tally.cases {
        println!("{kind:<6} {count:>8}");
    }
    for (name, broken) in tally.failures.iter().take(FAILURES_TOLD_MAX) {
        println!("{name}");
        broken.iter().for_each(|words| println!("  {words}"));
        println!("  cargo run --release -p tests --bin crash-matrix -- --only '{name}'");
    }
    println!("{}", tally.line());
    if tally.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plays every share of the work, each on one thread.
fn play_all(shares: &[Share], threads: usize, only: Option<&str>, tell: impl Fn(&str)) -> Tally {
    let next = AtomicUsize::new(0);
    let (sender, played) = mpsc::channel();
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            let (next, sender) = (&next, sender.clone());
            scope.spawn(move || {
                while let Some(share) = shares.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if sender.send(play(*share, only.map(str::to_owned))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (number, share) in (1..).zip(played) {
            tally.add(share);
            tell(&format!("{number} of {} shares: {}", shares.len(), tally.line()));
        }
    });
    tally.failures.sort();
    tally
}
