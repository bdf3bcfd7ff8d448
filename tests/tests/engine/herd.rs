//! A morning's crowd in front of a compute that throttles: bounds on simulated time.

use std::time::Duration;

use jiff::SignedDuration;
use tests::herd::{Crowd, quantile, run};

/// Faster than 20 a second, as 3,000 within a minute are.
fn crowd() -> Crowd {
    Crowd { within: Duration::from_secs(8), ..Crowd::of(400) }
}

#[test]
fn a_crowd_starts_as_fast_as_the_compute_launches_with_hardly_a_call_in_vain() {
    let report = run(&crowd());
    assert_eq!(report.broken, Vec::<String>::new());
    assert_eq!((report.started.len(), report.starts, report.dead), (400, 400, 0));
    assert!(report.in_line > 200, "{} stood in line", report.in_line);
    assert!(report.amplification() <= 1.1, "{} calls each", report.amplification());
    assert!(report.asked_each() <= 1.1, "the line was asked {} times each", report.asked_each());
    // (400 - 10) / 20 a second, and half a second for the steps before it and for being late.
    let whole = SignedDuration::from_millis(19_500) + SignedDuration::from_millis(500);
    assert!(report.last <= whole, "the last was started after {:#}", report.last);
    assert!(quantile(&report.started, 990) <= whole - SignedDuration::from_secs(7));
    // The line is as fast as the quota: what is late for longer loses calls, and others are throttled.
    let late = quantile(&report.late, 1_000);
    assert!(late < SignedDuration::from_millis(500), "somebody was {late:#} late");
    assert_eq!(report.throttled, 0);
}

#[test]
fn without_a_line_the_same_crowd_calls_in_vain() {
    let report = run(&Crowd { line: None, ..crowd() });
    assert!(report.amplification() > 1.5, "{} calls each", report.amplification());
}
