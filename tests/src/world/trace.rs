//! What happened, as a hash that two runs of a seed must agree on, and, when somebody wants to
//! read it, as lines. Only simulated time and names go into it.

use std::fmt::Write as _;
use std::hash::Hasher as _;

use fnv::FnvHasher;

/// So many lines of a story are kept: the last ones, which are what matters.
const LINES_MAX: usize = 200_000;

/// What happened so far.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    hash: u64,
    lines: Option<Vec<String>>,
    begun: usize,
}

impl Trace {
    /// One that can be read afterwards.
    pub fn told() -> Self {
        Self { lines: Some(Vec::new()), ..Self::default() }
    }

    /// Takes note of something. The words are made only if somebody wants to read them.
    pub fn note(&mut self, at_ms: i64, process: usize, mark: u64, words: impl FnOnce() -> String) {
        let mut hash = FnvHasher::with_key(self.hash);
        hash.write_i64(at_ms);
        hash.write_usize(process);
        hash.write_u64(mark);
        self.hash = hash.finish();
        let Some(lines) = &mut self.lines else { return };
        let mut line = String::new();
        let (day, ms) = (at_ms / 86_400_000, at_ms % 86_400_000);
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
        // Writing to a string cannot fail.
        let _ = write!(
            line,
            "day {day:>2} {hour:02}:{minute:02}:{second:02}.{:03}  p{process}  ",
            ms % 1_000
        );
        line.push_str(&words());
        lines.push(line);
        if lines.len() > 2 * LINES_MAX {
            lines.drain(..LINES_MAX);
            self.begun += LINES_MAX;
        }
    }

    /// The hash of all of it.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Its lines, and how many came before the first.
    pub fn lines(&self) -> (&[String], usize) {
        (self.lines.as_deref().unwrap_or_default(), self.begun)
    }
}
