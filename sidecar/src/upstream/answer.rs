//! The body of a provider's answer: reading it drives the connection, and its end gives the
//! connection back.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::idle::{Idle, Place};
use super::line::Line;

/// A provider's answer as it comes. Dropping it before its end closes the connection, which ends
/// the request.
pub(crate) struct Answer {
    incoming: Incoming,
    /// With its place, until it is given back.
    line: Option<(Line, Place)>,
    idle: Arc<Idle>,
    ended: bool,
}

impl Answer {
    pub(super) fn new(incoming: Incoming, line: Line, place: Place, idle: Arc<Idle>) -> Self {
        Self { incoming, line: Some((line, place)), idle, ended: false }
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
            && let Some((line, _)) = &mut this.line
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
        if let Some((mut line, place)) = self.line.take().filter(|_| over)
            && line.is_free()
        {
            self.idle.put(place, line);
        }
    }
}
