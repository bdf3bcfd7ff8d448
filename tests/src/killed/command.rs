//! The command line, and the run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use clap::Parser;
use tokio::time::sleep;

use super::Failure;
use super::life::Life;
use super::provider::Provider;
use super::truth::{Verdict, compare};
use crate::bench::built;

/// So many complaints are told; the rest are counted.
const TOLD_MAX: usize = 40;
/// Progress is told after so many kills.
const TOLD_EVERY: u64 = 500;

const EXAMPLES: &str = "\
Examples:
  kill-sidecar --kills 10000           ten thousand kills, about a quarter of an hour
  kill-sidecar --kills 50 --seed 7     the same moments as another run with seed 7";

/// Kills the real proxy in the midst of requests, and compares what it counted with what was billed.
#[derive(Debug, Parser)]
#[command(name = "kill-sidecar", after_help = EXAMPLES)]
struct Arguments {
    /// How often it is killed
    #[arg(long, value_name = "N", default_value_t = 100)]
    kills: u64,
    /// Says when kills fall
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The longest that one life lasts, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 120)]
    life: u64,
    /// Where the files go; they stay when something was wrong
    #[arg(long, value_name = "DIRECTORY", default_value = ".cache/kill-sidecar")]
    data: PathBuf,
}

/// Reads the command line and does what it says.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command's output")]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let verdict = runtime
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(run(&arguments, |line| eprintln!("{line}"))));
    let verdict = match verdict {
        Ok(verdict) => verdict,
        Err(failure) => {
            eprintln!("kill-sidecar: {failure}");
            return ExitCode::from(2);
        }
    };
    verdict.wrong.iter().take(TOLD_MAX).for_each(|words| println!("{words}"));
    println!(
        "{} kills (seed {}): {} counted ({} complete, {} aborted), {} billed, {} seen to the end, {} \
         wrong",
        arguments.kills,
        arguments.seed,
        verdict.complete + verdict.aborted,
        verdict.complete,
        verdict.aborted,
        verdict.billed,
        verdict.seen,
        verdict.wrong.len(),
    );
    if verdict.aborted == 0 {
        println!("no kill fell within a request: this run shows nothing");
        return ExitCode::FAILURE;
    }
    if verdict.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(arguments: &Arguments, tell: impl Fn(&str)) -> Result<Verdict, Failure> {
    let program = built("teamclaw-sidecar").await?;
    let place = arguments.data.join(format!("{}-{}", arguments.seed, std::process::id()));
    std::fs::create_dir_all(&place)?;
    let place = place.canonicalize()?;
    put_keys(&place)?;
    let (provider, address) = Provider::start().await?;
    let numbers = Arc::new(AtomicU64::new(0));
    let (mut seen, mut dice) = (Vec::new(), fastrand::Rng::with_seed(arguments.seed));
    for run in 0..=arguments.kills {
        let life = Life::begin(&program, &place, address)?;
        let clients = life.clients(&numbers);
        sleep(Duration::from_millis(dice.u64(0..=arguments.life))).await;
        if run < arguments.kills {
            life.kill()?;
        } else {
            // The last one ends in good order; its clients end with it.
            tokio::task::spawn_blocking(move || life.end()).await??;
        }
        seen.extend(clients.join_all().await.into_iter().flatten());
        if run > 0 && run.is_multiple_of(TOLD_EVERY) {
            tell(&format!("{run} kills, {} requests seen to the end", seen.len()));
        }
    }
    let usage = std::fs::read_to_string(place.join("usage.jsonl"))?;
    let verdict = compare(&usage, &provider.billed(), &seen);
    if verdict.wrong.is_empty() {
        std::fs::remove_dir_all(&place)?;
    } else {
        tell(&format!("what is left lies in {}", place.display()));
    }
    Ok(verdict)
}

/// The pool, for its owner alone.
fn put_keys(place: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let file = place.join("keys.json");
    std::fs::write(&file, r#"{"providers":{"anthropic":{"keys":["sk-ant-pool-1"]}}}"#)?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
    Ok(())
}
