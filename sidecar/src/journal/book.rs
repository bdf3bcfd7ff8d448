//! Which request's word lies in which segment, and so which segment may go.
//!
//! A begin lies in the newest segment always: a new segment starts with a copy of every begin that
//! has no end yet. So a long stream holds no old segment back; what does is usage that the ledger
//! does not have. Segments go oldest first: what settles an entry never goes before the entry.
//!
//! One short lock and one write an entry; nothing here waits for a disk to be in sync.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use events::{Envelope, EventId};
use thiserror::Error;

use super::disk::{Disk, Segment};
use super::entry::{self, Entry};

/// What the journal may grow to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// From which length on a segment gets a successor, in bytes.
    pub(super) segment_length: u64,
    /// How long all segments together may be, in bytes. Ends that were promised room may go beyond.
    pub(super) length: u64,
    /// How many segments there may be.
    pub(super) segments: usize,
}

/// 256 MiB: about 150,000 requests that the ledger does not have yet. A segment is large enough
/// that the copies at its start are few, and small enough to be read at once. Each start makes a
/// segment, however little it writes, so their number allows for a process that dies in a loop.
pub(super) const BOUNDS: Bounds =
    Bounds { segment_length: 4 * 1024 * 1024, length: 256 * 1024 * 1024, segments: 4096 };

/// Why an entry is not in the journal.
#[derive(Debug, Error)]
pub(crate) enum NotKept {
    /// The bound is hit.
    #[error("the usage journal is full: the ledger has taken nothing for long")]
    Full,
    /// The disk refused.
    #[error("the disk of the usage journal refuses: {0}")]
    Disk(#[from] io::Error),
    /// The entry is longer than any may be.
    #[error("the record is too long")]
    TooLong,
}

/// How far a request has got.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Begun; its frame, to be copied into the next segment.
    UnderWay(Vec<u8>),
    /// Somebody in this process has its record and hands it over.
    InHand,
    /// Its record is in the segment and nowhere else.
    Left,
}

struct Request {
    segment: u64,
    stage: Stage,
}

/// What a segment holds.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    /// Its bytes; the newest segment's are counted elsewhere.
    length: u64,
    /// Requests that are not settled.
    open: usize,
    /// Of those, [`Stage::Left`].
    left: usize,
}

struct Newest {
    number: u64,
    segment: Arc<dyn Segment>,
    length: u64,
    in_sync: bool,
}

/// What the keeper is to do.
pub(super) struct Errands {
    pub(super) unsynced: Vec<Arc<dyn Segment>>,
    pub(super) new_names: bool,
    pub(super) done_with: Vec<u64>,
}

#[derive(Default)]
pub(super) struct State {
    requests: BTreeMap<EventId, Request>,
    held: BTreeMap<u64, Held>,
    newest: Option<Newest>,
    next: u64,
    errands: Vec<Arc<dyn Segment>>,
    new_names: bool,
    /// There is something for the keeper to do.
    pub(super) news: bool,
    /// Nobody writes any more.
    pub(super) closing: bool,
}

/// The book.
pub(super) struct Book {
    pub(super) disk: Box<dyn Disk>,
    bounds: Bounds,
    state: Mutex<State>,
    pub(super) changed: Condvar,
}

impl Book {
    /// A book of what lies there: the segments and their lengths, and each request that is not
    /// settled with the segment that has the last word about it. New segments are numbered from `next` on.
    pub(super) fn new(
        disk: Box<dyn Disk>,
        bounds: Bounds,
        next: u64,
        segments: &[(u64, u64)],
        left: BTreeMap<EventId, u64>,
    ) -> Self {
        let mut state = State { next, news: !segments.is_empty(), ..State::default() };
        let held =
            |(number, length): &(u64, u64)| (*number, Held { length: *length, open: 0, left: 0 });
        state.held = segments.iter().map(held).collect();
        for (id, segment) in left {
            state.put(id, segment, Stage::Left);
        }
        Self { disk, bounds, state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes that a request begins; again when it takes another key.
    pub(super) fn begin(&self, record: &Envelope) -> Result<(), NotKept> {
        let frame = Entry::UnderWay(Cow::Borrowed(record)).frame().ok_or(NotKept::TooLong)?;
        let mut state = self.state();
        let segment = self.write(&mut state, &frame, false)?;
        state.put(record.id, segment, Stage::UnderWay(frame));
        Ok(())
    }

    /// Writes that a request has ended. If that fails, its begin goes on to speak for it.
    pub(super) fn end(&self, record: &Envelope) -> Result<(), NotKept> {
        let frame = entry::ended(record);
        let mut state = self.state();
        // Room for the end was promised with the begin.
        let promised = state.requests.contains_key(&record.id);
        let kept = match frame {
            Some(frame) => self.write(&mut state, &frame, promised),
            None => Err(NotKept::TooLong),
        };
        let begun = state.requests.get(&record.id).map(|request| request.segment);
        if let Some(segment) = kept.as_ref().ok().copied().or(begun) {
            state.put(record.id, segment, Stage::InHand);
        }
        kept.map(|_| ())
    }

    /// The record is in nobody's hand any more; gives whether a segment has word of it.
    pub(super) fn leave(&self, id: EventId) -> bool {
        let mut state = self.state();
        let Some(segment) = state.requests.get(&id).map(|request| request.segment) else {
            return false;
        };
        state.put(id, segment, Stage::Left);
        true
    }

    /// The ledger has these.
    pub(super) fn settle(&self, ids: &[EventId]) {
        let Some(frame) = Entry::Settled(ids.into()).frame() else { return };
        let mut state = self.state();
        for id in ids {
            state.forget(*id);
        }
        // Without it the next start hands them over once more, and they are not counted again.
        if let Err(error) = self.write(&mut state, &frame, true) {
            tracing::warn!(%error, "the usage journal does not know what the ledger has");
        }
        self.wake(&mut state);
    }

    /// The oldest segment with records that nobody has in hand.
    pub(super) fn left(&self) -> Option<u64> {
        let state = self.state();
        state.held.iter().find(|(_, held)| held.left > 0).map(|(number, _)| *number)
    }

    /// Those of `ids` whose word lies in this segment and in nobody's hand. From now on they are
    /// in the caller's.
    pub(super) fn take(&self, segment: u64, ids: impl Iterator<Item = EventId>) -> Vec<EventId> {
        let mut state = self.state();
        let left = |state: &State, id: &EventId| {
            let request = state.requests.get(id);
            request.is_some_and(|r| r.segment == segment && r.stage == Stage::Left)
        };
        let taken: Vec<EventId> = ids.filter(|id| left(&state, id)).collect();
        for id in &taken {
            state.put(*id, segment, Stage::InHand);
        }
        taken
    }

    /// Every request of this segment that is in nobody's hand.
    pub(super) fn all_left(&self, segment: u64) -> Vec<EventId> {
        let state = self.state();
        let left = |request: &Request| request.segment == segment && request.stage == Stage::Left;
        state.requests.iter().filter(|(_, r)| left(r)).map(|(id, _)| *id).collect()
    }

    /// Appends, in a new segment if it is time for one, and gives the segment's number. What was
    /// `promised` room is written into the newest even over its length.
    fn write(&self, state: &mut State, frame: &[u8], promised: bool) -> Result<u64, NotKept> {
        let length = frame.len() as u64;
        let fits = |newest: &Newest| newest.length + length <= self.bounds.segment_length;
        if !state.newest.as_ref().is_some_and(fits) {
            let made = self.turn(state);
            if let Err(error) = made
                && (!promised || state.newest.is_none())
            {
                return Err(error);
            }
        }
        let Some(newest) = &mut state.newest else { return Err(NotKept::Full) };
        newest.segment.append(newest.length, frame)?;
        newest.length += length;
        let number = newest.number;
        if std::mem::take(&mut newest.in_sync) {
            state.errands.push(Arc::clone(&newest.segment));
            self.wake(state);
        }
        Ok(number)
    }

    /// Starts a new segment with a copy of every begin.
    fn turn(&self, state: &mut State) -> Result<(), NotKept> {
        let newest = state.newest.as_ref().map_or(0, |newest| newest.length);
        let all = state.held.values().fold(newest, |sum, held| sum.saturating_add(held.length));
        if all + self.bounds.segment_length > self.bounds.length
            || state.held.len() >= self.bounds.segments
        {
            // The keeper may have fallen behind.
            self.wake(state);
            return Err(NotKept::Full);
        }
        let number = state.next;
        state.next = state.next.saturating_add(1);
        let segment = self.disk.create(number)?;
        let mut copies = Vec::new();
        let mut copied = Vec::new();
        for (id, request) in &state.requests {
            if let Stage::UnderWay(frame) = &request.stage {
                copies.extend_from_slice(frame);
                copied.push(*id);
            }
        }
        if let Err(error) = segment.append(0, &copies) {
            // If it stays, it holds copies and nothing else.
            let _stays = self.disk.remove(number);
            return Err(error.into());
        }
        if let Some(newest) = &state.newest
            && let Some(held) = state.held.get_mut(&newest.number)
        {
            held.length = newest.length;
        }
        state.held.insert(number, Held::default());
        for id in copied {
            state.move_to(id, number);
        }
        state.errands.push(Arc::clone(&segment));
        state.new_names = true;
        state.newest =
            Some(Newest { number, segment, length: copies.len() as u64, in_sync: false });
        self.wake(state);
        Ok(())
    }

    fn wake(&self, state: &mut State) {
        if !std::mem::replace(&mut state.news, true) {
            self.changed.notify_one();
        }
    }

    /// What is to be brought in sync, and which segments nobody needs after that.
    pub(super) fn errands(&self) -> Errands {
        let mut state = self.state();
        state.news = false;
        let newest = state.newest.as_mut().map(|newest| {
            newest.in_sync = true;
            newest.number
        });
        let done = |(number, held): &(&u64, &Held)| held.open == 0 && Some(**number) != newest;
        let done_with = state.held.iter().take_while(done).map(|(number, _)| *number).collect();
        Errands {
            unsynced: std::mem::take(&mut state.errands),
            new_names: std::mem::take(&mut state.new_names),
            done_with,
        }
    }

    /// These could not be brought in sync; they are tried again with the next group.
    pub(super) fn still_unsynced(&self, mut segments: Vec<Arc<dyn Segment>>, names: bool) {
        let mut state = self.state();
        state.errands.append(&mut segments);
        state.new_names |= names;
    }

    /// This segment is gone.
    pub(super) fn gone(&self, segment: u64) {
        self.state().held.remove(&segment);
    }
}

impl State {
    fn put(&mut self, id: EventId, segment: u64, stage: Stage) {
        self.forget(id);
        let held = self.held.entry(segment).or_default();
        held.open += 1;
        held.left += usize::from(stage == Stage::Left);
        self.requests.insert(id, Request { segment, stage });
    }

    fn forget(&mut self, id: EventId) {
        let Some(request) = self.requests.remove(&id) else { return };
        if let Some(held) = self.held.get_mut(&request.segment) {
            held.open -= 1;
            held.left -= usize::from(request.stage == Stage::Left);
        }
    }

    fn move_to(&mut self, id: EventId, segment: u64) {
        if let Some(request) = self.requests.get_mut(&id) {
            let stage = std::mem::replace(&mut request.stage, Stage::InHand);
            self.put(id, segment, stage);
        }
    }
}
