//! When a message that only waits makes way for its workspace's timer. Knows no queue and no clock.
//!
//! A queue sets aside what was received too often, and what waits has not failed. Were it sent anew,
//! each doubled message would wait beside the others and be doubled again, until what they wait for
//! has come. There is one timer for each workspace, so that of all that make way within a moment one
//! goes on.

use std::time::Duration;

use jiff::Timestamp;
use ports::Delivery;

/// After so many receives a message makes way.
const AFTER: u32 = ports::queue::RECEIVES_MAX / 2;
/// It does so for at least this long: what makes way within the same second goes on as one.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// So many times as old as its delays add up to may a message be that waited for nothing else.
const LATE_MAX: u32 = 2;

/// What the timer is set to if the message is to make way instead of coming back after `delay`: by
/// one's own clock, within what follows from when the message was sent and how often it has waited,
/// so that a wrong clock costs nothing.
pub(crate) fn timer(delivery: &Delivery, delay: Duration, now: Timestamp) -> Option<Timestamp> {
    let after = |at: Timestamp, time| at.saturating_add(time).unwrap_or(Timestamp::MAX);
    let waited = delay.saturating_mul(delivery.receives);
    let earliest = after(delivery.sent, waited);
    let latest = after(delivery.sent, waited.saturating_mul(LATE_MAX));
    let again = after(now.clamp(earliest, latest), delay.max(PAUSE_MIN));
    (delivery.receives >= AFTER).then_some(again)
}

#[cfg(test)]
mod tests {
    use ports::Handle;

    use super::*;

    /// Sent at 100 s and received so often.
    fn delivery(receives: u32) -> Delivery {
        let sent = Timestamp::from_second(100).expect("in range");
        Delivery { handle: Handle("1".to_owned()), nudge: None, receives, sent }
    }

    #[test]
    fn a_message_makes_way_by_ones_own_clock_unless_that_is_wrong() {
        let table = [
            ("it came back often enough", AFTER, 2_000, 125_000, Some(127_000)),
            ("not yet", AFTER - 1, 2_000, 125_000, None),
            ("a short delay makes way for a second", AFTER, 250, 103_000, Some(104_000)),
            ("a clock that is behind", AFTER, 2_000, 100_000, Some(122_000)),
            ("a clock that is ahead", AFTER, 2_000, 3_600_000, Some(142_000)),
        ];
        for (name, receives, delay, now, want) in table {
            let now = Timestamp::from_millisecond(now).expect("in range");
            let again = timer(&delivery(receives), Duration::from_millis(delay), now);
            assert_eq!(again.map(Timestamp::as_millisecond), want, "{name}");
        }
    }
}
