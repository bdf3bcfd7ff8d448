//! What the sidecar holds of its lease: what the token was last traded for. It answers who may ask,
//! and gives the credentials; [`keep`] trades again long before they end.
//!
//! While the broker is away, the last answer stands: agents are served with keys that are known, and
//! usage that cannot be sent waits in the journal.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws::broker::{Refusal, Traded};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use events::Secret;
use events::token::{agent_key, token_hash};
use jiff::{SignedDuration, Timestamp};
use ports::{Clock, Fault, Ids, Lease, LeaseLookup};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::broker::Broker;

/// As an operator knows it.
const SERVICE: &str = "lease broker";
/// How long somebody who comes before the first answer waits for it.
const FIRST_MAX: Duration = Duration::from_secs(4);
/// The pause after a failed trade, at first and at the most.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Credentials are traded again when so many hundredths of their time are over.
const RENEW_PERCENT: i32 = 80;
/// And never sooner than after so long, whatever the two clocks think of each other.
const RENEW_MIN: Duration = Duration::from_secs(5);

/// How the lease stands.
#[derive(Clone)]
enum Standing {
    /// The broker has not answered yet.
    Waiting,
    /// As it said.
    Good(Arc<Traded>),
    /// The broker does not know the token, or not any more.
    Refused,
}

/// The lease.
pub(super) struct Held {
    standing: watch::Sender<Standing>,
    /// Whoever shows a token with one of these hashes is this workspace: the agent's own key, and the
    /// lease's token, which can do more than ask here.
    hashes: [Secret; 2],
}

impl Held {
    /// A lease of which nothing is known yet.
    pub(super) fn new(token: &Secret) -> Self {
        let hashes = [agent_key(token).expose(), token.expose()].map(token_hash).map(Secret::new);
        Self { standing: watch::channel(Standing::Waiting).0, hashes }
    }

    /// The credentials, as they are whenever somebody asks.
    pub(super) fn credentials(self: &Arc<Self>) -> impl ProvideCredentials + 'static {
        Current(self.standing.subscribe())
    }

    async fn standing(&self) -> Standing {
        known(self.standing.subscribe()).await
    }
}

/// How the lease stands; who comes before the first answer waits a moment for it.
async fn known(mut standing: watch::Receiver<Standing>) -> Standing {
    let answered = standing.wait_for(|standing| !matches!(standing, Standing::Waiting));
    let answered = timeout(FIRST_MAX, answered).await;
    answered.ok().and_then(Result::ok).map_or(Standing::Waiting, |standing| standing.clone())
}

#[async_trait]
impl LeaseLookup for Held {
    async fn find(&self, token_hash: &str) -> Result<Option<Lease>, Fault> {
        // Both are compared, so that time tells nothing.
        let ours = self.hashes.each_ref().map(|hash| hash.matches(token_hash)).contains(&true);
        match self.standing().await {
            Standing::Waiting => Err(Fault::unavailable(SERVICE, "it has not answered yet")),
            Standing::Good(traded) if ours => Ok(Some(traded.lease.clone())),
            Standing::Good(_) | Standing::Refused => Ok(None),
        }
    }
}

/// Gives what was traded last.
struct Current(watch::Receiver<Standing>);

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the broker's credentials")
    }
}

impl ProvideCredentials for Current {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let standing = self.0.clone();
        future::ProvideCredentials::new(async move { given(&known(standing).await) })
    }
}

fn given(standing: &Standing) -> provider::Result {
    match standing {
        Standing::Waiting => Err(CredentialsError::provider_error("the broker does not answer")),
        Standing::Refused => {
            Err(CredentialsError::provider_error("the lease is not good any more"))
        }
        Standing::Good(traded) => Ok(Credentials::new(
            traded.access_key.clone(),
            traded.secret_key.expose(),
            Some(traded.session.expose().to_owned()),
            Some(SystemTime::from(traded.expires)),
            SERVICE,
        )),
    }
}

/// Trades the token now, and again before each end, for as long as the program runs.
pub(super) async fn keep(
    held: Arc<Held>,
    broker: Arc<Broker>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
) {
    let mut pause = PAUSE;
    loop {
        let wait = match broker.trade().await {
            Ok(traded) => {
                pause = PAUSE;
                let wait = renew_after(clock.now(), traded.expires);
                held.standing.send_replace(Standing::Good(Arc::new(traded)));
                wait
            }
            Err(refusal) => {
                tracing::warn!(%refusal, "the lease's token was not traded");
                if matches!(refusal, Refusal::Unknown) {
                    held.standing.send_replace(Standing::Refused);
                }
                let now = pause;
                pause = (pause * 2).min(PAUSE_MAX);
                now
            }
        };
        // Sidecars that started together do not come together.
        let tenth = u64::try_from(wait.as_millis() / 10).unwrap_or(u64::MAX);
        sleep(wait - Duration::from_millis(ids.below(tenth + 1))).await;
    }
}

/// When credentials that end then are traded again.
fn renew_after(now: Timestamp, expires: Timestamp) -> Duration {
    let left = expires.duration_since(now).max(SignedDuration::ZERO);
    let wait = Duration::try_from(left * RENEW_PERCENT / 100).unwrap_or(RENEW_MIN);
    wait.max(RENEW_MIN)
}

#[cfg(test)]
mod tests {
    use events::{Attempt, Gen, Limits};

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
    fn credentials_are_renewed_when_four_fifths_of_their_time_are_over() {
        let expires = time("2026-11-26T05:00:00Z");
        let after = renew_after(time("2026-11-26T04:00:00Z"), expires);
        assert_eq!(after, Duration::from_secs(48 * 60));
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
}
