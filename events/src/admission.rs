//! The line in front of starts: when a task may be launched so that the compute's launch rate is
//! kept, how many are before it, and how that is said to the person who waits.
//!
//! Virtual scheduling (the generic cell rate algorithm, ITU-T I.371): a start reserves its slot once
//! and comes when that has come, so that a crowd makes one call each and not one call a second each.
//! It knows no clock; what it is told of the time may be wrong, and a clock that is once wrong must
//! not hold up those that are right.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{Attempt, Gen};
use crate::step::Step;
use crate::text::TimeText;

/// A bucket's clock may be ahead of a caller's by so much, as machines are that are kept in time;
/// what is further ahead was written by a clock that was wrong.
pub const SKEW_MAX: SignedDuration = SignedDuration::from_secs(10);

/// How many may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At once, after a pause.
    pub burst: u32,
    /// From then on one each.
    pub interval: SignedDuration,
}

impl Rate {
    /// Fargate's launch rate in an account and region: 100 at once and 20 a second, for on-demand
    /// and Spot each (docs.aws.amazon.com/AmazonECS/latest/developerguide/throttling.html). A quota
    /// that was raised is a setting.
    pub const FARGATE: Self = Self { burst: 100, interval: SignedDuration::from_millis(50) };

    /// What an account's quotas allow where every start is a call of its own, as every person's task
    /// has a definition of its own: `RunTask` may be called 20 times at once and 20 times a second
    /// (the same page). The line moves exactly as fast: nobody calls before their slot, so a call
    /// that is left for them is there, and none flows over while they are late by less than half a
    /// second. Half of the burst stays in reserve, for clocks that differ and for moments in which
    /// the line stood.
    pub const RUN_TASK: Self = Self { burst: 10, interval: SignedDuration::from_millis(50) };

    /// So many at once, then so many a second; one at least of each.
    pub fn per_second(burst: u32, count: u32) -> Self {
        // Rounded up: rather a microsecond later than one too many.
        let micros = 1_000_000_u32.div_ceil(count.max(1));
        Self { burst: burst.max(1), interval: SignedDuration::from_micros(i64::from(micros)) }
    }
}

/// The slots that were reserved, of one launch rate. Kept by a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The reservation's time from which the slots since are counted.
    pub since: Timestamp,
    /// When the last of them is over.
    pub until: Timestamp,
}

impl Bucket {
    /// Whether a caller whose clock says `now` comes after what is reserved. Otherwise the slots are
    /// counted from now on: they are over, or a clock that was far ahead reserved them, which lets
    /// some start too early and makes nobody wait until that clock's time has come.
    pub fn is_in_use(self, now: Timestamp) -> bool {
        now < self.until && self.since.duration_since(now) <= SKEW_MAX
    }

    /// Takes the next slot of a bucket; `None` is one that was never used. Gives the bucket
    /// afterwards and the slot, which is never before `now`. Slots are an interval apart but for a
    /// burst of them that may come at once.
    #[must_use]
    pub fn reserve(bucket: Option<Self>, now: Timestamp, rate: Rate) -> (Self, Timestamp) {
        let Self { since, until } = bucket
            .filter(|bucket| bucket.is_in_use(now))
            .unwrap_or(Self { since: now, until: now });
        let until = until.saturating_add(rate.interval).unwrap_or(Timestamp::MAX);
        (Self { since, until }, Self::slot(until, now, rate))
    }

    /// The slot of who has just reserved until then.
    pub fn slot(until: Timestamp, now: Timestamp, rate: Rate) -> Timestamp {
        let burst = rate.interval.saturating_mul(rate.burst.cast_signed());
        until.saturating_sub(burst).unwrap_or(now).max(now)
    }
}

/// How many slots lie between now and this one, itself included: the place in line; 0 when it has
/// come.
pub fn place(slot: Timestamp, now: Timestamp, rate: Rate) -> u32 {
    let wait = slot.duration_since(now).max(SignedDuration::ZERO).as_micros();
    let interval = rate.interval.as_micros().max(1);
    u32::try_from((wait + interval - 1) / interval).unwrap_or(u32::MAX)
}

/// That a step's turn comes later, as it stands on record. Waiting for one's turn is no failure and
/// uses up no time of the step's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deferral {
    /// Which generation.
    pub generation: Gen,
    /// Which try.
    pub attempt: Attempt,
    /// Which step.
    pub step: Step,
    /// When its turn comes.
    #[schemars(with = "TimeText")]
    pub until: Timestamp,
    /// The place in line when this was written down; 1 is next.
    pub place: u32,
}

/// Where somebody stands in line now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InLine {
    /// Their place; 1 is next.
    pub place: u32,
    /// When their turn comes.
    pub until: Timestamp,
    /// How many whole seconds that is from now, rounded up.
    pub seconds: i64,
}

impl InLine {
    /// Where somebody stands who was at this place when it was written down, if their turn is still
    /// to come. A line moves evenly.
    pub fn of(written: Timestamp, until: Timestamp, place: u32, now: Timestamp) -> Option<Self> {
        let (whole, left) = (until.duration_since(written), until.duration_since(now));
        let waits = SignedDuration::ZERO < left && left <= whole;
        let share = i128::from(place) * left.as_millis();
        let before = (share + whole.as_millis() - 1).checked_div(whole.as_millis());
        let before = before.and_then(|before| u32::try_from(before).ok()).unwrap_or(place);
        let (place, seconds) = (before.max(1), (left.as_millis() + 999) / 1_000);
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        waits.then_some(Self { place, until, seconds })
    }

    /// The same in a sentence.
    pub fn words(&self) -> String {
        let time = match self.seconds {
            1 => "a second".to_owned(),
            seconds if seconds < 120 => format!("{seconds} seconds"),
            seconds => format!("{} minutes", (seconds + 59) / 60),
        };
        match self.place {
            1 => format!("Your agent is next in line and starts in about {time}."),
            place => {
                format!("Your agent is number {place} in line and starts in about {time}.")
            }
        }
    }
}

#[cfg(test)]
mod tests;
