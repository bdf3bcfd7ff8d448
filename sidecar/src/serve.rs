//! The sidecar's own server: HTTP/1.1 with a limit on everything.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::answer::answer;
use crate::patience::Patient;
use crate::proxy::Sidecar;

/// How long a client may take for a request's head, an idle connection's wait included.
const HEAD_MAX: Duration = Duration::from_secs(30);
/// How many headers a request may have. Official clients send about 25.
const HEADERS_MAX: usize = 100;
/// How much is read ahead, and so the longest head, in bytes.
const HEAD_LENGTH_MAX: usize = 64 * 1024;
/// How many connections are served at once; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 1024;
/// How long requests under way may take after the shutdown began.
const GRACE: Duration = Duration::from_secs(20);
/// How long the shutdown waits for the ledger.
const FLUSH_MAX: Duration = Duration::from_secs(5);
/// The pause after an accept that failed, for want of file descriptors for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `shutdown` is ready. Then no connection is accepted, requests under way have 20
/// seconds to end, and their usage is handed over within 5 more.
pub async fn serve(listener: TcpListener, sidecar: Arc<Sidecar>, shutdown: impl Future) {
    let stop = watch::Sender::new(());
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            _ = &mut shutdown => break,
            _ended = connections.join_next(), if !connections.is_empty() => continue,
            accepted = accept(&listener, &room) => accepted,
        };
        let Some((stream, place)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let sidecar = Arc::clone(&sidecar);
        let service = service_fn(move |request| {
            let sidecar = Arc::clone(&sidecar);
            async move { Ok::<_, Infallible>(answer(&sidecar, request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_MAX)
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEAD_LENGTH_MAX)
            .serve_connection(TokioIo::new(Patient::new(stream)), service)
            .with_upgrades();
        let mut stopping = stop.subscribe();
        connections.spawn(async move {
            let mut connection = pin!(connection);
            // A client that hangs up or speaks no HTTP is its own affair.
            tokio::select! {
                biased;
                _ended = connection.as_mut() => {}
                _asked = stopping.changed() => {
                    connection.as_mut().graceful_shutdown();
                    let _ended = connection.await;
                }
            }
            drop(place);
        });
    }
    drop(listener);
    stop.send_replace(());
    sidecar.sockets.stop();
    let ended = async {
        while connections.join_next().await.is_some() {}
        sidecar.sockets.ended().await;
    };
    if timeout(GRACE, ended).await.is_err() {
        tracing::warn!("requests were still under way at the end of the grace and are cut");
    }
    // What is cut is counted as far as it was seen.
    connections.shutdown().await;
    sidecar.sockets.cut().await;
    if timeout(FLUSH_MAX, sidecar.flush()).await.is_err() {
        tracing::error!("the ledger did not take all usage before the end");
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(room).acquire_owned().await.ok()?;
    let (stream, _) = listener.accept().await.ok()?;
    stream.set_nodelay(true).ok()?;
    Some((stream, place))
}
