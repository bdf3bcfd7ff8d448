//! What asks for rotations without a person at the keyboard: a schedule, or that somebody has put new
//! keys into the pool's secret.
//!
//! New keys come as a version of the pool's own secret with the label [`OFFERED`], in the pool's own
//! JSON format: `aws secretsmanager put-secret-value --secret-id ENV/teamclaw/api-keys
//! --version-stages TEAMCLAW_NEW --secret-string file://new.json`. So no event, message or fact ever
//! holds a key, and who may put it there is who may write the secret. What is in the pool already is
//! not asked for again, so that a repeat changes nothing.

use std::collections::BTreeMap;

use events::pool::Pool;
use events::rotation::RequestedBy;
use events::{ProviderId, Secret};
use ports::{Fault, Staging};
use producers::Pools;
use producers::rotation::{Order, request};
use serde::Deserialize;

use crate::metrics::{Metric, Metrics};

/// The label of a version that holds new keys.
pub const OFFERED: &str = "TEAMCLAW_NEW";

/// What started the function: EventBridge says which of its parts sent the event.
#[derive(Debug, Deserialize)]
pub struct Started {
    #[serde(default)]
    source: String,
}

impl Started {
    /// What asks: the calendar, or something that happened.
    pub fn by(&self) -> RequestedBy {
        match self.source.as_str() {
            "aws.scheduler" | "aws.events" => RequestedBy::Schedule,
            _ => RequestedBy::Event,
        }
    }
}

/// Asks for a rotation for each provider of whose offered keys the pool lacks one. One provider whose
/// rotation is refused, because another is under way, does not hold up the others.
///
/// # Errors
/// What the store, the lists or the queue said last.
pub async fn ask(
    pools: &Pools,
    keys: &dyn Staging,
    (offered, by): (&Pool, RequestedBy),
    metrics: &Metrics,
) -> Result<(), Fault> {
    let (mut asked, mut last) = (0_u32, Ok(()));
    for (provider, new) in offered_keys(offered) {
        match one(pools, keys, (provider.clone(), by), new).await {
            Ok(true) => asked += 1,
            Ok(false) => {}
            Err(Fault::Refused(reason)) => {
                tracing::warn!(%provider, %reason, "new keys are not rotated in now");
            }
            Err(fault) => {
                tracing::error!(%provider, %fault, "a rotation could not be asked for");
                last = Err(fault);
            }
        }
    }
    metrics.set(Metric::Handled, asked);
    last
}

async fn one(
    pools: &Pools,
    keys: &dyn Staging,
    (provider, requested_by): (ProviderId, RequestedBy),
    new: Vec<Secret>,
) -> Result<bool, Fault> {
    let known = keys.of(provider.as_str()).await?;
    let is_known = |key: &Secret| known.iter().any(|it| it.secret.matches(key.expose()));
    if new.iter().all(is_known) {
        return Ok(false);
    }
    let order = Order { provider, requested_by, new, retire: None };
    request(pools, keys, &order).await.map(|_| true)
}

/// The keys by provider. A provider whose name is none is left out, with a line in the log.
fn offered_keys(offered: &Pool) -> BTreeMap<ProviderId, Vec<Secret>> {
    let mut keys = BTreeMap::new();
    for line in offered.list() {
        match line.provider.parse::<ProviderId>() {
            Ok(provider) => {
                let all = offered.of(provider.as_str()).into_iter().map(|key| key.secret);
                keys.entry(provider).or_insert_with(|| all.collect());
            }
            Err(_) => tracing::error!("new keys of a provider whose name is none are left out"),
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_each_provider_are_asked_for_once() {
        let text = r#"{"providers":{"anthropic":{"keys":["sk-1","sk-2"]},"openai":{"keys":[]}}}"#;
        let offered = Pool::parse(text).expect("a pool");
        let keys = offered_keys(&offered);
        let counts: Vec<_> = keys.iter().map(|(id, keys)| (id.as_str(), keys.len())).collect();
        assert_eq!(counts, [("anthropic", 2)]);
    }

    #[test]
    fn a_schedule_asks_in_its_own_name_and_anything_else_is_an_event() {
        let by = |text: &str| serde_json::from_str::<Started>(text).expect("an event").by();
        assert_eq!(by(r#"{"source":"aws.scheduler"}"#), RequestedBy::Schedule);
        assert_eq!(by(r#"{"source":"aws.secretsmanager","detail":{}}"#), RequestedBy::Event);
        assert_eq!(by("{}"), RequestedBy::Event);
    }
}
