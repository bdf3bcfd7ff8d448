//! The sidecar's own server: HTTP/1.1 with a limit on everything.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::answer::answer;
use crate::patience::Patient;
use crate::proxy::Sidecar;
use crate::seats::{Seats, Wish};

/// How often all connections are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// For how many looks a connection may have no request under way: a client has half a minute for a
/// request's head, an idle connection's wait included.
const QUIET_LOOKS_MAX: u32 = 30;
/// How much is read at once at the most, in bytes: room is made for it only when somebody sends so much,
/// and a long prompt costs a twentieth less CPU than in reads of a quarter of it. A head ends at the
/// latest with the read that reaches it (of headers, hyper itself takes a hundred at the most; official
/// clients send about 25), and is judged in `answer`.
const READ_LENGTH_MAX: usize = 256 * 1024;
/// How many connections are served at once. For one more, one that is quiet has to go; if none is,
/// it waits in the kernel's queue.
const CONNECTIONS_MAX: usize = 1024;
/// How long to wait for one that was asked to go before another is asked: it may have had a request
/// in that moment.
const LEAVE_MAX: Duration = Duration::from_millis(50);
/// How long requests under way may take after the shutdown began.
const GRACE: Duration = Duration::from_secs(20);
/// How long the shutdown waits for the ledger.
const FLUSH_MAX: Duration = Duration::from_secs(5);
/// The pause after an accept that failed, for want of file descriptors for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `shutdown` is ready. Then no connection is accepted, requests under way have 20
/// seconds to end, and their usage is handed over within 5 more.
pub async fn serve(listener: TcpListener, sidecar: Arc<Sidecar>, shutdown: impl Future) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let seats = Arc::new(Seats::default());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let counted = Arc::clone(&sidecar.metrics);
    loop {
        let accepted = tokio::select! {
            biased;
            _ = &mut shutdown => break,
            _ended = connections.join_next(), if !connections.is_empty() => continue,
            _look = looks.tick(), if !connections.is_empty() => {
                seats.look(QUIET_LOOKS_MAX);
                continue;
            }
            accepted = accept(&listener, &room, &seats) => accepted,
        };
        let Some((stream, place)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let sidecar = Arc::clone(&sidecar);
        let seat = seats.take();
        let own = Arc::clone(&seat);
        let service = service_fn(move |request| {
            let (sidecar, busy) = (Arc::clone(&sidecar), own.busy());
            async move {
                let answer = answer(&sidecar, request).await;
                Ok::<_, Infallible>(answer.map(|body| busy.until_the_end_of(body)))
            }
        });
        // Pinned here, for a task that pins it has room for it twice.
        let mut connection = Box::pin(
            http1::Builder::new()
                .max_buf_size(READ_LENGTH_MAX)
                .serve_connection(TokioIo::new(Patient::new(stream)), service)
                .with_upgrades(),
        );
        let open = counted.connections.open();
        connections.spawn(async move {
            // A client that hangs up or speaks no HTTP is its own affair.
            tokio::select! {
                biased;
                _ended = connection.as_mut() => {}
                wish = seat.asked() => match wish {
                    // Of its last answer only what it does not read is cut.
                    Wish::Leave => {}
                    Wish::End => {
                        connection.as_mut().graceful_shutdown();
                        let _ended = connection.await;
                    }
                }
            }
            drop((place, open));
        });
    }
    drop(listener);
    sidecar.stopping.store(true, Ordering::Relaxed);
    seats.end();
    end(&sidecar, connections).await;
}

/// Lets requests under way end, and hands their usage over.
async fn end(sidecar: &Sidecar, mut connections: JoinSet<()>) {
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
    seats: &Seats,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = loop {
        if let Ok(place) = Arc::clone(room).try_acquire_owned() {
            break place;
        }
        seats.ask_one_to_leave();
        if let Ok(place) = timeout(LEAVE_MAX, Arc::clone(room).acquire_owned()).await {
            break place.ok()?;
        }
    };
    let (stream, _) = listener.accept().await.ok()?;
    stream.set_nodelay(true).ok()?;
    Some((stream, place))
}
