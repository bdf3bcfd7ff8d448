//! What an estimate must say, whoever asks.

use super::*;

fn wish(users: u32) -> Wish {
    Wish {
        users,
        hours: 6.0,
        days: 21.0,
        starts: 2.0,
        calls: 60.0,
        home_gb: 1.0,
        vcpu: 1.0,
        memory_gb: 2.0,
        spot: 0.0,
        endpoints: true,
    }
}

fn bill(wish: &Wish, mode: Mode) -> Bill {
    Bill::of(wish, mode, &built_in().expect("a sound table"))
}

fn usd(bill: &Bill, service: &str, what: &str) -> f64 {
    let found = bill.lines.iter().find(|line| line.service == service && line.what == what);
    found.expect("the line").usd
}

#[test]
fn an_hour_awake_costs_what_fargate_asks() {
    let bill = bill(&wish(100), Mode::AlwaysOn);
    assert_eq!(usd(&bill, "Fargate", "vCPU on demand"), 100.0 * 730.0 * 0.03238);
    assert_eq!(usd(&bill, "Fargate", "memory on demand"), 100.0 * 730.0 * 2.0 * 0.00356);
    assert_eq!(usd(&bill, "Fargate", "vCPU on Spot"), 0.0);
}

#[test]
fn an_idle_time_out_is_paid_after_each_span_of_use() {
    // 6 h + 2 × (30 min + 1 min)
    let hours = 100.0 * 21.0 * (6.0 + 2.0 * 31.0 / 60.0);
    let cost = usd(&bill(&wish(100), Mode::IdleStop), "Fargate", "vCPU on demand");
    assert!((cost - hours * 0.03238).abs() < 0.01, "{cost}");
    let day_and_night = Wish { hours: 24.0, ..wish(100) };
    let counts = Counts::of(&day_and_night, Mode::IdleStop);
    assert_eq!(counts.awake, 100.0 * 21.0 * 24.0, "a day has 24 hours");
}

#[test]
fn stopping_what_is_left_alone_costs_less_however_many_there_are() {
    for users in [10, 100, 1_000, 10_000, 100_000] {
        let [stop, on] = [Mode::IdleStop, Mode::AlwaysOn].map(|mode| bill(&wish(users), mode));
        assert!(stop.total() < on.total(), "{users}");
        assert_eq!(stop.lines.len(), on.lines.len(), "the same lines");
        for (one, other) in stop.lines.iter().zip(&on.lines) {
            assert_eq!((one.service, one.what), (other.service, other.what));
            assert!(one.usd.is_finite() && one.usd >= 0.0, "{} {}", one.service, one.what);
        }
    }
}

#[test]
fn spot_saves_and_takes_nothing_else_away() {
    let [dear, cheap] = [0.0, 100.0].map(|spot| bill(&Wish { spot, ..wish(100) }, Mode::IdleStop));
    let fargate = |bill: &Bill| {
        let own = bill.lines.iter().filter(|line| line.what.contains(" on "));
        own.map(|line| line.usd).sum::<f64>()
    };
    assert!((fargate(&cheap) / fargate(&dear) - 0.3).abs() < 1e-9);
    assert!((dear.total() - cheap.total() - 0.7 * fargate(&dear)).abs() < 1e-6);
}

#[test]
fn a_cell_is_full_at_four_thousand_and_the_next_pays_its_own_stacks() {
    let gateways = |users| usd(&bill(&wish(users), Mode::IdleStop), "NAT", "gateways");
    let one = gateways(1);
    assert_eq!(gateways(4_000), one);
    assert_eq!(gateways(4_001), 2.0 * one);
    assert_eq!(gateways(100_000), 25.0 * one);
}

#[test]
fn every_line_says_its_service_its_unit_and_how_it_comes_about() {
    let bill = bill(&wish(1_000), Mode::IdleStop);
    for line in &bill.lines {
        assert!(!line.formula.is_empty() && !line.unit.is_empty(), "{line:?}");
    }
    let mut names: Vec<_> = bill.lines.iter().map(|line| (line.service, line.what)).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all, "a line stands once");
    let sum: f64 = bill.services().iter().map(|(_, usd)| usd).sum();
    assert!((sum - bill.total()).abs() < 1e-6);
}

#[test]
fn a_fuller_batch_is_never_dearer_for_each_call() {
    let table = built_in().expect("a sound table");
    let ways = usage_path::ways(&table.prices);
    let batched = &ways[..ways.len() - 1];
    assert!(batched.windows(2).all(|pair| pair[0].usd() < pair[1].usd()), "{batched:?}");
}
