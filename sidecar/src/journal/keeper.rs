//! The journal's own thread: brings what was written in sync, a group at a time, and removes the
//! segments that nobody needs any more. It sleeps while nothing is written.

use std::io;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::book::{Book, Errands};

/// How long the first entry of a group waits for company before all are brought in sync: what a
/// power failure can lose. A killed process loses nothing.
const GROUP_AGE_MAX: Duration = Duration::from_millis(50);

/// The thread, until it is dropped; then all is in sync.
pub(super) struct Keeper {
    book: Arc<Book>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts the thread.
    pub(super) fn start(book: Arc<Book>) -> io::Result<Self> {
        let its = Arc::clone(&book);
        let thread = std::thread::Builder::new()
            .name("usage-journal".to_owned())
            .spawn(move || keep(&its))?;
        Ok(Self { book, thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.book.state().closing = true;
        self.book.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of it has already been told.
            let _ended = thread.join();
        }
    }
}

fn keep(book: &Book) {
    loop {
        let state = book.state();
        let wait = book.changed.wait_while(state, |state| !state.news && !state.closing);
        let state = wait.unwrap_or_else(PoisonError::into_inner);
        let wait = book.changed.wait_timeout_while(state, GROUP_AGE_MAX, |state| !state.closing);
        let closing = wait.unwrap_or_else(PoisonError::into_inner).0.closing;
        run_errands(book);
        if closing {
            return;
        }
    }
}

/// First in sync, then removed: what a segment held and is still needed was copied to another.
pub(super) fn run_errands(book: &Book) {
    let Errands { unsynced, new_names, done_with } = book.errands();
    let synced = unsynced.iter().try_for_each(|segment| segment.sync());
    let synced = synced.and_then(|()| if new_names { book.disk.sync_names() } else { Ok(()) });
    if let Err(error) = synced {
        tracing::error!(%error, "the usage journal cannot be brought in sync with its disk: a \
            power failure now would lose usage; check the disk");
        return book.still_unsynced(unsynced, new_names);
    }
    for number in done_with {
        if let Err(error) = book.disk.remove(number) {
            tracing::warn!(%error, number, "a usage segment that is done with cannot be removed");
            return;
        }
        book.gone(number);
    }
}
