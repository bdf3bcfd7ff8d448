//! Entries that go to the disk in one write: while many requests are under way, all that came up in
//! one turn of the event loop. Who waits for an entry lets the others that are ready enter theirs,
//! and then the first of them writes for all.
//!
//! It has no task and no timer: an entry that nobody waits for is written when its ticket is
//! dropped, so that none stays in memory.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Poll;

use super::book::{Book, NotKept};
use super::state::Coming;

/// Where entries wait for the write.
pub(super) struct Desk {
    book: Arc<Book>,
    pending: Mutex<Pending>,
    /// The last write failed, and it was said.
    failing: AtomicBool,
}

#[derive(Default)]
struct Pending {
    coming: Vec<Coming>,
    group: Arc<Group>,
}

/// One write, once it is done: which of its entries are kept.
#[derive(Default)]
struct Group(OnceLock<Vec<bool>>);

/// One entry's place in its group. Dropping it writes the group.
pub(crate) struct Ticket {
    desk: Arc<Desk>,
    group: Arc<Group>,
    place: usize,
}

impl Desk {
    /// A desk before a book.
    pub(super) fn new(book: Arc<Book>) -> Self {
        Self { book, pending: Mutex::default(), failing: AtomicBool::new(false) }
    }

    /// Takes an entry in. It is written with those before and after it.
    pub(super) fn enter(self: &Arc<Self>, coming: Coming) -> Ticket {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.coming.push(coming);
        let (group, place) = (Arc::clone(&pending.group), pending.coming.len() - 1);
        Ticket { desk: Arc::clone(self), group, place }
    }

    /// Writes a group, unless that is done. Whoever enters meanwhile waits for the lock: entries of
    /// one request must not overtake each other.
    fn write(&self, group: &Group) {
        if group.0.get().is_some() {
            return;
        }
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if group.0.get().is_some() {
            return;
        }
        let Pending { coming, group } = std::mem::take(&mut *pending);
        let (kept, error) = self.book.write_all(coming);
        // Nobody else has set it: that happens under this lock alone.
        let _first = group.0.set(kept);
        drop(pending);
        self.told(error.as_ref());
    }

    /// Whether an entry can be written, as far as the last one tells; if that failed, it is tried.
    pub(super) fn check(&self) -> Result<(), NotKept> {
        if !self.failing.load(Ordering::Relaxed) {
            return Ok(());
        }
        let tried = self.book.check();
        self.told(tried.as_ref().err());
        tried
    }

    /// Says once that the journal fails, and once that it works again.
    fn told(&self, error: Option<&NotKept>) {
        let failed = matches!(error, Some(NotKept::Full | NotKept::Disk(_)));
        if self.failing.load(Ordering::Relaxed) != failed {
            self.failing.store(failed, Ordering::Relaxed);
            match error {
                Some(error) => tracing::error!(%error, "usage cannot be written down"),
                None => tracing::info!("usage can be written down again"),
            }
        }
    }
}

impl Ticket {
    /// Writes the entry and its group now; gives whether it is kept.
    pub(crate) fn write(&self) -> bool {
        self.desk.write(&self.group);
        self.group.0.get().and_then(|kept| kept.get(self.place)).copied().unwrap_or(false)
    }

    /// Waits until whoever else is ready has entered, so that one write does for all.
    pub(crate) async fn others(&self) {
        let mut others_were_asked = false;
        poll_fn(|cx| {
            if others_were_asked || self.group.0.get().is_some() {
                return Poll::Ready(());
            }
            others_were_asked = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.desk.write(&self.group);
    }
}
