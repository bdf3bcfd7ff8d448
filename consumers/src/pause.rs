//! How long a failed step rests. The pause belongs to the step, not to a message: several messages
//! about one workspace may be on their way, and none of them may use up the step's tries meanwhile.

use std::time::Duration;

use events::{Gen, Step, Workspace};
use jiff::Timestamp;
use producers::Bus;

/// The first pause after a failed try; it doubles.
pub(crate) const BACKOFF_FIRST: Duration = Duration::from_millis(250);
/// The longest pause: eight failures stay within a step's deadline.
pub(crate) const BACKOFF_MAX: Duration = Duration::from_secs(8);

/// Doubles with each failure up to a bound, with half of it left to chance so that many who failed
/// together do not come back together.
pub(crate) fn backoff(bus: &Bus, failures: u32, asked: Option<Duration>) -> Duration {
    let doubled = doubled(failures);
    let full = asked.unwrap_or(doubled).min(BACKOFF_MAX.max(asked.unwrap_or_default()));
    let half = full / 2;
    let spread = u64::try_from(half.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
    asked.unwrap_or(half) + Duration::from_millis(bus.ids().below(spread))
}

/// What is left of the shortest pause after the last failure of a step, on record; `None` when it
/// may be tried. A failure that a fast clock put into the future delays by no more than the pause.
pub(crate) fn left(
    workspace: &Workspace,
    (generation, step, undoing): (Gen, Step, bool),
    now: Timestamp,
) -> Option<Duration> {
    let (failed, failures) = workspace.last_failure(generation, step, undoing)?;
    let least = doubled(failures).min(BACKOFF_MAX) / 2;
    let passed = Duration::try_from(now.duration_since(failed)).unwrap_or_default();
    least.checked_sub(passed).filter(|left| !left.is_zero())
}

fn doubled(failures: u32) -> Duration {
    BACKOFF_FIRST.saturating_mul(1_u32 << failures.saturating_sub(1).min(16))
}
