//! An answer on its way to the client: the provider's bytes as they come, one chunk at a time, at
//! the client's pace, with the account reading along.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::body::BoxError;
use crate::call::Account;
use crate::include_usage::DropUsage;
use crate::outbox::Ending;
use crate::tally::Tally;
use crate::upstream::Answer;

/// How long a provider may be silent within an answer. Streams send pings every few seconds; a
/// long answer without streaming is silent before its head, not within.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(5 * 60);

/// How long an answer may take to its end if the configuration does not tell. The official clients
/// give up on a stream that is silent, not on one that is long; the longest known take under an
/// hour. One that never ends shall not hold a key's turn and a connection for ever.
pub(crate) const TOTAL_MAX: Duration = Duration::from_secs(4 * 60 * 60);

/// An answer's body. Dropping it ends the request to the provider.
pub(crate) struct Relay {
    provider: Answer,
    /// When it last said something. The alarm rings at the earliest moment when it may have been
    /// silent for too long, and is not set anew for each chunk.
    heard: Instant,
    silence: Pin<Box<Sleep>>,
    /// When it is broken off, however much it says.
    until: Instant,
    account: Option<Box<Account>>,
    without_usage: Option<DropUsage>,
    /// The last bytes, until the account that they close is written down.
    last: Option<(Ending, Bytes)>,
    /// Why it broke off, until what came before has been written.
    broken: Option<BoxError>,
}

impl Relay {
    /// A relay of `provider`'s bytes, for so long at the most; with `without_usage`, less the chunk
    /// that we asked for.
    pub(crate) fn new(
        provider: Answer,
        account: Box<Account>,
        total_max: Duration,
        without_usage: bool,
    ) -> Self {
        let heard = Instant::now();
        Self {
            provider,
            heard,
            silence: Box::pin(tokio::time::sleep(SILENCE_MAX.min(total_max))),
            until: heard + total_max,
            account: Some(account),
            without_usage: without_usage.then(DropUsage::default),
            last: None,
            broken: None,
        }
    }

    /// Breaks off at the next look: hyper throws away what it has not written yet when a body
    /// fails, and writes it when the body has nothing for now.
    fn break_off(
        &mut self,
        why: BoxError,
        cx: &Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.broken = Some(why);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Ready once the provider has been silent for too long, or its time is up.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.silence.as_mut().poll(cx));
            let until = self.until.min(self.heard + SILENCE_MAX);
            if until <= Instant::now() {
                return Poll::Ready(());
            }
            self.silence.as_mut().reset(until);
        }
    }

    /// What goes to the client of these bytes; with an ending if they close the account.
    fn pass(&mut self, data: Bytes) -> (Bytes, Option<Ending>) {
        let mut ending = None;
        if let Some(Account { tally, .. }) = self.account.as_deref_mut() {
            if let Some(tally) = tally {
                tally.see(&data);
            }
            let closed = tally.take_if(|tally| tally.is_over() || self.provider.is_end_stream());
            ending = closed.and_then(Tally::end);
        }
        match &mut self.without_usage {
            Some(filter) => (filter.pass(&data), ending),
            None => (data, ending),
        }
    }

    fn end(&mut self) -> Option<Bytes> {
        self.account = None;
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
        if let Some(why) = self.broken.take() {
            return Poll::Ready(Some(Err(why)));
        }
        // Written down before the client sees the end: who has seen it may count on it.
        if let Some((ending, data)) = self.last.take() {
            drop(ending);
            if !data.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
        }
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.provider).poll_frame(cx) else {
                return match self.poll_silence(cx) {
                    Poll::Ready(()) => self.break_off("the answer took too long".into(), cx),
                    Poll::Pending => Poll::Pending,
                };
            };
            let frame = match frame {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return self.break_off(error.into(), cx),
                None => return Poll::Ready(self.end().map(|held| Ok(Frame::data(held)))),
            };
            self.heard = Instant::now();
            if self.until <= self.heard {
                return self.break_off("the answer took too long".into(), cx);
            }
            // Trailers stay here: no provider sends any, and no list allows them.
            let Ok(data) = frame.into_data() else { continue };
            let (data, ending) = self.pass(data);
            if let Some(ending) = ending {
                // Others that are ready write theirs with it.
                self.last = Some((ending, data));
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if !data.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.provider.is_end_stream()
            && self.last.is_none()
            && !self.without_usage.as_ref().is_some_and(DropUsage::holds)
    }

    fn size_hint(&self) -> SizeHint {
        match self.without_usage {
            Some(_) => SizeHint::new(),
            None => {
                let held = self.last.as_ref().map_or(0, |(_, data)| data.len() as u64);
                let rest = self.provider.size_hint();
                rest.exact().map_or_else(SizeHint::new, |rest| SizeHint::with_exact(rest + held))
            }
        }
    }
}
