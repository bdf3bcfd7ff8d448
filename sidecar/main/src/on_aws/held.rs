//! What the sidecar holds of its lease: what the token was last traded for. It answers who may ask,
//! and gives the credentials; [`keep`] trades again long before they end.
//!
//! While the broker is away, the last answer stands: agents are served with keys that are known, and
//! usage that cannot be sent waits in the journal. For half of the credentials' time nobody notices.

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

/// As an operator knows it.
const SERVICE: &str = "lease broker";
/// How long somebody who comes before the first answer waits for it.
const FIRST_MAX: Duration = Duration::from_secs(4);
/// The pause after a failed trade, at first and at the most.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Credentials are traded again when so many hundredths of their time are over: of a quarter of an hour
/// the broker may be away for seven minutes at any time, and each sidecar asks it eight times an hour.
const RENEW_PERCENT: i32 = 50;
/// And never sooner than after so long, whatever the two clocks think of each other.
const RENEW_MIN: Duration = Duration::from_secs(5);

/// How the lease stands.
#[derive(Clone)]
enum Standing {
    /// The broker has not answered yet.
    Waiting,
    /// As it said.
    Good(Arc<Traded>),
    /// The broker does not know the token, or not any more, or somebody else holds its lease.
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

    /// How it stands, as soon as the broker has answered or has taken long enough.
    async fn standing(&self) -> Standing {
        known(self.standing.subscribe()).await
    }

    /// Waits a moment for the broker's first answer.
    pub(super) async fn answered(&self) {
        let _whatever = self.standing().await;
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

/// Trades the token now, and again before each end, for as long as the program runs. Gives why the token
/// was refused if it never was good here: then somebody else has the lease, or nobody, and a task that
/// ends is seen and started anew.
pub(super) async fn keep<F>(
    held: Arc<Held>,
    trade: impl Fn() -> F + Send,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
) -> Refusal
where
    F: Future<Output = Result<Traded, Refusal>> + Send,
{
    let mut pause = PAUSE;
    loop {
        let wait = match trade().await {
            Ok(traded) => {
                pause = PAUSE;
                let wait = renew_after(clock.now(), traded.expires);
                held.standing.send_replace(Standing::Good(Arc::new(traded)));
                wait
            }
            Err(refusal) => {
                tracing::warn!(%refusal, "the lease's token was not traded");
                if matches!(refusal, Refusal::Unknown | Refusal::Taken) {
                    let before = held.standing.send_replace(Standing::Refused);
                    if matches!(before, Standing::Waiting) {
                        return refusal;
                    }
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
mod tests;
