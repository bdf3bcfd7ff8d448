//! Identities and secrets that must not be guessed.

use events::{EventId, Secret};
use jiff::Timestamp;

/// The only source of randomness.
pub trait Ids: Send + Sync {
    /// A UUIDv7 of the given time; two calls never give the same.
    fn event_id(&self, at: Timestamp) -> EventId;

    /// 256 bits in hex that nobody can guess: sessions, one-time links.
    fn token(&self) -> Secret;

    /// A number below `bound` (at least 1), for jitter. Not for secrets.
    fn below(&self, bound: u64) -> u64;
}
