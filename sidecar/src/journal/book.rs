//! Which request's word lies in which segment, and so which segment may go.
//!
//! A begin lies in the newest segment always: a new segment starts with a copy of every begin that
//! has no end yet. So a long stream holds no old segment back; what does is usage that the ledger
//! does not have. Segments go oldest first: what settles an entry never goes before the entry.
//!
//! One short lock and one write for a group of entries; nothing here waits for a disk to be in sync.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use events::EventId;
use thiserror::Error;

use super::disk::{Disk, Segment};
use super::entry::Entry;
use super::state::{Coming, Held, Newest, Request, Stage, State};

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

/// How long a begin is, in bytes; most are shorter.
const BEGIN_LENGTH: u64 = 512;

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

/// What the keeper is to do.
pub(super) struct Errands {
    pub(super) unsynced: Vec<Arc<dyn Segment>>,
    pub(super) new_names: bool,
    pub(super) done_with: Vec<u64>,
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

    /// Writes entries in their order, in as few writes as the segments allow. Gives which of them are
    /// kept, and the last reason why one is not.
    pub(super) fn write_all(&self, coming: Vec<Coming>) -> (Vec<bool>, Option<NotKept>) {
        let (mut kept, mut last) = (Vec::with_capacity(coming.len()), None);
        let mut state = self.state();
        let length = coming.iter().map(|entry| entry.frame.len()).sum();
        let (mut run, mut bytes) = (Vec::with_capacity(coming.len()), Vec::with_capacity(length));
        let mut rest = coming.into_iter().peekable();
        while let Some(first) = rest.next() {
            let room = match self.room(&mut state, &first) {
                Ok(room) => room,
                Err(error) => {
                    last = Some(error);
                    kept.push(false);
                    state.not_kept(&first);
                    continue;
                }
            };
            bytes.extend_from_slice(&first.frame);
            run.push(first);
            while let Some(next) =
                rest.next_if(|next| (bytes.len() + next.frame.len()) as u64 <= room)
            {
                bytes.extend_from_slice(&next.frame);
                run.push(next);
            }
            let written = self.append(&mut state, &bytes);
            bytes.clear();
            for entry in run.drain(..) {
                kept.push(written.is_ok());
                match &written {
                    Ok(segment) => state.kept(entry, *segment),
                    Err(_) => state.not_kept(&entry),
                }
            }
            last = written.err().or(last);
        }
        (kept, last)
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
        let promised = frame.len() as u64;
        // Without it the next start hands them over once more, and they are not counted again.
        let written =
            self.fitting(&mut state, promised, true).and_then(|_| self.append(&mut state, &frame));
        if let Err(error) = written {
            tracing::warn!(%error, "the usage journal does not know what the ledger has");
        }
        self.wake(&mut state);
    }

    /// This request is not counted, whatever was written of it.
    pub(super) fn withdraw(&self, id: EventId) {
        let known = self.state().requests.contains_key(&id);
        if known {
            self.settle(&[id]);
        }
    }

    /// Writes an entry that says nothing, where there is room for one that says something.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn check(&self) -> Result<(), NotKept> {
        let frame = Entry::Settled(Vec::new().into()).frame().ok_or(NotKept::TooLong)?;
        let mut state = self.state();
        self.fitting(&mut state, BEGIN_LENGTH, false)?;
        self.append(&mut state, &frame).map(drop)
    }

    /// How long all segments are together, in bytes.
    pub(super) fn length(&self) -> u64 {
        self.state().length()
    }

    /// How many records nobody has in hand.
    pub(super) fn count_left(&self) -> usize {
        self.state().held.values().map(|held| held.left).sum()
    }

    /// The oldest segment with records that nobody has in hand.
    pub(super) fn left(&self) -> Option<u64> {
        let state = self.state();
        state.held.iter().find(|(_, held)| held.left > 0).map(|(number, _)| *number)
    }

    /// Every request whose word lies in this segment and in nobody's hand. From now on they are in
    /// the caller's.
    pub(super) fn take(&self, segment: u64) -> Vec<EventId> {
        let mut state = self.state();
        let left = |request: &Request| request.segment == segment && request.stage == Stage::Left;
        let taken = state.requests.iter().filter(|(_, request)| left(request));
        let taken: Vec<EventId> = taken.map(|(id, _)| *id).collect();
        for id in &taken {
            state.put(*id, segment, Stage::InHand);
        }
        taken
    }

    /// How much the newest segment takes from this entry on, in bytes. Room for an end was promised
    /// with its begin.
    fn room(&self, state: &mut State, entry: &Coming) -> Result<u64, NotKept> {
        if entry.frame.is_empty() {
            return Err(NotKept::TooLong);
        }
        let promised = entry.ends && state.requests.contains_key(&entry.id);
        self.fitting(state, entry.frame.len() as u64, promised)
    }

    /// Turns to a new segment if it is time for one; gives how much it takes. What was `promised`
    /// room goes into the newest even over its length.
    fn fitting(&self, state: &mut State, length: u64, promised: bool) -> Result<u64, NotKept> {
        let left = |newest: &Newest| self.bounds.segment_length.saturating_sub(newest.length);
        if let Some(room) = state.newest.as_ref().map(left).filter(|room| length <= *room) {
            return Ok(room);
        }
        let made = self.turn(state);
        match (&state.newest, made) {
            (Some(newest), Ok(())) => Ok(left(newest)),
            (Some(_), Err(_)) if promised => Ok(0),
            (_, Err(error)) => Err(error),
            (None, Ok(())) => Err(NotKept::Full),
        }
    }

    /// Appends to the newest segment, and gives its number.
    fn append(&self, state: &mut State, bytes: &[u8]) -> Result<u64, NotKept> {
        let Some(newest) = &mut state.newest else { return Err(NotKept::Full) };
        newest.segment.append(newest.length, bytes)?;
        newest.length += bytes.len() as u64;
        let number = newest.number;
        if std::mem::take(&mut newest.in_sync) {
            state.errands.push(Arc::clone(&newest.segment));
            self.wake(state);
        }
        Ok(number)
    }

    /// Starts a new segment with a copy of every begin.
    fn turn(&self, state: &mut State) -> Result<(), NotKept> {
        if state.length() + self.bounds.segment_length > self.bounds.length
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
