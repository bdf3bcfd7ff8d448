//! Connections that many requests share: HTTP/2, where the provider speaks it. Each has a task of
//! its own, for nobody's request may wait until somebody else looks at theirs.
//!
//! A connection that its provider is done with (GOAWAY) takes no more; what is under way on it goes
//! on to its end.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::client::conn::http2::{self, Connection, SendRequest};
use hyper_util::client::legacy::connect::Connection as _;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, sleep};

use super::Unanswered;
use super::idle::Place;
use super::line::Wire;
use crate::body::Out;

/// How many requests share a connection. Providers allow about a hundred, and what is above waits
/// without a word; there is room for those that are being reset.
const STREAMS_MAX: usize = 80;
/// How much of one answer may wait for its client, in bytes.
const STREAM_WINDOW: u32 = 128 * 1024;
/// The same of all that share a connection, so that clients that read nothing stop no others.
const CONNECTION_WINDOW: u32 = STREAMS_MAX as u32 * STREAM_WINDOW;
/// How much of one request may wait for the provider, in bytes.
const SEND_LENGTH_MAX: usize = 128 * 1024;
/// The longest head of an answer, in bytes, as for HTTP/1.1.
const HEAD_LENGTH_MAX: u32 = 64 * 1024;
/// A provider that is gone without a word is noticed by a ping so often, and an answer so late.
const PING_EVERY: Duration = Duration::from_secs(20);
const PONG_MAX: Duration = Duration::from_secs(10);
/// How long a connection is kept without a request. Who ends it first tells the other, so that it
/// may be longer than for HTTP/1.1.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// How often it is looked at whether it has been idle for so long.
const LOOKED_EVERY: Duration = Duration::from_secs(15);

/// How a request goes to its provider.
pub(super) enum Way {
    /// With others.
    Shared(SendRequest<Out>, Stream),
    /// Alone: the provider speaks HTTP/1.1.
    Alone(Box<Wire>),
}

/// The shared connections, by place.
#[derive(Default)]
pub(super) struct Shared(Mutex<BTreeMap<Place, Arc<Group>>>);

/// Those to one place.
#[derive(Default)]
struct Group {
    lines: Mutex<Lines>,
    /// One is opened at a time: the others may find room on it.
    opening: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Lines {
    shared: Vec<(SendRequest<Out>, Arc<Load>)>,
    /// It agreed to HTTP/1.1 the last time.
    alone: bool,
    failures: u64,
}

/// How busy a connection is.
struct Load(Mutex<Busy>);

struct Busy {
    streams: usize,
    /// As the provider tells, and not above ours.
    streams_max: usize,
    since: Instant,
    closed: bool,
}

/// One request's part of a connection, until it is dropped.
pub(super) struct Stream(Arc<Load>);

impl Shared {
    /// A way to this place; a new connection is made by `connect` when no other has room.
    pub(super) async fn way<F>(
        &self,
        place: Place,
        connect: impl Fn() -> F,
    ) -> Result<Way, Unanswered>
    where
        F: Future<Output = Result<Wire, Unanswered>>,
    {
        let group = Arc::clone(lock(&self.0).entry(place).or_default());
        if let Some(way) = group.take() {
            return Ok(way);
        }
        let failures = group.lines().failures;
        let one = group.opening.lock().await;
        if let Some(way) = group.take() {
            return Ok(way);
        }
        if group.lines().failures != failures {
            return Err(Unanswered::Connect("the connection that others waited for failed".into()));
        }
        // Who is served alone needs a connection of its own anyhow.
        let one = (!group.lines().alone).then_some(one);
        let opened = group.open(connect).await;
        if one.is_some() && opened.is_err() {
            group.lines().failures += 1;
        }
        opened
    }
}

impl Group {
    /// The first connection that has room, so that the last ones become idle.
    fn take(&self) -> Option<Way> {
        let mut lines = self.lines();
        lines.shared.retain(|(sender, load)| !sender.is_closed() && !load.busy().closed);
        let mut shared = lines.shared.iter();
        shared.find_map(|(sender, load)| Some(Way::Shared(sender.clone(), Stream::of(load)?)))
    }

    async fn open<F>(&self, connect: impl Fn() -> F) -> Result<Way, Unanswered>
    where
        F: Future<Output = Result<Wire, Unanswered>>,
    {
        let wire = connect().await?;
        let alone = !wire.connected().is_negotiated_h2();
        self.lines().alone = alone;
        if alone {
            return Ok(Way::Alone(Box::new(wire)));
        }
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_LENGTH_MAX)
            .max_header_list_size(HEAD_LENGTH_MAX)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PONG_MAX);
        let handshake = builder.handshake(wire).await;
        let (sender, connection) = handshake.map_err(|error| Unanswered::Connect(error.into()))?;
        let load = Arc::new(Load(Mutex::new(Busy {
            streams: 0,
            streams_max: STREAMS_MAX,
            since: Instant::now(),
            closed: false,
        })));
        tokio::spawn(drive(connection, Arc::clone(&load)));
        let stream =
            Stream::of(&load).ok_or_else(|| Unanswered::Connect("it was closed at once".into()))?;
        self.lines().shared.push((sender.clone(), load));
        Ok(Way::Shared(sender, stream))
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        lock(&self.lines)
    }
}

impl Load {
    fn busy(&self) -> MutexGuard<'_, Busy> {
        lock(&self.0)
    }

    /// Closes it if nobody has used it for long.
    fn close_idle(&self) -> bool {
        let mut busy = self.busy();
        busy.closed |= busy.streams == 0 && busy.since.elapsed() >= IDLE_MAX;
        busy.closed
    }
}

impl Stream {
    /// A part of this connection, if it has room.
    fn of(load: &Arc<Load>) -> Option<Self> {
        let mut busy = load.busy();
        let room = !busy.closed && busy.streams < busy.streams_max;
        room.then(|| {
            busy.streams += 1;
            Self(Arc::clone(load))
        })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut busy = self.0.busy();
        busy.streams -= 1;
        busy.since = Instant::now();
    }
}

/// Takes requests to a connection until it is over, or idle for too long.
async fn drive(mut connection: Connection<Wire, Out, TokioExecutor>, load: Arc<Load>) {
    loop {
        let ended = poll_fn(|cx| {
            let ended = Pin::new(&mut connection).poll(cx);
            load.busy().streams_max = STREAMS_MAX.min(connection.current_max_send_streams());
            ended
        });
        let mut look = pin!(sleep(LOOKED_EVERY));
        tokio::select! {
            biased;
            // How it ended is told to whoever waits for an answer on it.
            _over = ended => break,
            () = &mut look => if load.close_idle() { return },
        }
    }
    load.busy().closed = true;
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
