//! The promises of [`Clock`].

use std::time::Duration;

use jiff::Timestamp;

use crate::Clock;

rules!($ clock_rules, clock:
    time_never_goes_back,
    time_goes_on,
    time_is_of_this_age,
);

/// How often it is asked: far more often than a clock ticks.
const LOOKS: usize = 10_000;

/// Two facts of one process are never out of order.
pub async fn time_never_goes_back(clock: &dyn Clock, _: &str) {
    let mut last = clock.now();
    for _ in 0..LOOKS {
        let now = clock.now();
        assert!(now >= last, "{now} came after {last}");
        last = now;
    }
}

/// A deadline passes.
pub async fn time_goes_on(clock: &dyn Clock, _: &str) {
    let before = clock.now();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let passed = clock.now().duration_since(before);
    assert!(passed.as_millis() >= 25, "50 ms were {passed:#}");
}

/// In UTC, and not since the start of the machine.
pub async fn time_is_of_this_age(clock: &dyn Clock, _: &str) {
    let written = "2026-01-01T00:00:00Z".parse::<Timestamp>().expect("a time");
    assert!(clock.now() > written);
}
