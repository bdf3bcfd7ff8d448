//! What the rules start from: names, times and facts that follow from a prefix, so that two runs
//! with different prefixes never meet.

use events::{Envelope, Event, EventId, Gen, Policy, Stamp, StartCause, TeamId, WorkspaceId};
use events::{Workspace, token::token_hash};
use jiff::Timestamp;
use uuid::Builder;

use crate::Projection;

/// When the facts happen: 2026-09-21T13:33:20Z.
const START_SECOND: i64 = 1_790_000_000;

pub(crate) fn person(prefix: &str, name: &str) -> WorkspaceId {
    format!("{prefix}-{name}").parse().expect("prefix and name make a name")
}

pub(crate) fn team(prefix: &str, name: &str) -> TeamId {
    format!("{prefix}-{name}").parse().expect("prefix and name make a name")
}

/// So many seconds after the start.
pub(crate) fn second(second: i64) -> Timestamp {
    Timestamp::from_second(START_SECOND + second).expect("in range")
}

/// A fact about somebody, so many seconds after the start. Its id follows from all of these.
pub(crate) fn fact(id: &WorkspaceId, at: i64, event: Event) -> Envelope {
    let seed = token_hash(&format!("{id}/{at}/{event:?}"));
    let mut bytes = [0; 10];
    bytes.copy_from_slice(&seed.as_bytes()[..10]);
    let millis = u64::try_from(second(at).as_millisecond()).expect("after 1970");
    let stamp = Stamp {
        id: EventId(Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()),
        time: second(at),
        cause: None,
    };
    Envelope::new("/conformance", Some(id.clone()), stamp, event)
}

pub(crate) fn logged_in(id: &WorkspaceId, at: i64, team: &TeamId) -> Envelope {
    fact(id, at, Event::LoggedIn { team: team.clone() })
}

pub(crate) fn started(id: &WorkspaceId, at: i64, generation: u64) -> Envelope {
    let cause = StartCause::Login;
    fact(id, at, Event::StartRequested { generation: Gen(generation), cause })
}

/// The projection that the facts lead to, as of the last of them.
pub(crate) fn projection(facts: &[Envelope]) -> Projection {
    let mut workspace = Workspace::default();
    for fact in facts {
        workspace.absorb(fact.time, &fact.event);
    }
    let now = facts.last().map_or_else(|| second(0), |fact| fact.time);
    Projection::of(workspace, &Policy::default(), now)
}
