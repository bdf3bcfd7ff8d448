//! The least that a proxy over hyper can be: it puts the key in and passes everything on. What our
//! sidecar costs beyond it is our own; what it costs beyond nginx, no code of ours can save.
//!
//! It is driven as the sidecar's upstream is, by whoever waits for the answer. It checks nothing, and
//! speaks no TLS.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderName, HeaderValue, Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use super::subjects::KEY;
use crate::bench::Failure;

const KEY_NAME: HeaderName = HeaderName::from_static("x-api-key");

/// Connections to the provider that wait for their next request.
type Idle = Arc<Mutex<Vec<Line>>>;

/// One of them.
struct Line {
    sender: SendRequest<Incoming>,
    /// `None` when it is over.
    connection: Option<Connection<TokioIo<TcpStream>, Incoming>>,
}

/// Serves until it is killed.
///
/// # Errors
/// The address is taken.
pub(crate) async fn serve(listen: SocketAddr, provider: SocketAddr) -> Result<(), Failure> {
    let listener = TcpListener::bind(listen).await?;
    let idle = Idle::default();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let idle = Arc::clone(&idle);
        let service = service_fn(move |request| {
            let idle = Arc::clone(&idle);
            async move { answer(idle, provider, request).await }
        });
        let connection = Builder::new().serve_connection(TokioIo::new(stream), service);
        // A client that hangs up is its own affair, and one that gets no answer says so.
        tokio::spawn(async move { drop(connection.await) });
    }
}

async fn answer(
    idle: Idle,
    provider: SocketAddr,
    mut request: Request<Incoming>,
) -> io::Result<Response<Relay>> {
    request.headers_mut().remove(CONNECTION);
    request.headers_mut().insert(KEY_NAME, HeaderValue::from_static(KEY));
    let mut line = match waiting(&idle) {
        Some(line) => line,
        None => open(provider).await?,
    };
    let Line { sender, connection } = &mut line;
    let mut sent = pin!(sender.send_request(request));
    let answer = poll_fn(|cx| {
        drive(connection, cx);
        sent.as_mut().poll(cx)
    });
    let answer = answer.await.map_err(io::Error::other)?;
    Ok(answer.map(|incoming| Relay { incoming, line: Some(line), idle }))
}

/// A connection that can still be used.
fn waiting(idle: &Idle) -> Option<Line> {
    loop {
        let mut line = shelf(idle).pop()?;
        drive(&mut line.connection, &mut Context::from_waker(Waker::noop()));
        if line.connection.is_some() && line.sender.is_ready() {
            return Some(line);
        }
    }
}

async fn open(provider: SocketAddr) -> io::Result<Line> {
    let stream = TcpStream::connect(provider).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    Ok(Line { sender, connection: Some(connection) })
}

fn drive(connection: &mut Option<Connection<TokioIo<TcpStream>, Incoming>>, cx: &mut Context<'_>) {
    if connection.as_mut().is_some_and(|connection| Pin::new(connection).poll(cx).is_ready()) {
        *connection = None;
    }
}

fn shelf(idle: &Idle) -> MutexGuard<'_, Vec<Line>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An answer on its way; its end gives the connection back.
struct Relay {
    incoming: Incoming,
    line: Option<Line>,
    idle: Idle,
}

impl Body for Relay {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(line) = &mut self.line {
            drive(&mut line.connection, cx);
        }
        Pin::new(&mut self.incoming).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // One that is not over is seen not to be ready when it is taken.
        shelf(&self.idle).extend(self.line.take());
    }
}
