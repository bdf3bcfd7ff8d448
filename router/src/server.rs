//! Takes connections, bounded in number, size and time, and shuts the door in an orderly way.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::door::Router;

/// The most connections at once. Each takes two file descriptors when it is passed on; a common
/// limit of a process is 65,536.
pub const CONNECTIONS_MAX: usize = 16_384;

/// The most bytes of a request's head, and the most headers in it: what common servers allow.
const HEAD_MAX: usize = 32 * 1024;
const HEADERS_MAX: usize = 100;

/// How long a head may take to arrive, and how long a connection may rest between two requests.
const HEAD_WAIT_MAX: Duration = Duration::from_secs(30);

/// How long after the last connection attempt failed (out of descriptors) the next is taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long requests under way may take to end once the door shuts.
const SHUT_WAIT_MAX: Duration = Duration::from_secs(5);

/// A connection that says nothing for this long is asked whether it is still there, so that a
/// closed laptop's WebSocket does not stay for ever.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);

/// Serves until `shutdown` is cancelled; then takes no more connections, ends live pages and
/// tunnels, and gives requests under way a few seconds.
pub async fn serve(listener: TcpListener, door: Router, shutdown: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let connections = TaskTracker::new();
    loop {
        let next = async {
            // The semaphore is never closed.
            let place = places.clone().acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            next = next => next,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if let Err(error) = prepare(&stream) {
            tracing::debug!(%error, %peer, "a connection was gone at once");
            continue;
        }
        let door = door.clone();
        connections.spawn(async move {
            if let Err(error) = converse(&door, peer, stream).await {
                tracing::debug!(%error, %peer, "a connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    door.shut().cancel();
    connections.close();
    door.tunnels().close();
    let ended = async { tokio::join!(connections.wait(), door.tunnels().wait()) };
    if tokio::time::timeout(SHUT_WAIT_MAX, ended).await.is_err() {
        tracing::info!("some requests were cut off");
    }
}

/// Answers what comes on one connection; once the door shuts, no more than the request at hand.
async fn converse(door: &Router, peer: SocketAddr, stream: TcpStream) -> hyper::Result<()> {
    let service = service_fn(|request: Request<Incoming>| async move {
        Ok::<_, Infallible>(door.handle(peer, request).await)
    });
    let connection = builder().serve_connection(TokioIo::new(stream), service).with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        biased;
        ended = &mut connection => return ended,
        () = door.shut().cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT_MAX)
        .max_header_size(HEAD_MAX)
        .max_headers(HEADERS_MAX);
    builder
}

fn prepare(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    rustix::net::sockopt::set_socket_keepalive(stream, true)?;
    rustix::net::sockopt::set_tcp_keepidle(stream, KEEPALIVE_AFTER)?;
    rustix::net::sockopt::set_tcp_keepintvl(stream, KEEPALIVE_AFTER)?;
    Ok(())
}
