//! Usage on disk until the ledger has it: a request is written down before it leaves for the
//! provider and when it ends, so that neither a killed process nor a failed power supply makes a
//! request uncounted. The ledger counts by id, so handing over once too often does no harm.
//!
//! It never waits for a disk to be in sync on a request's way, and never grows beyond its bounds.

mod book;
mod disk;
mod entry;
#[cfg(test)]
mod fake;
mod frame;
mod group;
mod keeper;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use events::{Envelope, EventId};

use book::{BOUNDS, Book, Bounds};
use disk::{Directory, Disk};
use entry::Entry;
use group::Desk;
use keeper::Keeper;
use state::Coming;

pub(crate) use book::NotKept;
pub(crate) use group::Ticket;

/// The most identities in one entry, which makes 40 KiB.
const SETTLED_MAX: usize = 1000;

/// The journal, or none: then usage is in memory alone until the ledger has it.
pub(crate) struct Journal {
    book: Option<(Arc<Book>, Arc<Desk>)>,
    _keeper: Option<Keeper>,
}

impl Journal {
    /// None.
    pub(crate) fn none() -> Self {
        Self { book: None, _keeper: None }
    }

    /// The journal in this directory, with what an earlier run left there.
    ///
    /// # Errors
    /// The directory cannot be used, or another process has it.
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        Self::on(Box::new(Directory::open(directory)?), BOUNDS)
    }

    fn on(disk: Box<dyn Disk>, bounds: Bounds) -> io::Result<Self> {
        let book = Arc::new(opened(disk, bounds)?);
        let keeper = Keeper::start(Arc::clone(&book))?;
        let desk = Arc::new(Desk::new(Arc::clone(&book)));
        Ok(Self { book: Some((book, desk)), _keeper: Some(keeper) })
    }

    /// Whether there is one.
    pub(crate) fn is_kept(&self) -> bool {
        self.book.is_some()
    }

    /// Enters that a request leaves for the provider, with the record that counts if nothing more is
    /// ever known. Again when it takes another key. `None` when there is no journal.
    pub(crate) fn begin(&self, record: &Envelope) -> Option<Ticket> {
        self.book.as_ref().map(|(_, desk)| desk.enter(Coming::begin(record)))
    }

    /// Enters that it has ended.
    pub(crate) fn end(&self, record: &Envelope) -> Option<Ticket> {
        self.book.as_ref().map(|(_, desk)| desk.enter(Coming::end(record)))
    }

    /// It has not left for the provider: what was entered of it says nothing any more.
    pub(crate) fn withdraw(&self, id: EventId) {
        if let Some((book, _)) = &self.book {
            book.withdraw(id);
        }
    }

    /// Nobody has room for this record in memory; it comes back by [`Journal::left`]. `false` when
    /// the journal has no word of the request.
    pub(crate) fn leave(&self, id: EventId) -> bool {
        self.book.as_ref().is_some_and(|(book, _)| book.leave(id))
    }

    /// Whether an entry can be written, as far as the last one tells; if that failed, it is tried.
    ///
    /// # Errors
    /// Why it cannot.
    pub(crate) fn check(&self) -> Result<(), NotKept> {
        self.book.as_ref().map_or(Ok(()), |(_, desk)| desk.check())
    }

    /// How long all its files are, in bytes; `None` when there is no journal.
    pub(crate) fn length(&self) -> Option<u64> {
        self.book.as_ref().map(|(book, _)| book.length())
    }

    /// How many records nobody has in hand.
    pub(crate) fn count_left(&self) -> usize {
        self.book.as_ref().map_or(0, |(book, _)| book.count_left())
    }

    /// The ledger has these.
    pub(crate) fn settle(&self, batch: &[Envelope]) {
        let Some((book, _)) = &self.book else { return };
        for part in batch.chunks(SETTLED_MAX) {
            let ids: Vec<EventId> = part.iter().map(|record| record.id).collect();
            book.settle(&ids);
        }
    }

    /// Whether there are records that nobody has in hand.
    pub(crate) fn has_left(&self) -> bool {
        self.book.as_ref().is_some_and(|(book, _)| book.left().is_some())
    }

    /// Records that nobody has in hand, those of the oldest segment. From now on they are in the
    /// caller's. Reads a file.
    pub(crate) fn left(&self) -> Vec<Envelope> {
        let Some((book, number)) =
            self.book.as_ref().and_then(|(book, _)| Some((book, book.left()?)))
        else {
            return Vec::new();
        };
        // Before the file is read: what is left there meanwhile may come after what was read.
        let taken = book.take(number);
        let mut records = match book.disk.read(number) {
            Ok(bytes) => last_words(entry::read(&bytes).0),
            Err(error) => {
                tracing::error!(%error, number, "a usage segment cannot be read; it stays where it \
                    is and is read again at the next start");
                return Vec::new();
            }
        };
        let missing: Vec<EventId> =
            taken.iter().filter(|id| !records.contains_key(id)).copied().collect();
        if !missing.is_empty() {
            tracing::error!(number, requests = missing.len(), "a usage segment has lost records");
            book.settle(&missing);
        }
        taken.iter().filter_map(|id| records.remove(id)).collect()
    }
}

/// The last word about each request of one segment.
fn last_words(entries: Vec<Entry<'static>>) -> BTreeMap<EventId, Envelope> {
    let (mut begun, mut ended) = (BTreeMap::new(), BTreeMap::new());
    for entry in entries {
        match entry {
            Entry::UnderWay(record) => begun.insert(record.id, record.into_owned()),
            Entry::Ended(record) => ended.insert(record.id, record.into_owned()),
            Entry::Settled(_) => None,
        };
    }
    begun.append(&mut ended);
    begun
}

/// Reads what an earlier run left: for each request that is not settled, the segment with the last
/// word about it.
fn opened(disk: Box<dyn Disk>, bounds: Bounds) -> io::Result<Book> {
    let mut segments = disk.list()?;
    segments.sort_unstable();
    let next = segments.last().map_or(1, |last| last.saturating_add(1));
    let mut read = Vec::new();
    let (mut begun, mut ended) = (BTreeMap::new(), BTreeMap::new());
    let (mut settled, mut damaged) = (Vec::new(), 0);
    for number in &segments {
        let bytes = match disk.read(*number) {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::error!(%error, number, "a usage segment cannot be read and stays as it is");
                continue;
            }
        };
        read.push((*number, bytes.len() as u64));
        let (entries, odd) = entry::read(&bytes);
        damaged += odd;
        for entry in entries {
            match entry {
                Entry::UnderWay(record) => drop(begun.insert(record.id, *number)),
                Entry::Ended(record) => drop(ended.insert(record.id, *number)),
                Entry::Settled(ids) => settled.extend_from_slice(&ids),
            }
        }
    }
    begun.retain(|id, _| !ended.contains_key(id));
    for id in &settled {
        begun.remove(id);
        ended.remove(id);
    }
    if damaged > 0 {
        tracing::error!(
            places = damaged,
            "the usage journal is damaged; all else in it is counted"
        );
    }
    if !begun.is_empty() || !ended.is_empty() {
        let (ended, cut) = (ended.len(), begun.len());
        tracing::info!(ended, cut, "usage of an earlier run is handed over");
    }
    begun.append(&mut ended);
    Ok(Book::new(disk, bounds, next, &read, begun))
}

/// For the fuzz targets.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing {
    use super::entry::{self, Entry};

    pub(crate) fn entries(segment: &[u8]) -> (Vec<String>, u64) {
        let (entries, damaged) = entry::read(segment);
        let json = |entry: &Entry<'_>| {
            let written = entry.written().map(|written| serde_json::to_string(&written));
            written.and_then(Result::ok).unwrap_or_default()
        };
        (entries.iter().map(json).collect(), damaged)
    }

    pub(crate) fn framed(json: &str) -> Option<Vec<u8>> {
        let entry = Entry::read(json.as_bytes())?;
        entry.frame()
    }
}
