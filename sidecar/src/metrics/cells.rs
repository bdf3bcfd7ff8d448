//! What is counted in: atomic numbers that a request touches without a lock and without memory.
//! They are read one by one, so a reading is no snapshot of a moment.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    /// Counts one.
    pub(crate) fn one(&self) {
        self.add(1);
    }

    /// Counts so many.
    pub(crate) fn add(&self, many: u64) {
        self.0.fetch_add(many, Ordering::Relaxed);
    }

    /// How many by now.
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many of something are open right now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Level(Arc<AtomicU64>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Open(Level);

impl Level {
    /// One more.
    pub(crate) fn open(&self) -> Open {
        self.0.fetch_add(1, Ordering::Relaxed);
        Open(self.clone())
    }

    /// How many now.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How long something took, by upper bounds in microseconds.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: &'static [u64],
    /// One for each bound, and one for what is beyond them all.
    counts: Box<[Count]>,
    nanos: Count,
}

impl Histogram {
    pub(super) fn new(bounds: &'static [u64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| Count::default()).collect();
        Self { bounds, counts, nanos: Count::default() }
    }

    /// It took so long.
    pub(super) fn observe(&self, took: Duration) {
        let within = |bound: &u64| took <= Duration::from_micros(*bound);
        let place = self.bounds.iter().position(within).unwrap_or(self.bounds.len());
        self.counts[place].one();
        // 584 years of nanoseconds fit.
        self.nanos.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// The sum in seconds, and how many fell into each bucket, which are told by their upper bound
    /// in seconds.
    pub(super) fn read(&self) -> (f64, Vec<(f64, u64)>) {
        let bounds = self.bounds.iter().map(|micros| *micros as f64 / 1e6);
        let bounds = bounds.chain([f64::INFINITY]);
        let buckets = bounds.zip(self.counts.iter().map(Count::get)).collect();
        (self.nanos.get() as f64 / 1e9, buckets)
    }
}

/// A row with its name, or room for one.
type Row<T> = OnceLock<(Box<str>, T)>;

/// Rows by name, at most so many. A row that is there is found without a lock, and none ever goes.
#[derive(Debug)]
pub(crate) struct Table<T> {
    rows: Box<[Row<T>]>,
    /// For all that found no room.
    other: T,
}

impl<T: Default> Table<T> {
    pub(super) fn new(rows_max: usize) -> Self {
        Self { rows: (0..rows_max).map(|_| OnceLock::new()).collect(), other: T::default() }
    }

    /// The row of this name, a new one if there is room, else the one that others share.
    pub(super) fn row(&self, name: &str) -> &T {
        for row in &self.rows {
            let (known, cells) = row.get_or_init(|| (name.into(), T::default()));
            if **known == *name {
                return cells;
            }
        }
        &self.other
    }

    /// The row of this name if it has one, else the one that others share.
    pub(super) fn known(&self, name: &str) -> &T {
        let rows = self.rows.iter().map_while(OnceLock::get);
        let mut rows = rows.filter(|(known, _)| **known == *name);
        rows.next().map_or(&self.other, |(_, cells)| cells)
    }

    /// Every row with its name, the shared one as `other`.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        let rows = self.rows.iter().map_while(OnceLock::get).map(|(name, cells)| (&**name, cells));
        rows.chain([("other", &self.other)])
    }
}

/// Records that wait for the ledger in one place, first in, first out.
#[derive(Debug, Default)]
pub(crate) struct Line {
    records: AtomicU64,
    /// When the first of them ended, in milliseconds of the wall clock; 0 when that is not known.
    oldest: AtomicI64,
}

impl Line {
    /// One more waits, which ended then.
    pub(crate) fn joined(&self, ended: Timestamp) {
        self.records.fetch_add(1, Ordering::Relaxed);
        let ended = ended.as_millisecond();
        // An older one stays the oldest.
        let _older = self.oldest.compare_exchange(0, ended, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// So many were there when the program started.
    pub(crate) fn found(&self, records: u64) {
        self.records.fetch_add(records, Ordering::Relaxed);
    }

    /// The first of the line is tried to be handed over now; it ended then.
    pub(crate) fn first(&self, ended: Timestamp) {
        self.oldest.store(ended.as_millisecond(), Ordering::Relaxed);
    }

    /// So many wait no longer.
    pub(crate) fn left(&self, records: u64) {
        let less = |all: u64| Some(all.saturating_sub(records));
        let before = self.records.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        if before.is_ok_and(|before| before <= records) {
            self.oldest.store(0, Ordering::Relaxed);
        }
    }

    /// None waits any longer.
    pub(crate) fn emptied(&self) {
        self.left(u64::MAX);
    }

    /// How many wait, and for how many seconds the first of them has.
    pub(super) fn read(&self, now: Timestamp) -> (u64, f64) {
        let records = self.records.load(Ordering::Relaxed);
        let oldest = self.oldest.load(Ordering::Relaxed);
        let age = now.as_millisecond().saturating_sub(oldest).max(0);
        (records, if records == 0 || oldest == 0 { 0.0 } else { age as f64 / 1e3 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_puts_each_duration_below_its_first_bound() {
        let histogram = Histogram::new(&[10, 1000]);
        for micros in [0, 10, 11, 1000, 1001, 9_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let (sum, buckets) = histogram.read();
        assert_eq!(buckets, [(1e-5, 2), (1e-3, 2), (f64::INFINITY, 2)]);
        assert!((sum - 9.002022).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn a_table_is_bounded_and_what_finds_no_room_shares_a_row() {
        let table: Table<Count> = Table::new(2);
        for name in ["a", "b", "c", "a", "d", "other"] {
            table.row(name).one();
        }
        table.known("b").one();
        table.known("never seen").one();
        let rows: Vec<(&str, u64)> =
            table.iter().map(|(name, count)| (name, count.get())).collect();
        assert_eq!(rows, [("a", 2), ("b", 2), ("other", 4)]);
    }

    #[test]
    fn many_threads_find_the_same_row() {
        let table: Table<Count> = Table::new(4);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let table = &table;
                scope.spawn(move || {
                    for n in 0..4000 {
                        table.row(["a", "b", "c", "d"][(n + thread) % 4]).one();
                    }
                });
            }
        });
        let mut rows: Vec<(&str, u64)> =
            table.iter().map(|(name, count)| (name, count.get())).collect();
        rows.sort_unstable();
        assert_eq!(rows, [("a", 4000), ("b", 4000), ("c", 4000), ("d", 4000), ("other", 0)]);
    }

    #[test]
    fn the_age_is_that_of_the_first_in_line() {
        let at = |ms: i64| Timestamp::from_millisecond(1_800_000_000_000 + ms).expect("a time");
        let line = Line::default();
        assert_eq!(line.read(at(9)), (0, 0.0));
        line.joined(at(1000));
        line.joined(at(2000));
        assert_eq!(line.read(at(3500)), (2, 2.5));
        line.left(1);
        line.first(at(2000));
        assert_eq!(line.read(at(3500)), (1, 1.5));
        assert_eq!(line.read(at(0)), (1, 0.0), "a clock that was set back gives no negative age");
        line.left(1);
        assert_eq!(line.read(at(9000)), (0, 0.0));
        line.joined(at(9000));
        assert_eq!(line.read(at(9500)), (1, 0.5), "a new line has a new first");
        line.found(3);
        line.emptied();
        assert_eq!(line.read(at(9500)), (0, 0.0));
    }
}
