//! A body that is told event by event, at the script's pace, and is billed when its last event is
//! told; it can break off before.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use events::KeyPrint;
use events::usage::Tokens;
use hyper::body::{Body, Frame};
use tokio::time::{Instant, Sleep};

use super::StandIn;
use crate::body::BoxError;

/// What is billed at the end.
pub(super) struct Bill {
    pub(super) stand_in: Arc<StandIn>,
    pub(super) key: KeyPrint,
    pub(super) model: String,
    pub(super) tokens: Tokens,
}

/// The body.
pub(super) struct Paced {
    events: VecDeque<Bytes>,
    bill: Option<Bill>,
    cut: bool,
    written: bool,
    delay: Duration,
    pause: Pin<Box<Sleep>>,
}

impl Paced {
    pub(super) fn new(mut events: VecDeque<Bytes>, bill: Bill) -> Self {
        let script = bill.stand_in.state().script.clone();
        let cut = script.cut_after.filter(|after| *after < events.len());
        events.truncate(cut.unwrap_or(events.len()));
        let delay = Duration::from_millis(script.event_delay_ms);
        let pause = Box::pin(tokio::time::sleep(Duration::ZERO));
        Self { events, bill: Some(bill), cut: cut.is_some(), written: false, delay, pause }
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if !self.delay.is_zero() && self.pause.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let until = Instant::now() + self.delay;
        self.pause.as_mut().reset(until);
        let Some(event) = self.events.pop_front() else {
            if !self.cut {
                return Poll::Ready(None);
            }
            // hyper writes what it has when a body has nothing for now, and throws it away when
            // the body fails: so the one first, then the other.
            if !std::mem::replace(&mut self.written, true) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(Some(Err("cut by the script".into())));
        };
        if self.events.is_empty()
            && !self.cut
            && let Some(Bill { stand_in, key, model, tokens }) = self.bill.take()
        {
            stand_in.state().ledger.answered(&key, &model, tokens);
        }
        Poll::Ready(Some(Ok(Frame::data(event))))
    }
}
