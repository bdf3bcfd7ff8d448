//! What is known of one key: whether it rests after a limit, and whether its provider takes it.
//! Pure: a refusal, a success and a question come with the time at which they happened.
//!
//! Absences: no state is for ever, and a provider that is overloaded (5xx, 529) changes none.

use std::time::Duration;

use tokio::time::Instant;

/// How long a key rests after a limit of which the provider does not say when it ends.
pub(super) const REST: Duration = Duration::from_secs(30);
/// The longest rest. A provider may name hours; the key is asked again earlier, because limits
/// are raised and windows are shared.
pub(super) const REST_MAX: Duration = Duration::from_secs(300);
/// How long a key is in quarantine after its first refusal: what a provider's own hiccup lasts.
pub(super) const QUARANTINE: Duration = Duration::from_secs(30);
/// The longest quarantine: so late at the most is it noticed that a key is good again.
pub(super) const QUARANTINE_MAX: Duration = Duration::from_secs(300);
/// How long a request that finds out keeps others from it. A provider that hangs must not keep a
/// good key out until that request is given up.
pub(super) const PROBE_MAX: Duration = Duration::from_secs(30);

/// Whether a key may be used now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// Nothing speaks against it.
    Able,
    /// It was refused and its time is up: one request may find out.
    HalfOpen,
    /// Another is better until then. It is still better than none, for that is a guess of ours.
    Last(Instant),
    /// Asking it before then is pointless.
    Barred(Instant),
}

/// A rest after a limit (429, or nothing left on a good answer), of a key or of a quota group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cooldown {
    /// The provider said until when.
    told: Option<Instant>,
    /// It did not, or did not refuse yet, or refused another key of the group.
    guessed: Option<Instant>,
    /// When the last word came.
    since: Option<Instant>,
}

impl Cooldown {
    /// A limit was hit, and the provider said for how long, or did not. The later end counts: two
    /// requests may be refused with different words.
    pub(super) fn limited(&mut self, told: Option<Duration>, now: Instant) {
        match told {
            Some(told) => self.told = self.told.max(Some(now + told.min(REST_MAX))),
            None => self.guessed = self.guessed.max(Some(now + REST)),
        }
        self.since = Some(now);
    }

    /// The next request would probably hit a limit.
    pub(super) fn expected(&mut self, span: Duration, now: Instant) {
        self.guessed = self.guessed.max(Some(now + span.min(REST_MAX)));
        self.since = Some(now);
    }

    /// A request that was sent at `sent` was answered well. One that was sent before the limit was
    /// hit says nothing.
    pub(super) fn worked(&mut self, sent: Instant) {
        if self.since.is_some_and(|since| sent >= since) {
            *self = Self::default();
        }
    }

    /// Whether it may be used now.
    pub(super) fn standing(&self, now: Instant) -> Standing {
        let later = |until: Option<Instant>| until.filter(|until| *until > now);
        match (later(self.told), later(self.guessed)) {
            (Some(until), _) => Standing::Barred(until),
            (None, Some(until)) => Standing::Last(until),
            (None, None) => Standing::Able,
        }
    }
}

/// Why a provider does not take a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// 401, and a 400 that says so: it does not know the key.
    Unknown,
    /// 402 or 403: the key may not do this, or cannot pay for it; perhaps it may do other things.
    Forbidden,
}

/// A key that its provider refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Quarantine {
    since: Instant,
    until: Instant,
    /// Refusals in a row, each of a request that was sent after the one before.
    times: u32,
    doubt: Doubt,
    /// Since when a request is under way that finds out whether it is good again.
    probed: Option<Instant>,
}

/// Whether a provider takes a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Trust(Option<Quarantine>);

impl Trust {
    /// The provider refused the key in a request that was sent at `sent`.
    pub(super) fn refused(&mut self, doubt: Doubt, sent: Instant, now: Instant) {
        let before = self.0.take();
        self.0 = Some(match before {
            // Sent before the key was doubted: the same event, seen twice.
            Some(same) if sent < same.since => Quarantine {
                doubt: if doubt == Doubt::Unknown { doubt } else { same.doubt },
                ..same
            },
            before => {
                let times = before.map_or(0, |before| before.times).saturating_add(1);
                let until = before.map_or(now, |before| before.until).max(now + span(times));
                let probed = before.and_then(|before| before.probed);
                Quarantine { since: now, until, times, doubt, probed }
            }
        });
    }

    /// The provider took the key in a request that was sent at `sent`.
    pub(super) fn worked(&mut self, sent: Instant) {
        self.0.take_if(|quarantine| sent >= quarantine.since);
    }

    /// Whether the key may be used now.
    pub(super) fn standing(&self, now: Instant) -> Standing {
        let Some(quarantine) = self.0 else { return Standing::Able };
        let over = quarantine.until <= now;
        let probed = quarantine.probed.is_some_and(|since| now < since + PROBE_MAX);
        match quarantine.doubt {
            _ if over && !probed => Standing::HalfOpen,
            // The one request that finds out is under way; it is over in seconds.
            Doubt::Unknown if over && quarantine.times > 1 => Standing::Barred(now),
            Doubt::Unknown if quarantine.times > 1 => Standing::Barred(quarantine.until),
            // It may be the request's fault and not the key's, or a provider's hiccup: one
            // workspace that is refused must not take the only key from all others.
            Doubt::Unknown | Doubt::Forbidden => Standing::Last(quarantine.until),
        }
    }

    /// Takes the right to find out, if there is one to take.
    pub(super) fn probe(&mut self, now: Instant) -> bool {
        let open = self.standing(now) == Standing::HalfOpen;
        if let Some(quarantine) = self.0.as_mut().filter(|_| open) {
            quarantine.probed = Some(now);
        }
        open
    }

    /// Whoever had the right to find out is gone.
    pub(super) fn probe_ended(&mut self) {
        if let Some(quarantine) = &mut self.0 {
            quarantine.probed = None;
        }
    }
}

/// How long the nth quarantine in a row lasts: each twice as long as the one before.
fn span(times: u32) -> Duration {
    let doublings = 2_u32.saturating_pow(times.saturating_sub(1));
    QUARANTINE.saturating_mul(doublings).min(QUARANTINE_MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_limit_that_says_until_when_bars_and_one_that_does_not_puts_last() {
        let start = Instant::now();
        let mut cooldown = Cooldown::default();
        assert_eq!(cooldown.standing(start), Standing::Able);
        cooldown.limited(Some(Duration::from_secs(7)), start);
        assert_eq!(cooldown.standing(after(start, 6)), Standing::Barred(after(start, 7)));
        assert_eq!(cooldown.standing(after(start, 7)), Standing::Able);
        cooldown.limited(None, after(start, 10));
        assert_eq!(cooldown.standing(after(start, 39)), Standing::Last(after(start, 40)));
        assert_eq!(cooldown.standing(after(start, 40)), Standing::Able);
    }

    #[test]
    fn the_later_end_counts_and_none_is_far() {
        let start = Instant::now();
        let mut cooldown = Cooldown::default();
        cooldown.limited(Some(Duration::from_secs(60)), start);
        cooldown.limited(Some(Duration::from_secs(1)), after(start, 1));
        assert_eq!(cooldown.standing(after(start, 2)), Standing::Barred(after(start, 60)));
        cooldown.limited(Some(Duration::MAX), start);
        assert_eq!(cooldown.standing(start), Standing::Barred(start + REST_MAX));
    }

    #[test]
    fn a_success_ends_a_rest_only_when_it_was_asked_for_after_the_limit() {
        let start = Instant::now();
        let mut cooldown = Cooldown::default();
        cooldown.limited(None, after(start, 5));
        cooldown.worked(after(start, 4));
        assert_eq!(cooldown.standing(after(start, 6)), Standing::Last(after(start, 35)));
        cooldown.worked(after(start, 6));
        assert_eq!(cooldown.standing(after(start, 6)), Standing::Able);
    }

    #[test]
    fn a_refused_key_waits_is_probed_by_one_and_waits_longer_each_time_but_never_for_ever() {
        let mut now = Instant::now();
        let mut trust = Trust::default();
        let mut spans = Vec::new();
        for times in 1..=6 {
            trust.refused(Doubt::Unknown, now, now);
            trust.probe_ended();
            let standing = trust.standing(now);
            assert_eq!(matches!(standing, Standing::Last(_)), times == 1, "{standing:?}");
            let (Standing::Last(until) | Standing::Barred(until)) = standing else {
                panic!("{standing:?}")
            };
            spans.push((until - now).as_secs());
            assert!(!trust.probe(until - Duration::from_millis(1)), "too early");
            now = until;
            assert_eq!(trust.standing(now), Standing::HalfOpen);
            assert!(trust.probe(now));
            assert!(!trust.probe(now), "one at a time");
            assert_eq!(matches!(trust.standing(now), Standing::Barred(_)), times > 1);
        }
        assert_eq!(spans, [30, 60, 120, 240, 300, 300]);
        trust.worked(now);
        assert_eq!(trust, Trust::default());
    }

    #[test]
    fn a_probe_that_came_to_nothing_leaves_the_right_to_the_next() {
        let start = Instant::now();
        let mut trust = Trust::default();
        trust.refused(Doubt::Unknown, start, start);
        let now = start + QUARANTINE;
        assert!(trust.probe(now));
        trust.probe_ended();
        assert!(trust.probe(now));
        assert!(!trust.probe(now + PROBE_MAX - Duration::from_millis(1)));
        assert!(trust.probe(now + PROBE_MAX), "a probe that hangs keeps nobody out");
    }

    #[test]
    fn requests_that_were_under_way_together_are_refused_once() {
        let start = Instant::now();
        let mut trust = Trust::default();
        for second in 1..10 {
            trust.refused(Doubt::Forbidden, start, after(start, second));
        }
        assert_eq!(trust.standing(after(start, 9)), Standing::Last(after(start, 31)));
        trust.refused(Doubt::Unknown, start, after(start, 9));
        trust.worked(start);
        assert_eq!(
            trust.standing(after(start, 9)),
            Standing::Last(after(start, 31)),
            "sent before"
        );
    }

    #[derive(Clone, Copy, Debug)]
    enum Happens {
        Limited(Option<u64>),
        Expected(u64),
        Refused(bool),
        Worked,
        Probed,
    }

    fn happens() -> impl Strategy<Value = (u64, u64, Happens)> {
        let what = prop_oneof![
            prop::option::of(any::<u64>()).prop_map(Happens::Limited),
            any::<u64>().prop_map(Happens::Expected),
            any::<bool>().prop_map(Happens::Refused),
            Just(Happens::Worked),
            Just(Happens::Probed),
        ];
        (0_u64..100_000, 0_u64..100_000, what)
    }

    proptest! {
        #[test]
        fn whatever_happens_no_key_is_out_for_ever(all in prop::collection::vec(happens(), 0..40)) {
            let (mut now, mut cooldown, mut trust) =
                (Instant::now() + Duration::from_secs(1000), Cooldown::default(), Trust::default());
            for (pause, age, what) in all {
                now += Duration::from_millis(pause);
                let sent = now - Duration::from_millis(age);
                match what {
                    Happens::Limited(ms) => cooldown.limited(ms.map(Duration::from_millis), now),
                    Happens::Expected(ms) => cooldown.expected(Duration::from_millis(ms), now),
                    Happens::Refused(true) => trust.refused(Doubt::Unknown, sent, now),
                    Happens::Refused(false) => trust.refused(Doubt::Forbidden, sent, now),
                    Happens::Worked => {
                        cooldown.worked(sent);
                        trust.worked(sent);
                    }
                    Happens::Probed => {
                        if trust.probe(now) {
                            trust.probe_ended();
                        }
                    }
                }
                prop_assert_eq!(cooldown.standing(now + REST_MAX), Standing::Able);
                let later = trust.standing(now + QUARANTINE_MAX);
                prop_assert!(matches!(later, Standing::Able | Standing::HalfOpen), "{:?}", later);
            }
        }

        #[test]
        fn a_second_refusal_never_ends_a_rest_earlier(
            first in prop::option::of(0_u64..600), second in prop::option::of(0_u64..600),
        ) {
            let start = Instant::now();
            let mut cooldown = Cooldown::default();
            cooldown.limited(first.map(Duration::from_secs), start);
            let before = cooldown.standing(start);
            cooldown.limited(second.map(Duration::from_secs), start);
            prop_assert!(cooldown.standing(start) >= before);
        }
    }
}
