//! Facts to append, each with an id of its own.

use std::sync::atomic::{AtomicU64, Ordering};

use events::{
    Attempt, Envelope, Event, EventId, Gen, Policy, Reason, ReasonClass, Stamp, StartCause, Step,
    Workspace, WorkspaceId,
};
use jiff::Timestamp;
use ports::Projection;

/// An id that no other fact of this program has: a UUIDv7.
fn id() -> EventId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let text = format!("\"0190a0b0-c0d0-7e0f-8a0b-{:012x}\"", NEXT.fetch_add(1, Ordering::Relaxed));
    serde_json::from_str(&text).expect("an id")
}

pub(crate) fn person(name: &str) -> WorkspaceId {
    name.parse().expect("a name")
}

pub(crate) fn second(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).expect("in range")
}

pub(crate) fn fact(of: &WorkspaceId, at: i64, event: Event) -> Envelope {
    let stamp = Stamp { id: id(), time: second(at), cause: None };
    Envelope::new("/tests", Some(of.clone()), stamp, event)
}

pub(crate) fn started(of: &WorkspaceId, at: i64) -> Envelope {
    fact(of, at, Event::StartRequested { generation: Gen(1), cause: StartCause::Login })
}

/// A fact of nearly a kilobyte.
pub(crate) fn wordy(of: &WorkspaceId, at: i64) -> Envelope {
    let reason = Reason::new(ReasonClass::Capacity, "x".repeat(400));
    let (generation, attempt, step) = (Gen(1), Attempt(1), Step::RunTask);
    fact(of, at, Event::StepRefused { generation, attempt, step, reason })
}

/// What these facts lead to.
pub(crate) fn projection(facts: &[Envelope]) -> Projection {
    let mut workspace = Workspace::default();
    for fact in facts {
        workspace.absorb(fact.time, &fact.event);
    }
    Projection::of(workspace, &Policy::default(), second(0))
}
