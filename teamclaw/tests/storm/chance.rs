//! What is drawn in a storm, from one seed.

use std::time::Duration;

/// The variable that repeats a storm.
const SEED: &str = "TEAMCLAW_STORM_SEED";

/// A source of draws (SplitMix64, Steele et al. 2014): small, and the same everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// From the seed in the environment, else from one of this moment. It is printed.
    #[expect(clippy::disallowed_methods, reason = "a test is a root: it draws its own seed")]
    #[expect(clippy::print_stdout, reason = "whoever sees a failure needs the seed")]
    pub(crate) fn draw(storm: &str) -> Self {
        let told = std::env::var(SEED).ok().map(|text| text.parse().expect("a seed is a number"));
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = since.expect("after 1970").as_millis() as u64;
        let seed = told.unwrap_or(now);
        println!("storm {storm}: again with {SEED}={seed}");
        Self(seed)
    }

    /// A source of its own for somebody else, so that nobody's draws depend on another's pace.
    pub(crate) fn split(&mut self) -> Self {
        Self(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Whether something happens that happens `percent` times in a hundred.
    pub(crate) fn happens(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A time shorter than `end`.
    pub(crate) fn within(&mut self, end: Duration) -> Duration {
        Duration::from_micros(self.below(end.as_micros() as u64))
    }
}
