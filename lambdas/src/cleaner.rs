//! Empties the directories of purged homes on the mounted file system, and forgets each when it is
//! gone. A run does what it has time for; the next goes on where it stopped. Two at once do no harm:
//! what is gone already is a success.
//!
//! Never touches a directory whose life is not over: that is asked of the table before each turn.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws::homes::{Emptied, Leftover, Leftovers, empty};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use ports::Fault;
use tokio::time::Instant;

use crate::metrics::{Metric, Metrics};

/// How many files of one directory are removed before another has its turn: some twenty seconds, at
/// the few milliseconds that a removal takes on EFS (efs/latest/ug/performance.html).
const TURN: u64 = 2_000;
/// How many directories are emptied side by side: what waits for a server needs no processor.
const LANES: usize = 4;
/// From when on somebody must look: a run is every quarter of an hour.
const LATE: SignedDuration = SignedDuration::from_hours(24);
/// What of a run's time is for writing down what came of the last turn.
const LAST: Duration = Duration::from_secs(5);

/// Whose turn it is. Pure.
struct Turns {
    waiting: VecDeque<Leftover>,
    /// Those that cannot be gone on with in this run.
    stuck: Vec<Leftover>,
    emptied: usize,
    /// What the table said last, if that was bad.
    last: Result<(), Fault>,
}

impl Turns {
    /// A run begins with another than the one before it, so that one that takes for ever, or cannot be
    /// emptied at all, keeps nobody waiting.
    fn of(all: Vec<Leftover>, now: Timestamp) -> Self {
        let mut waiting = VecDeque::from(all);
        let minute = usize::try_from(now.as_second() / 60).unwrap_or_default();
        let first = minute.checked_rem(waiting.len()).unwrap_or_default();
        waiting.rotate_left(first);
        Self { waiting, stuck: Vec::new(), emptied: 0, last: Ok(()) }
    }

    fn put(&mut self, became: Result<Became, Fault>) {
        match became {
            Ok(Became::Gone) => self.emptied += 1,
            Ok(Became::InUse) => {}
            Ok(Became::NotYet(left)) => self.waiting.push_back(left),
            Ok(Became::Stuck(left)) => self.stuck.push(left),
            Err(fault) => self.last = Err(fault),
        }
    }

    /// How many are left although they were to be gone by now.
    fn late(&self, now: Timestamp) -> usize {
        self.waiting.iter().chain(&self.stuck).filter(|left| is_late(left, now)).count()
    }
}

fn is_late(left: &Leftover, now: Timestamp) -> bool {
    left.since.is_some_and(|since| now.duration_since(since) >= LATE)
}

/// What became of a turn.
enum Became {
    Gone,
    /// Its life is not over.
    InUse,
    NotYet(Leftover),
    Stuck(Leftover),
}

/// One run.
struct Run<'a> {
    leftovers: &'a Leftovers,
    users: &'a Path,
    now: Timestamp,
    until: Instant,
    turns: Mutex<Turns>,
}

/// Empties what is left below `users` for as long as `time`, and tells how many are gone and how many
/// should have been.
///
/// # Errors
/// What the table said. What a directory said is in the log, and in the number of those that are late.
pub async fn clean(
    leftovers: &Leftovers,
    users: &Path,
    now: Timestamp,
    time: Duration,
    metrics: &Metrics,
) -> Result<(), Fault> {
    let all = leftovers.list().await?;
    let until = Instant::now() + time.saturating_sub(LAST);
    let run = Run { leftovers, users, now, until, turns: Mutex::new(Turns::of(all, now)) };
    join_all((0..LANES).map(|_| run.lane())).await;
    let turns = run.turns.into_inner().unwrap_or_else(PoisonError::into_inner);
    metrics.set(Metric::Emptied, turns.emptied);
    metrics.set(Metric::HomesLate, turns.late(now));
    turns.last
}

impl Run<'_> {
    async fn lane(&self) {
        while Instant::now() < self.until {
            let Some(left) = self.turns().waiting.pop_front() else { return };
            let became = self.turn(left).await;
            self.turns().put(became);
        }
    }

    async fn turn(&self, mut left: Leftover) -> Result<Became, Fault> {
        if !self.leftovers.is_over(&left).await? {
            return Ok(Became::InUse);
        }
        left.since = self.leftovers.found(&left, self.now).await?;
        match self.remove(&left).await {
            Ok(Emptied::Gone) => {
                self.leftovers.forget(&left).await?;
                Ok(Became::Gone)
            }
            Ok(Emptied::NotYet) => Ok(Became::NotYet(left)),
            Err(error) => {
                let (directory, late) = (left.directory(), is_late(&left, self.now));
                tracing::warn!(%directory, %error, late, "a purged home could not be emptied");
                Ok(Became::Stuck(left))
            }
        }
    }

    /// A file system's calls block, so they have a thread of their own, which ends itself.
    async fn remove(&self, left: &Leftover) -> io::Result<Emptied> {
        let (users, left, until) = (self.users.to_owned(), left.clone(), self.until);
        let mut removals = TURN;
        let mut go_on = move || {
            removals = removals.saturating_sub(1);
            removals > 0 && Instant::now() < until
        };
        let walk = move || empty(&users, &left, &mut go_on);
        tokio::task::spawn_blocking(walk).await.map_err(io::Error::other).flatten()
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
