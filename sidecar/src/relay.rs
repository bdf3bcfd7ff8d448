//! An answer on its way to the client: the provider's bytes as they come, one chunk at a time, at
//! the client's pace, with the account reading along.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::body::BoxError;
use crate::include_usage::DropUsage;
use crate::tally::Tally;

/// How long a provider may be silent within an answer. Streams send pings every few seconds; a
/// long answer without streaming is silent before its head, not within.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(5 * 60);

/// An answer's body. Dropping it ends the request to the provider.
pub(crate) struct Relay {
    provider: Incoming,
    silence: Pin<Box<Sleep>>,
    tally: Option<Tally>,
    without_usage: Option<DropUsage>,
}

impl Relay {
    /// A relay of `provider`'s bytes; with `without_usage`, less the chunk that we asked for.
    pub(crate) fn new(provider: Incoming, tally: Option<Tally>, without_usage: bool) -> Self {
        Self {
            provider,
            silence: Box::pin(tokio::time::sleep(SILENCE_MAX)),
            tally,
            without_usage: without_usage.then(DropUsage::default),
        }
    }

    fn pass(&mut self, data: Bytes) -> Bytes {
        if let Some(tally) = &mut self.tally {
            tally.see(&data);
        }
        match &mut self.without_usage {
            Some(filter) => filter.pass(&data),
            None => data,
        }
    }

    fn end(&mut self) -> Option<Bytes> {
        self.tally = None;
        self.without_usage.as_mut().map(DropUsage::finish).filter(|held| !held.is_empty())
    }
}

impl Body for Relay {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.provider).poll_frame(cx) else {
                return match self.silence.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Some(Err("the provider fell silent".into()))),
                    Poll::Pending => Poll::Pending,
                };
            };
            let frame = match frame {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => return Poll::Ready(self.end().map(|held| Ok(Frame::data(held)))),
            };
            self.silence.as_mut().reset(Instant::now() + SILENCE_MAX);
            // Trailers stay here: no provider sends any, and no list allows them.
            let Ok(data) = frame.into_data() else { continue };
            let data = self.pass(data);
            if !data.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.provider.is_end_stream() && !self.without_usage.as_ref().is_some_and(DropUsage::holds)
    }

    fn size_hint(&self) -> SizeHint {
        match self.without_usage {
            Some(_) => SizeHint::new(),
            None => self.provider.size_hint(),
        }
    }
}
