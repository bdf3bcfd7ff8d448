//! `teamclaw-sidecar`: the sidecar as a program of its own, beside any agent. Keys in, usage out.
//!
//! Reads the arguments, puts the parts together and waits for the end. Decides nothing.

mod cli;
mod genai;
mod health;
mod ledger;
#[cfg(feature = "aws")]
mod on_aws;
mod settings;
mod tokens;
mod totals;

use std::io::Write as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use events::price::PriceTable;
use sidecar::{BadConfig, Outside, Sidecar};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use cli::{Cli, LogFormat};
use ledger::Ledger;
use settings::{Problem, Settings, Stores};
use tokens::Tokens;

/// A request takes some seventy pieces of memory and gives them back. Beside musl's allocator, which the
/// static program would have, this one saves a fifth of its whole CPU, beside glibc's a twentieth.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The command line or the configuration makes no sense.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match outcome(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            // Standard error that cannot be written to leaves nobody to tell.
            drop(writeln!(std::io::stderr(), "teamclaw-sidecar: {problem}"));
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn outcome(cli: &Cli) -> Result<(), Problem> {
    if cli.health {
        // The one question that needs neither keys nor tokens.
        return health::ask(settings::listen(cli)?);
    }
    Settings::new(cli).and_then(|settings| {
        if cli.check {
            settings.sidecar.check().map_err(cannot_start)?;
            print(&settings.summary());
            return Ok(());
        }
        log(settings.log_format);
        // One thread: a connection's bytes stay where they are, and an agent needs no more.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|error| Problem::new("no runtime", error))?.block_on(run(&settings))
    })
}

/// Serves until SIGTERM or SIGINT; then requests under way may end and their usage is written.
async fn run(settings: &Settings) -> Result<(), Problem> {
    let listener = bind(settings.listen, "--listen").await?;
    let operator = match settings.operator {
        Some(address) => Some(bind(address, "--operator").await?),
        None => None,
    };
    let (outside, lost) = outside(&settings.stores).await?;
    let sidecar = Sidecar::new(&settings.sidecar, outside).map_err(cannot_start)?;
    let stop = |kind| signal(kind).map_err(|error| Problem::new("no signals", error));
    let (mut terminate, mut interrupt) =
        (stop(SignalKind::terminate())?, stop(SignalKind::interrupt())?);
    print(&format!("teamclaw-sidecar listens on http://{}\n", place(&listener)?));
    if let Some(port) = operator {
        print(&format!("teamclaw-sidecar answers its operator on http://{}\n", place(&port)?));
        let (its, token) = (Arc::clone(&sidecar), settings.operator_token_sha256.clone());
        // To the last moment: it tells that the end has begun.
        tokio::spawn(async move {
            sidecar::serve_operator(port, its, token.as_deref(), std::future::pending::<()>())
                .await;
        });
    }
    let mut outcome = Ok(());
    sidecar::serve(listener, sidecar, async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            why = lost => outcome = Err(why),
        }
    })
    .await;
    outcome
}

/// Ends when the sidecar has nobody to serve any more, with the reason.
type Lost = Pin<Box<dyn Future<Output = Problem>>>;

/// What the sidecar needs of the outside.
async fn outside(stores: &Stores) -> Result<(Outside, Lost), Problem> {
    match stores {
        Stores::Files { keys, usage, workspaces } => {
            let ledger = Arc::new(Ledger::open(usage)?);
            let outside = Outside {
                leases: Arc::new(Tokens::new(workspaces)),
                keys: local::keys_at(keys),
                usage: Arc::clone(&ledger) as _,
                totals: ledger,
                clock: Arc::new(system::SystemClock::new()),
                ids: Arc::new(system::SystemIds::default()),
                prices: Arc::new(PriceTable::built_in()),
                on_activity: Arc::new(|_, _| {}),
            };
            Ok((outside, Box::pin(std::future::pending())))
        }
        #[cfg(feature = "aws")]
        Stores::Aws(place) => {
            let (outside, lost) = on_aws::outside(place).await?;
            let lost = async move {
                match lost.await {
                    Ok(refusal) => Problem::new("the lease", refusal),
                    Err(error) => Problem::new("the lease is not kept", error),
                }
            };
            Ok((outside, Box::pin(lost)))
        }
    }
}

async fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener, Problem> {
    let what = || format!("cannot listen on {address}; choose another {flag}");
    TcpListener::bind(address).await.map_err(|error| Problem::new(what(), error))
}

fn place(listener: &TcpListener) -> Result<SocketAddr, Problem> {
    listener.local_addr().map_err(|error| Problem::new("no address", error))
}

fn cannot_start(error: BadConfig) -> Problem {
    Problem::new("the sidecar cannot start", error)
}

fn print(words: &str) {
    // A reader that has gone away is no reason to stop.
    drop(std::io::stdout().lock().write_all(words.as_bytes()));
}

/// Warnings and errors, on standard error. They never hold a key, a token, a header or a body, at
/// whatever level.
fn log(format: LogFormat) {
    let filter = cli::variable("TEAMCLAW_LOG").unwrap_or_else(|| "warn".to_owned());
    let filter = tracing_subscriber::EnvFilter::new(filter);
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let log = log.with_ansi(false);
    match format {
        LogFormat::Text => log.with_target(false).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
