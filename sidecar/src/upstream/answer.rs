//! The body of a provider's answer: reading it drives the connection, and its end gives the
//! connection back.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::idle::{Idle, Place};
use super::line::Line;
use super::shared::Stream;

/// A provider's answer as it comes. Dropping it before its end ends the request: it closes the
/// connection, or resets its own stream when others share the connection.
pub(crate) struct Answer {
    incoming: Incoming,
    connection: Connection,
    ended: bool,
}

/// What the answer holds until its end.
enum Connection {
    /// With its place, until it is given back.
    Alone(Option<(Box<Line>, Place)>, Arc<Idle>),
    Shared {
        _stream: Stream,
    },
}

impl Answer {
    pub(super) fn alone(
        incoming: Incoming,
        line: Box<Line>,
        place: Place,
        idle: Arc<Idle>,
    ) -> Self {
        Self { incoming, connection: Connection::Alone(Some((line, place)), idle), ended: false }
    }

    pub(super) fn shared(incoming: Incoming, stream: Stream) -> Self {
        Self { incoming, connection: Connection::Shared { _stream: stream }, ended: false }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        let mut frame = Pin::new(&mut this.incoming).poll_frame(cx);
        if frame.is_pending()
            && let Connection::Alone(Some((line, _)), _) = &mut this.connection
        {
            line.drive(cx);
            frame = Pin::new(&mut this.incoming).poll_frame(cx);
        }
        this.ended |= matches!(frame, Poll::Ready(None));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let over = self.ended || self.incoming.is_end_stream();
        if let Connection::Alone(line, idle) = &mut self.connection
            && let Some((line, place)) = line.take().filter(|_| over)
        {
            // Whether it can still be used is seen when it is taken.
            idle.put(place, line);
        }
    }
}
