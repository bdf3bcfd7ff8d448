//! What the usage journal says: a request is under way, it has ended, the ledger has it.
//!
//! An entry is short, because each request writes two: what is the same in all records is not in it,
//! and fields are known by their place. Nothing here is secret: no header, no body, no token; a key
//! is its fingerprint.

use std::borrow::Cow;

use events::price::Cost;
use events::usage::{Completion, Tokens, UsageRecord};
use events::{Envelope, Event, EventId, Gen, KeyPrint, Stamp, TeamId, WorkspaceId, json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::frame::{Frames, frame};
use crate::tally::SOURCE;

/// One entry. Of two about one request the later counts, an end more than a begin, and
/// settled most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry<'a> {
    /// It may reach the provider any moment. The record is what is counted if nothing more is
    /// ever known of it.
    UnderWay(Cow<'a, Envelope>),
    /// It is over, and this is its record.
    Ended(Cow<'a, Envelope>),
    /// The ledger has these.
    Settled(Cow<'a, [EventId]>),
}

/// An entry as it is written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Written<'a> {
    UnderWay(Line<'a>),
    Ended(Line<'a>),
    Settled(Cow<'a, [EventId]>),
}

/// A record, its fields by their places.
#[derive(Serialize, Deserialize)]
pub(super) struct Line<'a>(
    EventId,
    Option<Cow<'a, WorkspaceId>>,
    /// When it was made, and when the request began, in nanoseconds since 1970.
    i64,
    i64,
    /// For how many milliseconds.
    u64,
    Gen,
    Cow<'a, TeamId>,
    Cow<'a, str>,
    Cow<'a, str>,
    Cow<'a, KeyPrint>,
    u16,
    Completion,
    /// As in [`Tokens`], in its order.
    [u64; 6],
    bool,
    Cow<'a, Cost>,
    Option<Cow<'a, Value>>,
);

impl Written<'_> {
    /// Writes it as it is read. Each request writes two.
    fn write(&self, to: &mut Vec<u8>) {
        let (name, line) = match self {
            Self::UnderWay(line) => ("under_way", line),
            Self::Ended(line) => ("ended", line),
            Self::Settled(ids) => return settled(ids, to),
        };
        to.push(b'{');
        json::text(to, name);
        to.push(b':');
        line.write(to);
        to.push(b'}');
    }
}

/// Writes which the ledger has.
fn settled(ids: &[EventId], to: &mut Vec<u8>) {
    to.extend_from_slice(b"{\"settled\":[");
    for (n, id) in ids.iter().enumerate() {
        json::plain(if n == 0 { to } else { next(to) }, id.text(&mut [0; 36]));
    }
    to.extend_from_slice(b"]}");
}

impl<'a> Line<'a> {
    /// Each value as serde writes it; a test holds the two together.
    fn write(&self, to: &mut Vec<u8>) {
        let Self(
            id,
            subject,
            time,
            started,
            duration_ms,
            generation,
            team,
            provider,
            model,
            key,
            status,
            completion,
            tokens,
            estimated,
            cost,
            raw,
        ) = self;
        to.push(b'[');
        json::plain(to, id.text(&mut [0; 36]));
        match subject {
            Some(workspace) => json::plain(next(to), workspace.as_str()),
            None => json::null(next(to)),
        }
        json::number(next(to), *time);
        json::number(next(to), *started);
        json::number(next(to), *duration_ms);
        json::number(next(to), generation.0);
        json::plain(next(to), team.as_str());
        for word in [&**provider, &**model, key.0.as_str()] {
            json::text(next(to), word);
        }
        json::number(next(to), *status);
        json::plain(next(to), completion.word());
        next(to).push(b'[');
        for (n, count) in tokens.iter().enumerate() {
            json::number(if n == 0 { to } else { next(to) }, *count);
        }
        to.push(b']');
        json::truth(next(to), *estimated);
        match &**cost {
            Cost::Known { pico_dollars, table } => {
                next(to).extend_from_slice(b"{\"kind\":\"known\",\"picoDollars\":");
                json::number(to, *pico_dollars);
                next(to).extend_from_slice(b"\"table\":");
                json::text(to, table);
                to.push(b'}');
            }
            unknown @ Cost::Unknown { .. } => json::other(next(to), unknown),
        }
        match raw {
            Some(raw) => json::value(next(to), raw),
            None => json::null(next(to)),
        }
        to.push(b']');
    }

    /// `None` when the envelope holds no usage record, or one of another age.
    fn of(envelope: &'a Envelope) -> Option<Self> {
        let Event::UsageRecorded(usage) = &envelope.event else { return None };
        let nanoseconds = |at: Timestamp| i64::try_from(at.as_nanosecond()).ok();
        let t = &usage.tokens;
        Some(Self(
            envelope.id,
            envelope.subject.as_ref().map(Cow::Borrowed),
            nanoseconds(envelope.time)?,
            nanoseconds(usage.started)?,
            usage.duration_ms,
            usage.generation,
            Cow::Borrowed(&usage.team),
            Cow::Borrowed(&usage.provider),
            Cow::Borrowed(&usage.model),
            Cow::Borrowed(&usage.key),
            usage.status,
            usage.completion,
            [
                t.uncached_input,
                t.cache_read,
                t.cache_write5m,
                t.cache_write1h,
                t.output,
                t.reasoning,
            ],
            usage.estimated,
            Cow::Borrowed(&usage.cost),
            usage.raw.as_ref().map(Cow::Borrowed),
        ))
    }

    /// The record; `None` when a time in it is none.
    fn envelope(self) -> Option<Envelope> {
        let Self(
            id,
            subject,
            time,
            started,
            duration_ms,
            generation,
            team,
            provider,
            model,
            key,
            status,
            completion,
            tokens,
            estimated,
            cost,
            raw,
        ) = self;
        let at = |nanoseconds: i64| Timestamp::from_nanosecond(i128::from(nanoseconds)).ok();
        let [uncached_input, cache_read, cache_write5m, cache_write1h, output, reasoning] = tokens;
        let tokens =
            Tokens { uncached_input, cache_read, cache_write5m, cache_write1h, output, reasoning };
        let usage = UsageRecord {
            generation,
            team: team.into_owned(),
            provider: provider.into_owned(),
            model: model.into_owned(),
            key: key.into_owned(),
            started: at(started)?,
            duration_ms,
            status,
            completion,
            tokens,
            estimated,
            cost: cost.into_owned(),
            raw: raw.map(Cow::into_owned),
        };
        let stamp = Stamp { id, time: at(time)?, cause: None };
        let subject = subject.map(Cow::into_owned);
        Some(Envelope::new(SOURCE, subject, stamp, Event::UsageRecorded(usage)))
    }
}

impl<'a> Entry<'a> {
    /// The entry as it lies in a segment; `None` when it is longer than any may be.
    pub(super) fn frame(&'a self) -> Option<Vec<u8>> {
        let written = self.written()?;
        frame(|bytes| written.write(bytes))
    }

    pub(super) fn written(&'a self) -> Option<Written<'a>> {
        Some(match self {
            Self::UnderWay(record) => Written::UnderWay(Line::of(record)?),
            Self::Ended(record) => Written::Ended(Line::of(record)?),
            Self::Settled(ids) => Written::Settled(Cow::Borrowed(ids)),
        })
    }
}

impl Entry<'static> {
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let owned = |line: Line<'_>| line.envelope().map(Cow::Owned);
        Some(match serde_json::from_slice::<Written<'_>>(text).ok()? {
            Written::UnderWay(line) => Self::UnderWay(owned(line)?),
            Written::Ended(line) => Self::Ended(owned(line)?),
            Written::Settled(ids) => Self::Settled(Cow::Owned(ids.into_owned())),
        })
    }
}

/// Where the next value of a list goes.
fn next(to: &mut Vec<u8>) -> &mut Vec<u8> {
    to.push(b',');
    to
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
        match Entry::read(text) {
            Some(entry) => entries.push(entry),
            // Whole, but not in words of this version.
            None => odd += 1,
        }
    }
    (entries, frames.damaged() + odd)
}
