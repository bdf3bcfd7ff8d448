//! The command line of the simulation.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use clap::Parser;

use super::{Report, run, run_on_aws};
use crate::world::Hazard;

/// One in so many seeds is lived twice, and its traces are compared.
const TWICE_EVERY: u64 = 64;
/// How often progress is told.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);
/// So many failing seeds are told; the rest are counted.
const FAILURES_TOLD_MAX: usize = 20;

const EXAMPLES: &str = "\
Examples:
  simulate --seeds 10000              ten thousand worlds of thirty days
  simulate --seeds 1000000 --from 1   the long run
  simulate --seeds 10000 --aws        the same on AWS, with what goes wrong there alone
  simulate --seed 4711 --story        what happened in one of them
  simulate --seed 4711 --story | grep p007   the same, for one person";

/// Lives worlds in which everything goes wrong, and compares how they end with what must be.
#[derive(Debug, Parser)]
#[command(name = "simulate", after_help = EXAMPLES)]
struct Arguments {
    /// How many seeds to live
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    seeds: u64,
    /// The first seed
    #[arg(long, value_name = "S", default_value_t = 0)]
    from: u64,
    /// Live this seed alone
    #[arg(long, value_name = "S", conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Live them on AWS: the compute is Fargate with a line before it
    #[arg(long)]
    aws: bool,
    /// Tell what happened in it
    #[arg(long, requires = "seed")]
    story: bool,
    /// How many threads live seeds [default: one for each core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

/// Reads the command line and does what it says.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command's output")]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let run = if arguments.aws { run_on_aws } else { run };
    if let Some(seed) = arguments.seed {
        let report = run(seed, arguments.story);
        report.story.iter().for_each(|line| println!("{line}"));
        for (hazard, count) in &report.struck {
            println!("{hazard:?} × {count}");
        }
        report.broken.iter().for_each(|words| println!("BROKEN: {words}"));
        let Report { starts, events, converged, hash, .. } = &report;
        println!(
            "{starts} starts, {events} events, in order after {converged:?}, trace {hash:016x}"
        );
        let mut total = Total::default();
        total.add(seed, &report);
        println!("{}", total.line());
        return ended(&total);
    }
    let threads = arguments
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let (from, seeds) = (arguments.from, arguments.seeds);
    let total = live_all(run, from, seeds, threads, |line| eprintln!("{line}"));
    for (hazard, count) in &total.struck {
        println!("{:<18} {count:>14}", format!("{hazard:?}"));
    }
    println!(
        "{} starts (the most: {} in seed {}), {} events; in order after at most {:?}; \
         {} seeds lived twice",
        total.starts, total.busiest.0, total.busiest.1, total.events, total.converged, total.twice
    );
    for (seed, words) in total.failed.iter().take(FAILURES_TOLD_MAX) {
        println!("seed {seed}: {words}");
        let aws = if arguments.aws { " --aws" } else { "" };
        println!("  cargo run --release -p tests --bin simulate -- --seed {seed} --story{aws}");
    }
    println!("{}", total.line());
    ended(&total)
}

fn ended(total: &Total) -> ExitCode {
    if total.failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How a seed is lived; the second argument keeps its story.
pub type Run = fn(u64, bool) -> Report;

/// What became of many seeds.
#[derive(Debug, Default)]
pub struct Total {
    /// How many.
    pub seeds: u64,
    /// How many of them did not end as they must.
    pub failures: u64,
    user_days: u64,
    starts: u64,
    events: u64,
    faults: u64,
    twice: u64,
    /// The most starts of one seed, and which.
    busiest: (u64, u64),
    converged: Duration,
    struck: BTreeMap<Hazard, u64>,
    /// The first of those that failed, and the first promise that each broke.
    pub failed: Vec<(u64, String)>,
}

impl Total {
    fn add(&mut self, seed: u64, report: &Report) {
        self.seeds += 1;
        self.user_days += report.user_days;
        self.starts += report.starts;
        self.busiest = self.busiest.max((report.starts, seed));
        self.events += report.events;
        self.faults += report.faults;
        self.converged = self.converged.max(report.converged);
        for (hazard, count) in &report.struck {
            *self.struck.entry(*hazard).or_default() += count;
        }
        if let Some(words) = report.broken.first() {
            self.failures += 1;
            self.failed.push((seed, words.clone()));
        }
    }

    /// The last line.
    pub fn line(&self) -> String {
        let Self { seeds, user_days, faults, failures, .. } = self;
        format!("{seeds} seeds, {user_days} user-days, {faults} faults, {failures} failures")
    }
}

/// Lives seeds side by side, each on one thread, and adds up what became of them.
#[expect(clippy::disallowed_methods, reason = "progress is told in real time")]
pub fn live_all(run: Run, from: u64, seeds: u64, threads: usize, tell: impl Fn(&str)) -> Total {
    let next = AtomicU64::new(from);
    let (sender, reports) = mpsc::channel();
    let mut total = Total::default();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            let (next, sender) = (&next, sender.clone());
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from.saturating_add(seeds) || sender.send(lived(run, seed)).is_err()
                    {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut told = began;
        for (seed, report, twice) in reports {
            total.add(seed, &report);
            if let Some(words) = report.broken.first() {
                tell(&format!("seed {seed}: {words}"));
            }
            total.twice += u64::from(twice);
            if told.elapsed() >= PROGRESS_EVERY {
                told = Instant::now();
                tell(&format!("{} after {} s", total.line(), began.elapsed().as_secs()));
            }
        }
    });
    total.failed.sort();
    total
}

/// Lives a seed, one in many twice: the same seed must give the same trace.
fn lived(run: Run, seed: u64) -> (u64, Report, bool) {
    let mut report = run(seed, false);
    let twice = seed.is_multiple_of(TWICE_EVERY);
    if twice && run(seed, false).hash != report.hash {
        report.broken.push("the same seed gave another trace".to_owned());
    }
    (seed, report, twice)
}
