//! What holds for every pattern, amount and history.

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

/// The slow and obvious reading of a pattern.
fn plainly(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|taken| plainly(rest, &name[taken..])),
        Some((byte, rest)) => {
            name.split_first().is_some_and(|(first, more)| first == byte && plainly(rest, more))
        }
    }
}

fn ms(at: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + at).expect("a time")
}

const MINUTE: i64 = 60_000;

proptest! {
    #[test]
    fn a_pattern_is_read_as_anybody_reads_it(pattern in "[ab*]{1,6}/[ab*]{1,8}", name in "[ab]{0,5}/[ab/]{0,8}") {
        let (provider, model) = name.split_once('/').expect("a slash");
        let parsed: ModelPattern = pattern.parse().expect("a pattern");
        prop_assert_eq!(parsed.matches(provider, model), plainly(pattern.as_bytes(), name.as_bytes()));
    }

    #[test]
    fn an_amount_is_the_same_after_it_was_written(pico in 1_u64..) {
        let text = format!("{}.{:012}", pico / 1_000_000_000_000, pico % 1_000_000_000_000);
        let dollars: Dollars = text.parse().expect("an amount");
        prop_assert_eq!(dollars.pico(), pico);
        prop_assert_eq!(dollars.to_string().parse::<Dollars>(), Ok(dollars));
    }

    /// Whoever asks at any times: never more within a minute of the clock than the limit, never
    /// more than twice that within any sixty seconds, and a wait that was told is just long enough.
    #[test]
    fn no_history_of_requests_gets_past_the_limit(
        most in 1_u32..9,
        steps in prop::collection::vec(0_i64..40_000, 1..60),
    ) {
        let limits = Limits { requests_per_minute: NonZeroU32::new(most), ..Limits::default() };
        let (mut spent, mut now, mut admitted) = (Spent::default(), 0, Vec::new());
        for step in steps {
            now += step;
            match spent.check_requests(&limits, ms(now)) {
                Ok(()) => {
                    spent.begin(ms(now));
                    admitted.push(now);
                }
                Err(Exceeded { until, .. }) => {
                    let until = until.expect("a minute ends").as_millisecond() - 1_800_000_000_000;
                    prop_assert!(now < until && until <= now + 2 * MINUTE);
                    prop_assert!(spent.check_requests(&limits, ms(until)).is_ok());
                    prop_assert!(spent.check_requests(&limits, ms(until - 1)).is_err());
                }
            }
        }
        let most = most as usize;
        for from in &admitted {
            let minute = |at: &&i64| at.div_euclid(MINUTE) == from.div_euclid(MINUTE);
            prop_assert!(admitted.iter().filter(minute).count() <= most);
            let within = |at: &&i64| (*from..*from + MINUTE).contains(*at);
            prop_assert!(admitted.iter().filter(within).count() <= 2 * most);
        }
    }

    /// The same of tokens, whose wait ends with the first token that is free.
    #[test]
    fn a_wait_for_tokens_is_just_long_enough(
        most in 1_u64..1_000,
        used in prop::collection::vec((0_i64..50_000, 0_u64..3_000), 1..20),
    ) {
        let limits = Limits { tokens_per_minute: NonZeroU64::new(most), ..Limits::default() };
        let (mut spent, mut now) = (Spent::default(), 0);
        for (step, tokens) in used {
            now += step;
            spent.used(ms(now), ms(now), Used { tokens, pico_dollars: 0 });
            if let Err(Exceeded { until, .. }) = spent.check_usage(&limits, ms(now)) {
                let until = until.expect("a minute ends").as_millisecond() - 1_800_000_000_000;
                prop_assert!(now < until && until <= now + 2 * MINUTE);
                prop_assert!(spent.check_usage(&limits, ms(until)).is_ok());
                prop_assert!(spent.check_usage(&limits, ms(until - 1)).is_err());
            }
        }
    }

    /// Usage may come in any order; what the ledger remembers is usage like any other.
    #[test]
    fn days_and_months_add_up_in_any_order(
        mut parts in prop::collection::vec((0_i64..90 * 86_400, 0_u64..1_000), 0..20),
        seed in any::<u64>(),
    ) {
        let end = ms(90 * 86_400_000);
        let told = |parts: &[(i64, u64)]| {
            let mut spent = Spent::default();
            for (second, tokens) in parts {
                let used = Used { tokens: *tokens, pico_dollars: u128::from(*tokens) };
                spent.used(ms(second * 1_000), end, used);
            }
            spent
        };
        let forwards = told(&parts);
        let length = parts.len().max(1);
        parts.rotate_left(usize::try_from(seed % length as u64).expect("small"));
        prop_assert_eq!(told(&parts), forwards);
        parts.reverse();
        prop_assert_eq!(told(&parts), forwards);
    }
}
