//! A usage record, as a sidecar makes one.

use events::price::Cost;
use events::usage::{Completion, Tokens, UsageRecord};
use events::{Envelope, Event, EventId, Gen, KeyPrint, Stamp};
use jiff::Timestamp;

/// A record of somebody's, always the same.
pub(crate) fn usage(of: &str) -> Envelope {
    let record = UsageRecord {
        generation: Gen(1),
        team: "red".parse().expect("a name"),
        provider: "anthropic".to_owned(),
        model: "m".to_owned(),
        key: KeyPrint("0123456789ab".to_owned()),
        started: Timestamp::UNIX_EPOCH,
        duration_ms: 1,
        status: 200,
        completion: Completion::Complete,
        tokens: Tokens::default(),
        estimated: false,
        cost: Cost::Unknown { why: "no price".to_owned() },
        raw: None,
    };
    let id: EventId =
        serde_json::from_str("\"01970000-0000-7000-8000-000000000001\"").expect("an id");
    let stamp = Stamp { id, time: Timestamp::UNIX_EPOCH, cause: None };
    let subject = Some(of.parse().expect("a name"));
    Envelope::new("/sidecar", subject, stamp, Event::UsageRecorded(record))
}
