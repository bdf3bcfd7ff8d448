//! Each process's own clock, which may be wrong, and identities that follow from how many were
//! made.

use std::collections::BTreeMap;
use std::sync::Arc;

use events::{EventId, Secret, token::token_hash};
use jiff::Timestamp;
use ports::{Clock, Ids};
use uuid::Builder;

use super::{START_MS, Seat, World};

/// A clock that is ahead loses one part in so many of the time that passes.
const SLEW: i64 = 16;

/// How wrong each process's clock is, and what was handed out.
#[derive(Clone, Debug, Default)]
pub struct Clocks {
    offsets: BTreeMap<usize, i64>,
    /// The time that each process was told last, and the true time then, in milliseconds.
    told: BTreeMap<usize, (i64, i64)>,
    ids: u64,
}

impl Clocks {
    /// Sets how many milliseconds a process's clock is ahead of true time.
    pub fn set(&mut self, process: usize, ahead_ms: i64) {
        self.offsets.insert(process, ahead_ms);
    }

    /// How many milliseconds a process's clock is ahead of true time.
    pub fn ahead_ms(&self, process: usize) -> i64 {
        self.offsets.get(&process).copied().unwrap_or(0)
    }
}

impl Clock for Seat {
    /// As the port promises, a process's own time never goes back and never stands, whatever its
    /// machine's clock does: one that is ahead goes on a little slower.
    fn now(&self) -> Timestamp {
        let now = self.world().now_ms();
        let mut state = self.world().state();
        let clocks = &mut state.clocks;
        let wall = now + clocks.ahead_ms(self.process());
        let (told, at) = clocks.told.entry(self.process()).or_insert((wall, now));
        let passed = now - *at;
        *told = wall.max(*told + passed - passed / SLEW);
        *at = now;
        Timestamp::from_millisecond(START_MS + *told).unwrap_or(Timestamp::MAX)
    }
}

/// The clock of a service, which is right.
pub struct TrueClock(pub Arc<World>);

impl Clock for TrueClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(START_MS + self.0.now_ms()).unwrap_or(Timestamp::MAX)
    }
}

impl Ids for Seat {
    fn event_id(&self, at: Timestamp) -> EventId {
        let mut state = self.world().state();
        state.clocks.ids += 1;
        let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
        let mut bytes = [0; 10];
        bytes[2..].copy_from_slice(&state.clocks.ids.to_be_bytes());
        EventId(Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
    }

    fn token(&self) -> Secret {
        let mut state = self.world().state();
        state.clocks.ids += 1;
        Secret::new(token_hash(&state.clocks.ids.to_string()))
    }

    fn below(&self, bound: u64) -> u64 {
        let high = i64::try_from(bound).unwrap_or(i64::MAX);
        self.world().state().weather.between(0, high).unsigned_abs()
    }
}
