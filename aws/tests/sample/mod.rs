//! What tests need one of: a usage record, as a sidecar makes one, and secrets that nobody need guess.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::sync::atomic::{AtomicU64, Ordering};

use events::price::Cost;
use events::token::token_hash;
use events::usage::{Completion, Tokens, UsageRecord};
use events::{Envelope, Event, EventId, Gen, KeyPrint, Secret, Stamp};
use jiff::Timestamp;
use ports::Ids;

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

/// Secrets that only have to differ.
#[derive(Default)]
pub(crate) struct Counted(AtomicU64);

impl Ids for Counted {
    fn event_id(&self, _: Timestamp) -> EventId {
        panic!("people have no facts")
    }

    fn token(&self) -> Secret {
        Secret::new(token_hash(&self.0.fetch_add(1, Ordering::Relaxed).to_string()))
    }

    fn below(&self, _: u64) -> u64 {
        0
    }
}
