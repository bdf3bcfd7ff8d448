//! Which key a request gets: tables of what happened before, and what holds whatever happens.

use events::{Attempt, Gen, Secret};
use ports::Lease;
use proptest::prelude::{BoxedStrategy, any, prop, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Strategy as _;

use super::*;
use crate::pool::state::{QUARANTINE, REST};

/// A pool in a test: its keys and what is known of them.
struct Table {
    roster: Roster,
    keys: Vec<PoolKey>,
    now: Instant,
}

fn key(text: &str, group: Option<&str>) -> PoolKey {
    PoolKey { group: group.map(str::to_owned), ..PoolKey::new(Secret::new(text)) }
}

fn session() -> Session {
    Session::of(&Lease {
        workspace: "ann".parse().expect("a name"),
        generation: Gen(1),
        attempt: Attempt(1),
        team: "t".parse().expect("a name"),
        limits: events::Limits::default(),
    })
}

fn told(seconds: u64) -> Waiting {
    Waiting { told: Some(Duration::from_secs(seconds)), used_up: None }
}

impl Table {
    fn new(keys: Vec<PoolKey>) -> Self {
        Self { roster: Roster::default(), keys, now: Instant::now() }
    }

    fn of(texts: &[&str]) -> Self {
        Self::new(texts.iter().map(|text| key(text, None)).collect())
    }

    fn take(&mut self, tried: &[usize], again: bool) -> Result<Taken, Rest> {
        let tried: Vec<KeyPrint> = tried.iter().map(|n| self.keys[*n].print.clone()).collect();
        let (strategy, session, now) = (Strategy::Sticky, session(), self.now);
        self.roster.take(Ask { strategy, session, tried: &tried, again, now }, &self.keys)
    }

    /// Which key a request gets; the request ends at once.
    fn index(&mut self, tried: &[usize]) -> Result<usize, Rest> {
        let taken = self.take(tried, true)?;
        self.end(taken);
        Ok(taken.index)
    }

    fn end(&mut self, taken: Taken) {
        let print = self.keys[taken.index].print.clone();
        if taken.probe {
            self.roster.probe_ended(&print);
        }
        self.roster.ended(&print);
    }

    fn answered(&mut self, n: usize, status: u16, waiting: Waiting) {
        let outcome = Outcome::of(StatusCode::from_u16(status).expect("a status"), None);
        let answer = (outcome, &HeaderMap::new());
        self.roster.answered(&self.keys[n], answer, waiting, self.now, self.now);
    }

    fn wait(&mut self, span: Duration) {
        self.now += span;
    }
}

#[test]
fn a_limited_key_gives_way_and_comes_back_by_itself() {
    for waiting in [Waiting::default(), told(30)] {
        let mut table = Table::of(&["a", "b"]);
        let first = table.index(&[]).expect("able");
        table.answered(first, 429, waiting);
        assert_eq!(table.index(&[]), Ok(1 - first));
        table.wait(REST);
        assert_eq!(table.index(&[]), Ok(first));
    }
}

#[test]
fn a_key_that_was_told_to_wait_is_not_asked_and_one_that_was_not_is_better_than_none() {
    let mut table = Table::of(&["a"]);
    table.answered(0, 429, Waiting::default());
    assert_eq!(table.index(&[]), Ok(0));
    table.answered(0, 429, told(7));
    let rest = Rest { after: Duration::from_secs(7), refused: false };
    assert_eq!(table.index(&[]), Err(rest));
    assert!(!rest.pointless());
}

#[test]
fn a_good_answer_that_leaves_nothing_puts_the_key_last_before_the_next_is_refused() {
    let mut table = Table::of(&["a", "b"]);
    let first = table.index(&[]).expect("able");
    let used_up = Waiting { told: None, used_up: Some(Duration::from_secs(20)) };
    table.answered(first, 200, used_up);
    assert_eq!(table.index(&[]), Ok(1 - first));
    assert_eq!(table.index(&[1 - first]), Ok(first), "better than none");
    table.wait(Duration::from_secs(20));
    assert_eq!(table.index(&[]), Ok(first));
}

#[test]
fn a_limit_moves_the_request_to_another_group_and_a_refusal_does_not_touch_the_group() {
    let group = Some("acme");
    let keys = vec![key("a", group), key("b", group), key("c", group), key("d", Some("other"))];
    let mut table = Table::new(keys);
    table.answered(0, 429, told(60));
    assert_eq!(table.index(&[0]), Ok(3));
    let mut table = Table::new(table.keys);
    table.answered(0, 401, Waiting::default());
    let taken: Vec<bool> = (1..4)
        .map(|n| {
            let others: Vec<usize> = (0..4).filter(|other| *other != n).collect();
            table.index(&others).is_ok()
        })
        .collect();
    assert_eq!(taken, [true; 3]);
    assert_eq!(table.index(&[1, 2, 3]), Ok(0), "better than none");
}

#[test]
fn a_refused_key_is_probed_by_one_request_at_a_time() {
    let mut table = Table::of(&["a"]);
    table.answered(0, 401, Waiting::default());
    assert_eq!(table.index(&[]), Ok(0), "one refusal takes the only key from nobody");
    table.answered(0, 401, Waiting::default());
    let rest = table.index(&[]).expect_err("in quarantine");
    assert_eq!((rest.after, rest.refused), (2 * QUARANTINE, true));
    assert!(rest.pointless());
    table.wait(2 * QUARANTINE);
    let probe = table.take(&[], true).expect("half open");
    assert!(probe.probe);
    let rest = table.take(&[], true).expect_err("one at a time");
    assert!(!rest.pointless(), "it is known in a moment");
    table.end(probe);
    let probe = table.take(&[], true).expect("the probe came to nothing");
    table.answered(0, 200, Waiting::default());
    table.end(probe);
    let both = [table.take(&[], true), table.take(&[], true)];
    assert!(both.iter().all(|taken| taken.is_ok_and(|taken| !taken.probe)), "it works");
}

#[test]
fn a_request_that_cannot_be_sent_again_probes_only_when_there_is_no_other() {
    let mut table = Table::of(&["a", "b"]);
    let first = table.index(&[]).expect("able");
    table.answered(first, 401, Waiting::default());
    table.wait(QUARANTINE);
    let careful = table.take(&[], false).expect("able");
    assert_eq!(careful, Taken { index: 1 - first, probe: false });
    assert_eq!(table.take(&[], true), Ok(Taken { index: first, probe: true }));
}

#[test]
fn a_forbidden_request_does_not_take_the_last_key_from_the_others() {
    let mut table = Table::of(&["a", "b"]);
    for n in [0, 1] {
        table.answered(n, 403, Waiting::default());
    }
    let first = table.index(&[]).expect("a guess bars nobody");
    table.answered(first, 200, Waiting::default());
    assert_eq!(table.roster.seen(&table.keys[first], table.now).trust, Standing::Able);
}

#[test]
fn a_provider_in_trouble_is_not_the_keys_fault() {
    let mut table = Table::of(&["a", "b"]);
    let first = table.index(&[]).expect("able");
    for status in [500, 502, 503, 504, 529, 400, 404] {
        table.answered(first, status, told(60));
        assert_eq!(table.index(&[]), Ok(first), "{status}");
    }
}

#[test]
fn what_is_known_of_a_key_outlives_a_reading_of_the_pool_and_ends_with_the_key() {
    let mut table = Table::of(&["a", "b", "c"]);
    for n in 0..3 {
        table.answered(n, 429, told(60));
    }
    table.keys = ["c", "b"].map(|text| key(text, None)).to_vec();
    assert!(table.index(&[]).is_err());
    assert_eq!(table.roster.entries.len(), 2);
    table.keys = vec![key("d", None)];
    assert_eq!(table.index(&[]), Ok(0));
    table.keys = vec![key("a", None)];
    assert_eq!(table.index(&[]), Ok(0), "a key that was added again begins anew");
}

#[test]
fn waiting_is_pointless_when_no_client_waits_so_long() {
    for (seconds, pointless) in [(1, false), (60, false), (61, true)] {
        let rest = Rest { after: Duration::from_secs(seconds), refused: false };
        assert_eq!(rest.pointless(), pointless, "{seconds}");
    }
    for (ms, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2)] {
        let rest = Rest { after: Duration::from_millis(ms), refused: false };
        assert_eq!(rest.seconds(), seconds, "{ms}");
    }
}

#[derive(Clone, Debug)]
enum Happens {
    Taken(bool),
    Answered(usize, u16, Option<u64>),
    Ended(usize),
    Wait(u64),
}

fn happens() -> BoxedStrategy<Happens> {
    let status = prop::sample::select(vec![200_u16, 400, 401, 403, 429, 500, 529]);
    prop_oneof![
        4 => any::<bool>().prop_map(Happens::Taken),
        4 => (0_usize..8, status, prop::option::of(0_u64..900))
            .prop_map(|(n, status, told)| Happens::Answered(n, status, told)),
        4 => (0_usize..8).prop_map(Happens::Ended),
        1 => (0_u64..200).prop_map(Happens::Wait),
    ]
    .boxed()
}

proptest! {
    #[test]
    fn whatever_happens_the_books_agree_and_every_key_comes_back(
        all in prop::collection::vec(happens(), 0..80), grouped in any::<bool>(),
    ) {
        let group = grouped.then_some("acme");
        let keys = vec![key("a", group), key("b", group), key("c", None)];
        let mut table = Table::new(keys);
        let mut under_way: Vec<Taken> = Vec::new();
        for what in all {
            match what {
                Happens::Taken(again) => under_way.extend(table.take(&[], again)),
                Happens::Answered(n, status, seconds) if !under_way.is_empty() => {
                    let waiting = seconds.map(told).unwrap_or_default();
                    table.answered(under_way[n % under_way.len()].index, status, waiting);
                }
                Happens::Ended(n) if !under_way.is_empty() => {
                    let taken = under_way.remove(n % under_way.len());
                    table.end(taken);
                }
                Happens::Wait(seconds) => table.wait(Duration::from_secs(seconds)),
                Happens::Answered(..) | Happens::Ended(_) => {}
            }
            for (n, key) in table.keys.iter().enumerate() {
                let counted = under_way.iter().filter(|taken| taken.index == n).count();
                prop_assert_eq!(table.roster.seen(key, table.now).under_way as usize, counted);
            }
        }
        for taken in under_way {
            table.end(taken);
        }
        table.wait(Duration::from_secs(300));
        for n in 0..3 {
            let others: Vec<usize> = (0..3).filter(|other| *other != n).collect();
            prop_assert_eq!(table.index(&others), Ok(n));
        }
    }
}

#[test]
fn a_key_is_doubted_for_what_its_provider_says_of_it_and_for_nothing_else() {
    let invalid = r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","details":[
        {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#;
    let listed = format!("[{invalid}]");
    let echoed = r#"{"error":{"code":400,"message":"API_KEY_INVALID is no model"}}"#;
    let table = [
        (400, Some(invalid), Outcome::Refused(Doubt::Unknown)),
        (400, Some(&*listed), Outcome::Refused(Doubt::Unknown)),
        (400, Some(echoed), Outcome::Nothing),
        (400, Some("API_KEY_INVALID"), Outcome::Nothing),
        (400, None, Outcome::Nothing),
        (500, Some(invalid), Outcome::Nothing),
        (401, None, Outcome::Refused(Doubt::Unknown)),
        (402, None, Outcome::Refused(Doubt::Forbidden)),
        (403, None, Outcome::Refused(Doubt::Forbidden)),
    ];
    for (status, body, expected) in table {
        let status = StatusCode::from_u16(status).expect("a status");
        assert_eq!(Outcome::of(status, body.map(str::as_bytes)), expected, "{status} {body:?}");
    }
}
