//! One connection to a provider, driven by whoever holds it. Knows nothing of where it leads.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::body::Out;

/// Bytes to and from a provider.
pub(super) type Wire = MaybeHttpsStream<TokioIo<TcpStream>>;

/// A connection and the end that requests go in.
pub(super) struct Line {
    sender: SendRequest<Out>,
    /// `None` when it is over.
    connection: Option<Connection<Wire, Out>>,
}

impl Line {
    /// Speaks HTTP/1.1 over these bytes.
    pub(super) async fn open(wire: Wire) -> hyper::Result<Self> {
        let (sender, connection) = http1::handshake(wire).await?;
        Ok(Self { sender, connection: Some(connection) })
    }

    /// Sends one request and drives the connection until the head of the answer is there.
    pub(super) async fn ask(&mut self, request: Request<Out>) -> hyper::Result<Response<Incoming>> {
        let mut answer = pin!(self.sender.send_request(request));
        let connection = &mut self.connection;
        poll_fn(|cx| {
            drive(connection, cx);
            answer.as_mut().poll(cx)
        })
        .await
    }

    /// Moves bytes both ways as far as they go now.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.connection, cx);
    }

    /// Whether the next request can be sent: the last one is over and nobody has hung up, as far
    /// as this machine has heard.
    pub(super) fn is_free(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.connection.is_some() && self.sender.is_ready()
    }
}

/// Once it is over, it is not asked again. How it ended is told to whoever waits for its answer.
fn drive(connection: &mut Option<Connection<Wire, Out>>, cx: &mut Context<'_>) {
    let ended = connection
        .as_mut()
        .is_some_and(|connection| matches!(Pin::new(connection).poll(cx), Poll::Ready(_over)));
    if ended {
        *connection = None;
    }
}
