//! A sidecar whose broker refuses, is away or comes back, by a clock that stands still.

use std::sync::Mutex;

use aws::broker::policy::LIFE;
use events::{Attempt, EventId, Gen, Limits};
use tokio::time::Instant;

use super::*;

const TOKEN: &str = "tc_0123456789abcdef";

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn traded() -> Traded {
    Traded {
        lease: Lease {
            workspace: "ann".parse().expect("a name"),
            generation: Gen(1),
            attempt: Attempt(1),
            team: "red".parse().expect("a name"),
            limits: Limits::default(),
        },
        access_key: "ASIA1".to_owned(),
        secret_key: Secret::new("s"),
        session: Secret::new("t"),
        expires: time("2026-11-26T05:00:00Z"),
    }
}

#[test]
fn credentials_are_renewed_when_half_of_their_time_is_over() {
    let expires = time("2026-11-26T05:00:00Z");
    let after = renew_after(time("2026-11-26T04:00:00Z"), expires);
    assert_eq!(after, Duration::from_secs(30 * 60));
    // A clock that is ahead of STS's makes no storm.
    assert_eq!(renew_after(time("2026-11-26T06:00:00Z"), expires), RENEW_MIN);
}

#[tokio::test]
async fn the_agent_and_who_has_the_token_may_ask_and_nobody_else() {
    let token = Secret::new(TOKEN);
    let held = Held::new(&token);
    held.standing.send_replace(Standing::Good(Arc::new(traded())));
    let find = async |text: &str| held.find(&token_hash(text)).await.expect("an answer");
    assert_eq!(find(agent_key(&token).expose()).await, Some(traded().lease));
    assert_eq!(find(TOKEN).await, Some(traded().lease));
    for other in ["", "tc_0", "tc_0123456789abcdee"] {
        assert_eq!(find(other).await, None, "{other}");
    }
    held.standing.send_replace(Standing::Refused);
    assert_eq!(find(TOKEN).await, None, "revoked");
}

#[tokio::test(start_paused = true)]
async fn who_comes_before_the_brokers_first_answer_waits_and_is_not_turned_away_for_good() {
    let held = Arc::new(Held::new(&Secret::new(TOKEN)));
    let early = held.find(&token_hash(TOKEN)).await;
    assert!(matches!(early, Err(Fault::Unavailable { .. })), "{early:?}");
    let waiting = tokio::spawn({
        let held = Arc::clone(&held);
        async move { held.find(&token_hash(TOKEN)).await }
    });
    tokio::task::yield_now().await;
    held.standing.send_replace(Standing::Good(Arc::new(traded())));
    let found = waiting.await.expect("no panic").expect("an answer");
    assert_eq!(found, Some(traded().lease));
}

#[test]
fn credentials_have_their_end_and_none_are_given_for_a_lease_that_is_over() {
    let given_now = given(&Standing::Good(Arc::new(traded()))).expect("credentials");
    assert_eq!(given_now.expiry(), Some(SystemTime::from(traded().expires)));
    assert_eq!(given_now.session_token(), Some("t"));
    assert!(given(&Standing::Refused).is_err() && given(&Standing::Waiting).is_err());
}

/// Time as the paused runtime has it.
struct Paused(Instant);

impl Clock for Paused {
    fn now(&self) -> Timestamp {
        let gone = SignedDuration::try_from(self.0.elapsed()).expect("in range");
        time("2026-11-26T05:00:00Z") + gone
    }
}

/// The least of what chance may give, or the most.
struct Extreme {
    most: bool,
}

impl Ids for Extreme {
    fn event_id(&self, _: Timestamp) -> EventId {
        panic!("a lease has no facts")
    }

    fn token(&self) -> Secret {
        panic!("the token is given")
    }

    fn below(&self, bound: u64) -> u64 {
        if self.most { bound - 1 } else { 0 }
    }
}

/// What the broker refuses with, while it does.
type Refuses = Option<fn() -> Refusal>;

/// A sidecar whose broker answers as it is told.
struct Kept {
    held: Arc<Held>,
    clock: Arc<Paused>,
    refuses: Arc<Mutex<Refuses>>,
    ended: tokio::task::JoinHandle<Refusal>,
}

fn away() -> Refusal {
    Refusal::Unavailable(Fault::unavailable(SERVICE, "away"))
}

impl Kept {
    fn new(most: bool, refuses: Refuses) -> Self {
        let held = Arc::new(Held::new(&Secret::new(TOKEN)));
        let clock = Arc::new(Paused(Instant::now()));
        let refuses = Arc::new(Mutex::new(refuses));
        let (told, now) = (Arc::clone(&refuses), Arc::clone(&clock));
        let trade = move || {
            let answer = match *told.lock().expect("unpoisoned") {
                Some(refusal) => Err(refusal()),
                None => Ok(Traded { expires: now.now() + LIFE, ..traded() }),
            };
            std::future::ready(answer)
        };
        let (kept, timed) = (Arc::clone(&held), Arc::clone(&clock));
        let ended = tokio::spawn(keep(kept, trade, timed, Arc::new(Extreme { most })));
        Self { held, clock, refuses, ended }
    }

    fn broker(&self, refuses: Option<fn() -> Refusal>) {
        *self.refuses.lock().expect("unpoisoned") = refuses;
    }

    /// How long the credentials that a call would get are still good.
    async fn left(&self) -> SignedDuration {
        let given = self.held.credentials().provide_credentials().await;
        let ends = given.expect("credentials").expiry().expect("an end");
        Timestamp::try_from(ends).expect("in range").duration_since(self.clock.now())
    }

    /// The least of it within that time, looked at every second.
    async fn least_left(&self, within: Duration) -> SignedDuration {
        let until = Instant::now() + within;
        let mut least = self.left().await;
        while Instant::now() < until {
            sleep(Duration::from_secs(1)).await;
            least = least.min(self.left().await);
        }
        least
    }
}

const HALF: SignedDuration = SignedDuration::from_secs(450);
const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test(start_paused = true)]
async fn credentials_are_never_within_half_of_their_time_of_their_end() {
    for most in [false, true] {
        let kept = Kept::new(most, None);
        assert!(kept.least_left(6 * HOUR).await >= HALF);
    }
}

/// Whenever it begins.
#[tokio::test(start_paused = true)]
async fn a_broker_that_is_away_for_seven_minutes_is_missed_by_nobody() {
    for begins in (1..900).step_by(50) {
        for most in [false, true] {
            let kept = Kept::new(most, None);
            sleep(Duration::from_secs(begins)).await;
            kept.broker(Some(away));
            let least = kept.least_left(Duration::from_secs(7 * 60)).await;
            assert!(least.is_positive(), "{least:#} left of an outage after {begins} s");
            kept.broker(None);
            sleep(PAUSE_MAX).await;
            assert!(kept.left().await >= HALF, "it asks again soon");
        }
    }
}

/// Keys are known and usage waits; only what needs AWS itself must wait for the broker.
#[tokio::test(start_paused = true)]
async fn an_agent_is_served_while_the_broker_is_away_longer_than_credentials_live() {
    let kept = Kept::new(false, None);
    sleep(HOUR).await;
    kept.broker(Some(away));
    sleep(2 * HOUR).await;
    assert!(kept.left().await.is_negative());
    let found = kept.held.find(&token_hash(TOKEN)).await.expect("an answer");
    assert!(found.is_some());
    kept.broker(None);
    sleep(PAUSE_MAX).await;
    assert!(kept.left().await >= HALF);
}

/// Who was good before is asked about again: a start that is being ended has no more to lose.
#[tokio::test(start_paused = true)]
async fn a_token_that_never_was_good_here_ends_the_sidecar_and_one_that_was_does_not() {
    let unknown: fn() -> Refusal = || Refusal::Unknown;
    let taken: fn() -> Refusal = || Refusal::Taken;
    for refusal in [unknown, taken] {
        let kept = Kept::new(false, Some(refusal));
        assert_eq!(kept.ended.await.expect("no panic").status(), refusal().status());
        assert_eq!(kept.held.find(&token_hash(TOKEN)).await.expect("an answer"), None);
        let kept = Kept::new(false, None);
        sleep(HOUR).await;
        kept.broker(Some(refusal));
        sleep(HOUR).await;
        assert!(!kept.ended.is_finished());
        assert_eq!(kept.held.find(&token_hash(TOKEN)).await.expect("an answer"), None);
    }
}
