//! How far each request has got, and in which segment its word lies. Writes nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use events::{Envelope, EventId};

use super::disk::Segment;
use super::entry::{self, Entry};

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

/// An entry about one request on its way to a segment.
pub(super) struct Coming {
    pub(super) id: EventId,
    /// Whether the request ends with it; else it begins, or takes another key.
    pub(super) ends: bool,
    /// Empty when it is longer than any may be.
    pub(super) frame: Vec<u8>,
}

impl Coming {
    /// A request begins.
    pub(super) fn begin(record: &Envelope) -> Self {
        let frame = Entry::UnderWay(Cow::Borrowed(record)).frame().unwrap_or_default();
        Self { id: record.id, ends: false, frame }
    }

    /// A request has ended.
    pub(super) fn end(record: &Envelope) -> Self {
        Self { id: record.id, ends: true, frame: entry::ended(record).unwrap_or_default() }
    }
}

pub(super) struct Request {
    pub(super) segment: u64,
    pub(super) stage: Stage,
}

/// What a segment holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    /// Its bytes; the newest segment's are counted elsewhere.
    pub(super) length: u64,
    /// Requests that are not settled.
    pub(super) open: usize,
    /// Of those, [`Stage::Left`].
    pub(super) left: usize,
}

pub(super) struct Newest {
    pub(super) number: u64,
    pub(super) segment: Arc<dyn Segment>,
    pub(super) length: u64,
    pub(super) in_sync: bool,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) requests: BTreeMap<EventId, Request>,
    pub(super) held: BTreeMap<u64, Held>,
    pub(super) newest: Option<Newest>,
    pub(super) next: u64,
    pub(super) errands: Vec<Arc<dyn Segment>>,
    pub(super) new_names: bool,
    /// There is something for the keeper to do.
    pub(super) news: bool,
    /// Nobody writes any more.
    pub(super) closing: bool,
}

impl State {
    /// Of all segments, in bytes.
    pub(super) fn length(&self) -> u64 {
        let newest = self.newest.as_ref().map_or(0, |newest| newest.length);
        self.held.values().fold(newest, |sum, held| sum.saturating_add(held.length))
    }

    /// An entry lies in this segment.
    pub(super) fn kept(&mut self, entry: Coming, segment: u64) {
        let stage = if entry.ends { Stage::InHand } else { Stage::UnderWay(entry.frame) };
        self.put(entry.id, segment, stage);
    }

    /// An entry lies nowhere. If it was an end, its begin goes on to speak for the request.
    pub(super) fn not_kept(&mut self, entry: &Coming) {
        let begun = self.requests.get(&entry.id).map(|request| request.segment);
        if let Some(segment) = begun.filter(|_| entry.ends) {
            self.put(entry.id, segment, Stage::InHand);
        }
    }

    pub(super) fn put(&mut self, id: EventId, segment: u64, stage: Stage) {
        let held = self.held.entry(segment).or_default();
        held.open += 1;
        held.left += usize::from(stage == Stage::Left);
        if let Some(before) = self.requests.insert(id, Request { segment, stage }) {
            self.gone_from(&before);
        }
    }

    pub(super) fn forget(&mut self, id: EventId) {
        if let Some(before) = self.requests.remove(&id) {
            self.gone_from(&before);
        }
    }

    /// A segment holds one request less.
    fn gone_from(&mut self, before: &Request) {
        if let Some(held) = self.held.get_mut(&before.segment) {
            held.open -= 1;
            held.left -= usize::from(before.stage == Stage::Left);
        }
    }

    pub(super) fn move_to(&mut self, id: EventId, segment: u64) {
        if let Some(request) = self.requests.get_mut(&id) {
            let stage = std::mem::replace(&mut request.stage, Stage::InHand);
            self.put(id, segment, stage);
        }
    }
}
