//! `teamclaw-router`: the front door as a service of its own, in front of agents on AWS. Any number of
//! them serve one environment; none keeps anything that another would need.
//!
//! Reads the environment, puts the parts together and waits for the end. Decides nothing.

mod settings;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use aws::journal::DynamoJournal;
use aws::leases::DynamoLeases;
use aws::people::DynamoPeople;
use aws::queue::SqsQueue;
use aws::routes::DynamoRoutes;
use aws::timers::DynamoTimers;
use aws_config::{BehaviorVersion, SdkConfig};
use clap::Parser as _;
use events::Secret;
use producers::Bus;
use producers::activity::Meter;
use system::{SystemClock, SystemIds};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use settings::{Problem, Settings};

/// The settings make no sense, or what they name is not there.
const EXIT_USAGE: u8 = 2;
/// How often uses that were noted are written, as on one machine.
const FLUSH_EVERY: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let settings = Settings::parse();
    tracing_subscriber::fmt().json().with_target(false).init();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime
        .map_err(|error| Problem::new("no runtime", &error))
        .and_then(|runtime| runtime.block_on(run(&settings)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            // Standard error that cannot be written to leaves nobody to tell.
            drop(writeln!(std::io::stderr(), "teamclaw-router: {problem}"));
            ExitCode::from(EXIT_USAGE)
        }
    }
}

/// Serves until SIGTERM or SIGINT; then requests under way have a few seconds to end.
async fn run(settings: &Settings) -> Result<(), Problem> {
    let door = settings.door()?;
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let secret = token_secret(&config, settings).await?;
    let listener = TcpListener::bind(settings.listen).await.map_err(|error| {
        Problem::new(
            &format!("cannot listen on {}; choose another --listen", settings.listen),
            &error,
        )
    })?;
    let (bus, ids) = (bus(&config, settings), Arc::new(SystemIds::default()));
    let meter = Meter::new(bus.clone());
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let router = router::Router::new(router::Parts {
        bus,
        people: Arc::new(DynamoPeople::new(dynamodb.clone(), &settings.env, ids)),
        routes: Arc::new(DynamoRoutes::new(dynamodb.clone(), &settings.env)),
        leases: Arc::new(DynamoLeases::new(dynamodb, &settings.env, secret)),
        meter: meter.clone(),
        // The operator's interface is behind an address of its own here.
        operator: axum::Router::new(),
        settings: door,
    });
    let shutdown = CancellationToken::new();
    tracing::info!(listen = %settings.listen, env = %settings.env, "the front door is open");
    let serving = tokio::spawn(router::serve(listener, router, shutdown.clone()));
    let stop = |kind| signal(kind).map_err(|error| Problem::new("no signals", &error));
    let (mut terminate, mut interrupt) =
        (stop(SignalKind::terminate())?, stop(SignalKind::interrupt())?);
    let mut flush = tokio::time::interval(FLUSH_EVERY);
    loop {
        tokio::select! {
            biased;
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = flush.tick() => meter.flush().await,
        }
    }
    shutdown.cancel();
    // Whatever became of it, what was noted is written.
    drop(serving.await);
    meter.flush().await;
    Ok(())
}

fn bus(config: &SdkConfig, settings: &Settings) -> Bus {
    let dynamodb = aws_sdk_dynamodb::Client::new(config);
    let queue = SqsQueue::new(aws_sdk_sqs::Client::new(config), &settings.env);
    Bus::new(
        Arc::new(DynamoJournal::new(dynamodb.clone(), &settings.env)),
        Arc::new(queue),
        Arc::new(DynamoTimers::new(dynamodb, &settings.env)),
        Arc::new(SystemClock::new()),
        Arc::new(SystemIds::default()),
        settings.policy,
    )
}

/// The secret from which the pass follows by which an agent knows its router.
async fn token_secret(config: &SdkConfig, settings: &Settings) -> Result<Secret, Problem> {
    let (client, name) = (aws_sdk_secretsmanager::Client::new(config), settings.env.token_secret());
    let read = aws::secret_text::needed(&client, &name).await;
    read.map_err(|fault| Problem::new(&format!("the secret {name}"), &fault))
}
