//! Which connections have no request under way, and which of them has been quiet for longest: it has
//! to go when there is no room for another. So whoever opens connections and says nothing keeps
//! nobody out. Who has been quiet for too long has to go too: one look at all of them now and then
//! costs less than a timer for each request.
//!
//! It closes nothing itself and knows no time, only who was heard before whom and how many looks ago.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::Notify;

/// Every connection.
#[derive(Default)]
pub(crate) struct Seats {
    taken: Mutex<BTreeMap<u64, Arc<State>>>,
    /// Counts what is heard of anybody.
    heard: AtomicU64,
    /// Counts the looks.
    looks: AtomicU32,
    /// The end has begun.
    ending: AtomicBool,
}

#[derive(Default)]
struct State {
    busy: AtomicBool,
    last_heard: AtomicU64,
    /// After which look it was heard last.
    quiet_since: AtomicU32,
    leave: Notify,
}

/// What a connection is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To go now: it has no request under way.
    Leave,
    /// To go once its request is over, if it has one.
    End,
}

/// One connection's, until it is dropped.
pub(crate) struct Seat {
    seats: Arc<Seats>,
    number: u64,
    state: Arc<State>,
}

impl Seats {
    /// A seat for a new connection, which has said nothing yet.
    pub(crate) fn take(self: &Arc<Self>) -> Arc<Seat> {
        let number = self.heard.fetch_add(1, Ordering::Relaxed);
        let state = Arc::new(State {
            last_heard: AtomicU64::new(number),
            quiet_since: AtomicU32::new(self.looks.load(Ordering::Relaxed)),
            ..State::default()
        });
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.insert(number, Arc::clone(&state));
        Arc::new(Seat { seats: Arc::clone(self), number, state })
    }

    /// Looks at all, and asks those to leave that have been quiet for so many looks. A request's head
    /// that does not end is no word.
    pub(crate) fn look(&self, quiet_max: u32) {
        let now = self.looks.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        for state in taken.values().filter(|state| !state.busy.load(Ordering::Acquire)) {
            if now.wrapping_sub(state.quiet_since.load(Ordering::Relaxed)) > quiet_max {
                state.leave.notify_one();
            }
        }
    }

    /// Asks the connection that has been quiet for longest to leave, if any is quiet.
    pub(crate) fn ask_one_to_leave(&self) {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let quiet = taken.values().filter(|state| !state.busy.load(Ordering::Acquire));
        if let Some(state) = quiet.min_by_key(|state| state.last_heard.load(Ordering::Relaxed)) {
            state.leave.notify_one();
        }
    }

    /// Asks all to go once their requests are over.
    pub(crate) fn end(&self) {
        self.ending.store(true, Ordering::Release);
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.values().for_each(|state| state.leave.notify_one());
    }
}

impl Seat {
    /// A request is under way on this connection until the guard is dropped.
    pub(crate) fn busy(self: &Arc<Self>) -> Busy {
        self.state.busy.store(true, Ordering::Release);
        Busy(Arc::clone(self))
    }

    /// Ready when the connection was asked for something, and to leave only while it has no request
    /// under way.
    pub(crate) async fn asked(&self) -> Wish {
        loop {
            self.state.leave.notified().await;
            if self.seats.ending.load(Ordering::Acquire) {
                return Wish::End;
            }
            if !self.state.busy.load(Ordering::Acquire) {
                return Wish::Leave;
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.remove(&self.number);
    }
}

/// A request under way. HTTP/1.1 has one at a time.
pub(crate) struct Busy(Arc<Seat>);

impl Busy {
    /// The request lasts until this body has been written.
    pub(crate) fn until_the_end_of<B>(self, body: B) -> Answering<B> {
        Answering { body, _busy: self }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let Seat { seats, state, .. } = &*self.0;
        state.last_heard.store(seats.heard.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        state.quiet_since.store(seats.looks.load(Ordering::Relaxed), Ordering::Relaxed);
        state.busy.store(false, Ordering::Release);
    }
}

/// An answer's body, until hyper has taken all of it.
pub(crate) struct Answering<B> {
    body: B,
    _busy: Busy,
}

impl<B: Body + Unpin> Body for Answering<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Waker;

    use super::*;

    fn asked(seat: &Seat) -> Option<Wish> {
        let mut asked = pin!(seat.asked());
        match asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(wish) => Some(wish),
            Poll::Pending => None,
        }
    }

    fn leaves(seat: &Seat) -> bool {
        asked(seat) == Some(Wish::Leave)
    }

    #[test]
    fn at_the_end_all_are_asked_to_end_whatever_they_do() {
        let seats = Arc::new(Seats::default());
        let [quiet, talks] = [seats.take(), seats.take()];
        let _busy = talks.busy();
        seats.ask_one_to_leave();
        seats.end();
        assert_eq!([asked(&quiet), asked(&talks)], [Some(Wish::End); 2]);
    }

    #[test]
    fn who_has_been_quiet_for_longest_leaves_first_and_nobody_with_a_request() {
        let seats = Arc::new(Seats::default());
        let [first, second, third] = [seats.take(), seats.take(), seats.take()];
        drop(first.busy());
        let busy = second.busy();
        // Heard last is the first, busy the second.
        seats.ask_one_to_leave();
        assert_eq!([leaves(&first), leaves(&second), leaves(&third)], [false, false, true]);
        drop(third);
        drop(busy);
        seats.ask_one_to_leave();
        assert_eq!([leaves(&first), leaves(&second)], [true, false]);
    }

    #[test]
    fn who_is_quiet_for_too_many_looks_leaves_and_a_request_lasts_as_long_as_it_lasts() {
        let seats = Arc::new(Seats::default());
        let [silent, talker, asks] = [seats.take(), seats.take(), seats.take()];
        let long = asks.busy();
        for _ in 0..3 {
            drop(talker.busy());
            seats.look(3);
        }
        assert_eq!([leaves(&silent), leaves(&talker), leaves(&asks)], [false; 3], "in time");
        seats.look(3);
        assert_eq!([leaves(&silent), leaves(&talker), leaves(&asks)], [true, false, false]);
        drop(long);
        for _ in 0..4 {
            seats.look(3);
        }
        assert!(leaves(&asks), "it counts from the end of its request");
    }

    #[test]
    fn a_request_that_comes_meanwhile_keeps_its_connection() {
        let seats = Arc::new(Seats::default());
        let seat = seats.take();
        seats.ask_one_to_leave();
        let busy = seat.busy();
        assert!(!leaves(&seat));
        seats.ask_one_to_leave();
        drop(busy);
        assert!(!leaves(&seat), "nobody asked it since it is quiet");
        seats.ask_one_to_leave();
        assert!(leaves(&seat));
    }
}
