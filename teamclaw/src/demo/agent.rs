//! The small agent of the demonstration: a chat with a memory, in place of OpenClaw.
//!
//! It gets what any custom command gets (`agent/src/environment.rs`) and lets in only requests
//! that know its pass. It knows no provider key, no other workspace and nothing of the engine; it
//! opens no file but the conversation in its home.

mod answer;
mod conversation;
mod door;
mod model;
mod socket;
#[cfg(test)]
mod tests;
mod turn;

use std::convert::Infallible;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use events::Secret;
use http::{HeaderName, HeaderValue, Uri};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

pub(super) use conversation::MESSAGES_MAX;
use door::Door;
use model::Model;
use turn::Talk;

/// One person with some tabs; their router opens a connection for each request.
const CONNECTIONS_MAX: usize = 64;

/// Our router sends a head at once.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Out of file handles, say: others free some meanwhile.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Runs the agent until it is told to stop. Its last line on stderr says why when it cannot run.
pub(crate) fn run() -> ExitCode {
    let ended = Contract::read().and_then(|contract| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
        let ended = runtime.block_on(serve(contract));
        // Told to stop means now: a file that is being written is whole, the old one or the new.
        runtime.shutdown_background();
        ended
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            // Nobody may listen; there is nowhere else to say it.
            let _ = writeln!(io::stderr(), "Error: {words}");
            ExitCode::FAILURE
        }
    }
}

/// What the engine tells a custom agent. No `Debug`: it holds the pass and the token.
struct Contract {
    port: u16,
    workspace: HeaderValue,
    pass: HeaderName,
    home: PathBuf,
    model: Model,
}

impl Contract {
    #[expect(clippy::disallowed_methods, reason = "the root of a process reads its environment")]
    fn read() -> Result<Self, String> {
        Self::of(&|name| std::env::var(name).ok())
    }

    fn of(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        // Without the value, which may be a secret.
        let wrong = |name: &str| format!("{name} is missing or has a wrong form");
        let read = |name: &str| lookup(name).ok_or_else(|| wrong(name));
        let workspace = read("TEAMCLAW_WORKSPACE")?.parse();
        let sidecar = read("TEAMCLAW_SIDECAR")?.parse::<Uri>();
        Ok(Self {
            port: read("TEAMCLAW_PORT")?.parse().map_err(|_| wrong("TEAMCLAW_PORT"))?,
            workspace: workspace.map_err(|_| wrong("TEAMCLAW_WORKSPACE"))?,
            pass: read("TEAMCLAW_PASS")?.parse().map_err(|_| wrong("TEAMCLAW_PASS"))?,
            home: read("TEAMCLAW_HOME").or_else(|_| read("HOME"))?.into(),
            model: Model {
                sidecar: sidecar.map_err(|_| wrong("TEAMCLAW_SIDECAR"))?,
                token: Secret::new(read("TEAMCLAW_TOKEN")?),
            },
        })
    }
}

async fn serve(contract: Contract) -> Result<(), String> {
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, contract.port));
    // The system's own words stay: by them the engine tells that a port is taken.
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen at {address}: {error}"))?;
    let talk = Talk::open(contract.model, &contract.home).map_err(|error| {
        format!("the conversation in {} cannot be read: {error}", contract.home.display())
    })?;
    let door = Door::new(contract.workspace, contract.pass, talk);
    tokio::select! {
        biased;
        _ = terminate.recv() => {}
        () = accept(listener, Arc::new(door)) => {}
    }
    Ok(())
}

async fn accept(listener: TcpListener, door: Arc<Door>) {
    let seats = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // The seats are never closed.
    while let Ok(seat) = seats.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let door = door.clone();
                tokio::spawn(async move {
                    connection(stream, door).await;
                    drop(seat);
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
        }
    }
}

async fn connection(stream: TcpStream, door: Arc<Door>) {
    // Without it small parts of a reply wait for one another; a refusal changes only the pace.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let door = door.clone();
        async move { Ok::<_, Infallible>(door.answer(request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // A client that leaves is its own business.
    let _ = served.await;
}
