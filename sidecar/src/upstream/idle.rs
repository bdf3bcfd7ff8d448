//! Connections that wait for their next request. Each is looked at once more before it is used, and
//! one task closes those that waited too long; it lives only while there are any.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::Uri;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use super::line::Line;

/// How long an idle connection is kept: below any provider's own limit, so that a request is
/// rarely written into a connection that is being closed. The shortest in use is Node's and
/// uvicorn's five seconds.
const IDLE_MAX: Duration = Duration::from_secs(4);
/// How many idle connections are kept to one place; a workspace uses a few at a time, a shared
/// sidecar some dozens.
const IDLE_COUNT_MAX: usize = 256;
/// How often those that waited too long are closed.
const SWEPT_EVERY: Duration = Duration::from_secs(1);

/// Where a connection leads: scheme and authority.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(String);

impl Place {
    /// The place of an absolute URI.
    pub(super) fn of(uri: &Uri) -> Option<Self> {
        Some(Self([uri.scheme_str()?, "://", uri.authority()?.as_str()].concat()))
    }
}

/// The idle connections.
#[derive(Default)]
pub(super) struct Idle(Mutex<Shelf>);

#[derive(Default)]
struct Shelf {
    lines: BTreeMap<Place, Vec<(Box<Line>, Instant)>>,
    swept: bool,
}

impl Idle {
    /// The connection to a place that was used last and can still be used.
    pub(super) fn take(&self, place: &Place) -> Option<Box<Line>> {
        loop {
            let (mut line, since) = self.shelf().lines.get_mut(place)?.pop()?;
            // The older ones have waited longer still; the sweep closes them.
            if since.elapsed() >= IDLE_MAX {
                return None;
            }
            if line.is_free() {
                return Some(line);
            }
        }
    }

    /// Keeps a connection for the next request.
    pub(super) fn put(self: &Arc<Self>, place: Place, line: Box<Line>) {
        let mut shelf = self.shelf();
        let lines = shelf.lines.entry(place).or_default();
        if lines.len() >= IDLE_COUNT_MAX {
            return;
        }
        lines.push((line, Instant::now()));
        // Without a runtime, as in its last moments, nobody is left to use it either.
        if !shelf.swept
            && let Ok(runtime) = Handle::try_current()
        {
            shelf.swept = true;
            runtime.spawn(sweep(Arc::downgrade(self)));
        }
    }

    /// Closes those that waited too long; gives whether there are others.
    fn close_old(&self) -> bool {
        let mut old = Vec::new();
        let mut shelf = self.shelf();
        for lines in shelf.lines.values_mut() {
            let fresh = lines.partition_point(|(_, since)| since.elapsed() >= IDLE_MAX);
            old.extend(lines.drain(..fresh));
        }
        shelf.lines.retain(|_, lines| !lines.is_empty());
        shelf.swept = !shelf.lines.is_empty();
        let more = shelf.swept;
        // Closing takes a while, and others wait for the shelf.
        drop(shelf);
        drop(old);
        more
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn sweep(idle: Weak<Idle>) {
    loop {
        sleep(SWEPT_EVERY).await;
        if !idle.upgrade().is_some_and(|idle| idle.close_old()) {
            return;
        }
    }
}
