//! The line: whoever comes, whatever their clocks say, and what they are told.

use proptest::prelude::*;

use super::*;

/// So many milliseconds after a fixed morning.
fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_790_000_000_000 + ms).expect("in range")
}

/// The slots of callers with these clocks, in milliseconds after the morning.
fn slots(rate: Rate, clocks: &[i64]) -> Vec<i64> {
    let mut bucket = None;
    let reserve = |ms: &i64| {
        let (next, slot) = Bucket::reserve(bucket, at(*ms), rate);
        bucket = Some(next);
        slot.as_millisecond() - at(0).as_millisecond()
    };
    clocks.iter().map(reserve).collect()
}

#[test]
fn a_burst_starts_at_once_and_the_rest_one_an_interval() {
    let slots = slots(Rate::FARGATE, &[0; 3_000]);
    assert!(slots[..100].iter().all(|slot| *slot == 0));
    assert_eq!(slots[100..103], [50, 100, 150]);
    assert_eq!(slots.last(), Some(&145_000), "(3000 - 100) / 20 s");
}

#[test]
fn a_pause_fills_the_bucket_again_and_no_further() {
    let rate = Rate::per_second(2, 1);
    assert_eq!(
        slots(rate, &[0, 0, 0, 60_000, 60_000, 60_000]),
        [0, 0, 1_000, 60_000, 60_000, 61_000]
    );
}

#[test]
fn a_clock_that_is_a_little_behind_takes_its_place_at_the_end() {
    let rate = Rate::per_second(1, 1);
    assert_eq!(slots(rate, &[5_000, 4_900, 5_000]), [5_000, 6_000, 7_000]);
}

#[test]
fn a_clock_that_was_an_hour_ahead_makes_nobody_wait_for_its_time() {
    let rate = Rate::per_second(1, 1);
    let hour = 3_600_000;
    let slots = slots(rate, &[0, 0, hour, 100, 100]);
    assert_eq!(slots, [0, 1_000, hour, 100, 1_100]);
}

#[test]
fn a_rate_is_never_more_than_was_said() {
    for count in 1..=1_000 {
        let interval = Rate::per_second(1, count).interval;
        assert!(interval.as_micros() * i128::from(count) >= 1_000_000, "{count}");
    }
    assert_eq!(Rate::per_second(0, 0), Rate::per_second(1, 1), "one at least");
    assert_eq!(Rate::per_second(100, 20), Rate::FARGATE);
    assert_eq!(Rate::per_second(10, 20), Rate::RUN_TASK);
}

#[test]
fn a_place_is_the_number_of_slots_until_ones_own() {
    let rate = Rate::FARGATE;
    for (slot, now, want) in [(0, 0, 0), (50, 0, 1), (51, 0, 2), (145_000, 0, 2_900), (0, 9, 0)] {
        assert_eq!(place(at(slot), at(now), rate), want, "{slot} at {now}");
    }
}

#[test]
fn who_waits_sees_the_line_move() {
    let seen = |now| InLine::of(at(0), at(145_000), 2_900, at(now));
    let said = |now| seen(now).map(|line| line.words());
    let words = |text: &str| Some(text.to_owned());
    assert_eq!(said(0), words("Your agent is number 2900 in line and starts in about 3 minutes."));
    let half = words("Your agent is number 1450 in line and starts in about 73 seconds.");
    assert_eq!(said(72_500), half);
    let last = words("Your agent is next in line and starts in about a second.");
    assert_eq!(said(144_999), last);
    assert_eq!(seen(145_000), None, "it has come");
    assert_eq!(seen(-1), None, "it was written by a clock that was ahead");
}

/// The calls that `RunTask` has left, in thousandths: 20 at once, 20 a second.
struct Calls {
    left: i64,
    at: i64,
}

impl Calls {
    const MOST: i64 = 20_000;

    /// A call at this millisecond. Gives whether it was let through.
    fn take(&mut self, now: i64) -> bool {
        self.left = (self.left + (now - self.at) * 20).min(Self::MOST);
        self.at = now;
        let enough = self.left >= 1_000;
        self.left -= if enough { 1_000 } else { 0 };
        enough
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_stretch_of_time_has_more_slots_than_a_burst_and_its_share(
        gaps in prop::collection::vec(0..400_i64, 1..200), burst in 1..20_u32, count in 1..50_u32,
    ) {
        let rate = Rate::per_second(burst, count);
        let clocks: Vec<i64> = gaps.iter().scan(0, |now, gap| { *now += gap; Some(*now) }).collect();
        let slots = slots(rate, &clocks);
        for (first, from) in slots.iter().enumerate() {
            for (last, to) in slots.iter().enumerate().skip(first) {
                let stretch = to - from + 1;
                let most = i64::from(burst) + stretch * i64::from(count) / 1_000 + 1;
                prop_assert!((last - first) as i64 <= most, "{first} to {last} in {stretch} ms");
            }
        }
    }

    #[test]
    fn who_comes_first_starts_first_and_nobody_before_they_come(
        gaps in prop::collection::vec(0..400_i64, 1..200), burst in 1..20_u32, count in 1..50_u32,
    ) {
        let clocks: Vec<i64> = gaps.iter().scan(0, |now, gap| { *now += gap; Some(*now) }).collect();
        let slots = slots(Rate::per_second(burst, count), &clocks);
        prop_assert!(slots.windows(2).all(|pair| pair[0] <= pair[1]));
        prop_assert!(slots.iter().zip(&clocks).all(|(slot, came)| slot >= came));
    }

    #[test]
    fn nobody_waits_longer_than_all_who_came_before_them_take(
        clocks in prop::collection::vec(-7_200_000..7_200_000_i64, 1..100),
    ) {
        let rate = Rate::per_second(3, 2);
        for (before, (slot, came)) in slots(rate, &clocks).iter().zip(&clocks).enumerate() {
            let most = before as i64 * 500 + SKEW_MAX.as_millis() as i64;
            prop_assert!(slot - came <= most, "{before} before, waits {} ms", slot - came);
        }
    }

    /// What a start needs between its slot and its call differs, and so do the clocks.
    #[test]
    fn a_line_as_fast_as_the_quota_is_not_throttled_by_what_is_late_for_half_a_second(
        late in prop::collection::vec(-200..500_i64, 200..1_000),
    ) {
        let slots = slots(Rate::RUN_TASK, &vec![0; late.len()]);
        let mut calls: Vec<i64> = slots.iter().zip(&late).map(|(slot, late)| slot + late).collect();
        calls.sort_unstable();
        let mut quota = Calls { left: Calls::MOST, at: calls[0] };
        let throttled = calls.iter().filter(|at| !quota.take(**at)).count();
        prop_assert_eq!(throttled, 0);
    }
}
