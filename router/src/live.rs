//! A person's own workspace as it happens, as server-sent events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
//!
//! `fact`: one event of the workspace in its envelope, with its version as the id, from the start
//! of the newest generation on. `status`: the whole view, whenever it has changed. A client that
//! comes back with `Last-Event-ID` misses nothing.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use events::{Envelope, Event, Version};
use futures_util::stream;
use http::header::{HeaderMap, HeaderName};
use http::{Response, StatusCode};
use ports::Fault;

use crate::answer::{self, Body, error, plain, retry};
use crate::door::Router;
use crate::seats::Seat;
use crate::view::View;
use crate::who::Caller;

/// How often the journal is read; what a person takes for at once.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How many facts are read at a time, and how far back a fresh page looks.
const FACTS_MAX: usize = 200;

/// After so many quiet looks (15 s) a comment is sent, so that no proxy in between hangs up.
const QUIET_LOOKS: u32 = 60;

/// After so many looks (5 s) the session is asked for again.
const SESSION_LOOKS: u32 = 20;

/// After so many looks (an hour) the stream ends; a page that is still open comes back by itself.
const LOOKS_MAX: u32 = 14_400;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

struct Live {
    door: Router,
    caller: Caller,
    after: Version,
    looks: u32,
    quiet: u32,
    shown: Option<View>,
    out: VecDeque<Bytes>,
    _seat: Seat,
}

impl Router {
    /// Begins a live stream.
    pub(crate) async fn live(&self, caller: Caller, headers: &HeaderMap) -> Response<Body> {
        let Some(seat) = self.live_seats().take(caller.id()) else {
            let words = "Too many of your pages are open already.";
            return retry(error(StatusCode::TOO_MANY_REQUESTS, words));
        };
        let last = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok());
        let last = last.and_then(|text| text.parse().ok()).map(Version);
        let (after, facts) = match self.begin(&caller, last).await {
            Ok(begin) => begin,
            Err(fault) => return answer::fault(&fault),
        };
        let mut out = VecDeque::from([Bytes::from_static(b"retry: 2000\n\n")]);
        out.extend(facts.iter().filter_map(|(version, fact)| fact_event(*version, fact)));
        let after = facts.last().map_or(after, |(version, _)| *version);
        let (door, looks, quiet) = (self.clone(), 0, 0);
        let live = Live { door, caller, after, looks, quiet, shown: None, out, _seat: seat };
        let stream = stream::unfold(live, async |mut live| {
            let piece = live.next().await?;
            Some((Ok::<_, std::convert::Infallible>(piece), live))
        });
        plain(StatusCode::OK, "text/event-stream", Body::from_stream(stream))
    }

    /// Where a stream begins, and what it begins with: what a client missed, or the newest
    /// generation from its start.
    async fn begin(
        &self,
        caller: &Caller,
        last: Option<Version>,
    ) -> Result<(Version, Vec<(Version, Envelope)>), Fault> {
        let journal = self.bus().journal();
        let loaded = journal.load(caller.id()).await?;
        let back = Version(loaded.version.0.saturating_sub(FACTS_MAX as u64));
        let newest = loaded.workspace.generation();
        let after = last.filter(|last| *last <= loaded.version).map_or(back, |last| last.max(back));
        let mut facts = journal.history(caller.id(), after, FACTS_MAX).await?;
        if last.is_none() {
            let starts = |(_, fact): &(Version, Envelope)| matches!(fact.event, Event::StartRequested { generation, .. } if generation == newest);
            let from = facts.iter().position(starts).unwrap_or(0);
            facts.drain(..from);
        }
        Ok((after, facts))
    }
}

impl Live {
    /// The next piece; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(piece) = self.out.pop_front() {
                return Some(piece);
            }
            if self.looks > 0 {
                tokio::select! {
                    biased;
                    () = self.door.shut().cancelled() => return None,
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
            }
            self.looks += 1;
            let checked = !self.looks.is_multiple_of(SESSION_LOOKS);
            if self.looks > LOOKS_MAX || !(checked || self.door.is_still(&self.caller).await) {
                return None;
            }
            if let Err(fault) = self.look().await {
                tracing::warn!(id = %self.caller.id(), %fault, "a live page ends");
                return None;
            }
        }
    }

    async fn look(&mut self) -> Result<(), Fault> {
        let id = self.caller.id();
        let facts = self.door.bus().journal().history(id, self.after, FACTS_MAX).await?;
        if let Some((version, _)) = facts.last() {
            self.after = *version;
        }
        self.out.extend(facts.iter().filter_map(|(version, fact)| fact_event(*version, fact)));
        let view = self.door.view(id).await?;
        let shown = self.shown.as_ref();
        if shown.is_none_or(|shown| *shown != View { now: shown.now, ..view.clone() }) {
            self.out.extend(sse("event: status\n", serde_json::to_string(&view)));
            self.shown = Some(view);
        }
        self.quiet = if self.out.is_empty() { self.quiet + 1 } else { 0 };
        if self.quiet == QUIET_LOOKS {
            self.quiet = 0;
            self.out.push_back(Bytes::from_static(b": still here\n\n"));
        }
        Ok(())
    }
}

fn fact_event(version: Version, fact: &Envelope) -> Option<Bytes> {
    sse(&format!("event: fact\nid: {version}\n"), serde_json::to_string(fact))
}

/// One event. JSON has no line breaks of its own.
fn sse(head: &str, data: serde_json::Result<String>) -> Option<Bytes> {
    data.ok().map(|data| Bytes::from(format!("{head}data: {data}\n\n")))
}
