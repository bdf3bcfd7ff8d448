//! What the usage journal says: a request is under way, it has ended, the ledger has it.
//!
//! Nothing here is secret: no header, no body, no token; a key is its fingerprint.

use std::borrow::Cow;

use events::{Envelope, Event, EventId};
use serde::{Deserialize, Serialize};

use super::frame::{Frames, frame};

/// One entry. Of two about one request the later counts, an end more than a begin, and
/// settled most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry<'a> {
    /// It may reach the provider any moment. The record is what is counted if nothing more is
    /// ever known of it.
    UnderWay(Cow<'a, Envelope>),
    /// It is over, and this is its record.
    Ended(Cow<'a, Envelope>),
    /// The ledger has these.
    Settled(Cow<'a, [EventId]>),
}

impl Entry<'_> {
    /// The entry as it lies in a segment; `None` when it is longer than any may be.
    pub(super) fn frame(&self) -> Option<Vec<u8>> {
        frame(|bytes| serde_json::to_writer(bytes, self).is_ok())
    }
}

/// The frame of a request's end. A provider's own usage object that is too long for one is left
/// out; the tokens are counted all the same.
pub(super) fn ended(record: &Envelope) -> Option<Vec<u8>> {
    Entry::Ended(Cow::Borrowed(record)).frame().or_else(|| {
        let mut short = record.clone();
        if let Event::UsageRecorded(usage) = &mut short.event {
            usage.raw = None;
        }
        Entry::Ended(Cow::Owned(short)).frame()
    })
}

/// What a segment says, in order, and how many places of it say nothing any more.
pub(super) fn read(segment: &[u8]) -> (Vec<Entry<'static>>, u64) {
    let mut frames = Frames::new(segment);
    let (mut entries, mut odd) = (Vec::new(), 0);
    for text in &mut frames {
        match serde_json::from_slice(text) {
            Ok(entry) => entries.push(entry),
            // Whole, but not in words of this version.
            Err(_) => odd += 1,
        }
    }
    (entries, frames.damaged() + odd)
}
