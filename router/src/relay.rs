//! An agent's answer on its way to the client, as it comes. It changes nothing; it only sees to it
//! that an answer which breaks off arrives as far as it came.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

/// An answer's body. Dropping it ends the request to the agent.
pub(crate) struct Relay {
    agent: Incoming,
    /// Why it broke off, until what came before has been written.
    broken: Option<hyper::Error>,
}

impl Relay {
    /// A relay of the agent's bytes.
    pub(crate) fn new(agent: Incoming) -> Self {
        Self { agent, broken: None }
    }
}

impl Body for Relay {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(why) = self.broken.take() {
            return Poll::Ready(Some(Err(why)));
        }
        let frame = ready!(Pin::new(&mut self.agent).poll_frame(cx));
        let Some(Err(why)) = frame else { return Poll::Ready(frame) };
        // Breaks off at the next look: hyper throws away what it has not written yet, the head
        // included, when a body fails, and writes it when the body has nothing for now.
        self.broken = Some(why);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.broken.is_none() && self.agent.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.agent.size_hint()
    }
}
