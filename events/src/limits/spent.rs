//! What one workspace has used of late, and what that leaves of its limits.
//!
//! Days and months are UTC's, whole ones. A minute slides: of the minute before, as much counts as
//! still lies within the last sixty seconds, as if it had been used evenly. So there is no moment
//! at which a whole minute's worth is free at once, and two numbers are enough to remember.
//!
//! The sums of days and months are the same in whichever order usage comes; what belongs to a time
//! that is over changes nothing.

use std::cmp::Ordering;
use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use super::{Dollars, Limits};
use crate::price::Cost;
use crate::usage::UsageRecord;

const MINUTE_MS: i64 = 60_000;
const DAY_SECONDS: i64 = 86_400;
/// A minute in milliseconds, for sums that are weighted by the millisecond.
const WEIGHT: u128 = 60_000;

/// What requests used. Sums never wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Input and output tokens, the caches included.
    pub tokens: u64,
    /// What is known of their cost.
    pub pico_dollars: u128,
}

impl Used {
    /// What one request used. An unknown cost counts as nothing; the ledger shows it as unpriced.
    pub fn of(record: &UsageRecord) -> Self {
        let pico_dollars = match record.cost {
            Cost::Known { pico_dollars, .. } => u128::from(pico_dollars),
            Cost::Unknown { .. } => 0,
        };
        let tokens = record.tokens.input().saturating_add(record.tokens.output);
        Self { tokens, pico_dollars }
    }

    fn add(&mut self, other: Self) {
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.pico_dollars = self.pico_dollars.saturating_add(other.pico_dollars);
    }
}

/// The limit that is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// `requests_at_once`
    RequestsAtOnce(NonZeroU32),
    /// `requests_per_minute`
    RequestsPerMinute(NonZeroU32),
    /// `tokens_per_minute`
    TokensPerMinute(NonZeroU64),
    /// `tokens_per_day`
    TokensPerDay(NonZeroU64),
    /// `dollars_per_day`
    DollarsPerDay(Dollars),
    /// `dollars_per_month`
    DollarsPerMonth(Dollars),
}

impl fmt::Display for Bound {
    /// As it is set: `dollars_per_day = "20"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RequestsAtOnce(count) => write!(f, "requests_at_once = {count}"),
            Self::RequestsPerMinute(count) => write!(f, "requests_per_minute = {count}"),
            Self::TokensPerMinute(count) => write!(f, "tokens_per_minute = {count}"),
            Self::TokensPerDay(count) => write!(f, "tokens_per_day = {count}"),
            Self::DollarsPerDay(dollars) => write!(f, "dollars_per_day = \"{dollars}\""),
            Self::DollarsPerMonth(dollars) => write!(f, "dollars_per_month = \"{dollars}\""),
        }
    }
}

/// A limit is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Which.
    pub bound: Bound,
    /// When there is room again if nothing more is used; `None` when a request under way has to
    /// end first.
    pub until: Option<Timestamp>,
}

/// What one workspace has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    under_way: u32,
    requests: Minutes,
    tokens: Minutes,
    day: Window,
    month: Window,
}

impl Spent {
    /// Whether one more request may begin. [`Spent::begin`] says that it did.
    ///
    /// # Errors
    /// [`Exceeded`]: the limit with the longest wait.
    pub fn check_requests(&self, limits: &Limits, now: Timestamp) -> Result<(), Exceeded> {
        if let Some(most) = limits.requests_per_minute
            && let Some(until) = self.requests.full_until(u64::from(most.get()), WEIGHT, now)
        {
            return Err(Exceeded { bound: Bound::RequestsPerMinute(most), until: Some(until) });
        }
        match limits.requests_at_once {
            Some(most) if self.under_way >= most.get() => {
                Err(Exceeded { bound: Bound::RequestsAtOnce(most), until: None })
            }
            _ => Ok(()),
        }
    }

    /// Whether a request that will be billed may begin: it may as long as anything is left.
    ///
    /// # Errors
    /// [`Exceeded`]: the limit with the longest wait.
    pub fn check_usage(&self, limits: &Limits, now: Timestamp) -> Result<(), Exceeded> {
        let exceeded = |bound, until| Err(Exceeded { bound, until: Some(until) });
        let (today, month) = (self.day.of(day_index(now)), self.month.of(month_index(now)));
        if let Some(most) = limits.dollars_per_month
            && month.pico_dollars >= u128::from(most.pico())
        {
            return exceeded(Bound::DollarsPerMonth(most), next_month(now));
        }
        if let Some(most) = limits.dollars_per_day
            && today.pico_dollars >= u128::from(most.pico())
        {
            return exceeded(Bound::DollarsPerDay(most), next_day(now));
        }
        if let Some(most) = limits.tokens_per_day
            && today.tokens >= most.get()
        {
            return exceeded(Bound::TokensPerDay(most), next_day(now));
        }
        if let Some(most) = limits.tokens_per_minute
            && let Some(until) = self.tokens.full_until(most.get(), 1, now)
        {
            return exceeded(Bound::TokensPerMinute(most), until);
        }
        Ok(())
    }

    /// A request begins.
    pub fn begin(&mut self, now: Timestamp) {
        self.under_way = self.under_way.saturating_add(1);
        self.requests.add(now, 1);
    }

    /// A request that began has ended.
    pub fn end(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// What a request used that began at `started`. Its day and month are those in which it began,
    /// as in the ledger; its minute is that of its end, when its tokens are known.
    pub fn used(&mut self, started: Timestamp, now: Timestamp, used: Used) {
        self.tokens.add(now, used.tokens);
        self.day.add(day_index(started), used);
        self.month.add(month_index(started), used);
    }

    /// Takes in what the ledger has for the day and the month of `now`.
    pub fn remember(&mut self, now: Timestamp, today: Used, month: Used) {
        self.day.add(day_index(now), today);
        self.month.add(month_index(now), month);
    }

    /// Forgets days and months, before the ledger is asked for them.
    pub fn forget(&mut self) {
        (self.day, self.month) = (Window::default(), Window::default());
    }
}

/// One day or one month: its number, and what was used in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Window {
    index: i64,
    used: Used,
}

impl Window {
    fn add(&mut self, index: i64, used: Used) {
        match index.cmp(&self.index) {
            Ordering::Less => {}
            Ordering::Equal => self.used.add(used),
            Ordering::Greater => *self = Self { index, used },
        }
    }

    /// What was used by then. A clock that was set back frees nothing.
    fn of(&self, index: i64) -> Used {
        if index > self.index { Used::default() } else { self.used }
    }
}

/// What was counted in the latest minute of UTC, and in the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Minutes {
    index: i64,
    latest: u64,
    before: u64,
}

impl Minutes {
    fn add(&mut self, at: Timestamp, count: u64) {
        let index = minute_index(at);
        *self = self.moved(index);
        if index == self.index {
            self.latest = self.latest.saturating_add(count);
        } else if index == self.index - 1 {
            self.before = self.before.saturating_add(count);
        }
    }

    /// As it looks in a later minute.
    fn moved(&self, index: i64) -> Self {
        match index - self.index {
            ..=0 => *self,
            1 => Self { index, latest: 0, before: self.latest },
            _ => Self { index, latest: 0, before: 0 },
        }
    }

    /// Until when there is no room for `need`, in counts times [`WEIGHT`]; `None` when there is.
    fn full_until(&self, most: u64, need: u128, now: Timestamp) -> Option<Timestamp> {
        let Self { index, latest, before } = self.moved(minute_index(now));
        let into = if minute_index(now) < index { 0 } else { into_minute(now) };
        // What may be left over from both minutes together.
        let room = (u128::from(most) * WEIGHT).saturating_sub(need);
        let (latest, before) = (u128::from(latest), u128::from(before));
        let free_at = |carried: u128, fixed: u128| -> Option<u128> {
            let room = room.checked_sub(fixed * WEIGHT)?;
            let fading = room.checked_div(carried).unwrap_or(WEIGHT);
            Some(WEIGHT.saturating_sub(fading))
        };
        let after = match free_at(before, latest) {
            Some(free) if free <= into => return None,
            Some(free) => free,
            None => WEIGHT + free_at(latest, 0).unwrap_or(WEIGHT),
        };
        let ms = i64::try_from(after).unwrap_or(i64::MAX);
        let start = index.saturating_mul(MINUTE_MS);
        Some(Timestamp::from_millisecond(start.saturating_add(ms)).unwrap_or(Timestamp::MAX))
    }
}

fn minute_index(at: Timestamp) -> i64 {
    at.as_millisecond().div_euclid(MINUTE_MS)
}

fn into_minute(at: Timestamp) -> u128 {
    at.as_millisecond().rem_euclid(MINUTE_MS).unsigned_abs().into()
}

fn day_index(at: Timestamp) -> i64 {
    at.as_second().div_euclid(DAY_SECONDS)
}

fn month_index(at: Timestamp) -> i64 {
    let date = Offset::UTC.to_datetime(at);
    i64::from(date.year()) * 12 + i64::from(date.month())
}

/// When the day of UTC began in which `at` lies.
pub fn day_start(at: Timestamp) -> Timestamp {
    midnight(Offset::UTC.to_datetime(at), at)
}

/// When the month of UTC began in which `at` lies.
pub fn month_start(at: Timestamp) -> Timestamp {
    midnight(Offset::UTC.to_datetime(at).first_of_month(), at)
}

fn next_day(at: Timestamp) -> Timestamp {
    day_start(at).saturating_add(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MAX)
}

fn next_month(at: Timestamp) -> Timestamp {
    let month = Offset::UTC.to_datetime(at);
    match month.last_of_month().tomorrow() {
        Ok(next) => midnight(next, Timestamp::MAX),
        Err(_) => Timestamp::MAX,
    }
}

/// The midnight with which a date begins; `otherwise` at the ends of time.
fn midnight(date: DateTime, otherwise: Timestamp) -> Timestamp {
    Offset::UTC.to_timestamp(date.start_of_day()).unwrap_or(otherwise)
}
