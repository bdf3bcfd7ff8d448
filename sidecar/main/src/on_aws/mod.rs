//! `--aws`: the sidecar of one workspace in its task. Keys come from Secrets Manager and usage goes to
//! SQS, with credentials of a quarter of an hour that a broker gives for the lease's token. The task's own
//! role can do neither: every process of the task has it.
//!
//! The token is in this program's environment, and where ECS describes the task. So this process takes
//! the lease as it starts, under a name of chance that never leaves it but to the broker, and from then on
//! the token is worth nothing to anybody else. Whoever finds the lease taken ends, and its task with it.
//! The agent shows another key, which follows from the token and which the broker does not know
//! ([`events::token::agent_key`]).

mod broker;
mod held;
mod place;
mod usage;

use std::sync::Arc;
use std::time::Duration;

use aws::broker::Refusal;
use aws::keys::SecretsKeys;
use aws::usage_queue::SqsUsage;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use events::price::PriceTable;
use ports::{Clock, Ids};
use sidecar::Outside;
use tokio::task::JoinHandle;

use broker::Broker;
use held::Held;
use usage::QueuedUsage;

pub(crate) use place::{KEYS_BELIEVED_DEFAULT, Place};

use crate::settings::Problem;

/// How long one try of a call may take, and all of them: a request of the agent may wait for a key,
/// and the calls take milliseconds.
const TRY_MAX: Duration = Duration::from_secs(5);
const CALL_MAX: Duration = Duration::from_secs(15);

/// What the sidecar needs of the outside, there, and what ends when it can have no lease. Credentials are
/// traded from now on, as long as the runtime lives; the agent, which begins when somebody listens here,
/// finds the lease taken unless the broker is slow.
///
/// # Errors
/// The broker cannot be asked at all.
pub(crate) async fn outside(place: &Place) -> Result<(Outside, JoinHandle<Refusal>), Problem> {
    let (clock, ids): (Arc<dyn Clock>, Arc<dyn Ids>) =
        (Arc::new(system::SystemClock::new()), Arc::new(system::SystemIds::default()));
    let holder = ids.token();
    let broker = Arc::new(Broker::new(&place.broker, &place.token, &holder)?);
    let held = Arc::new(Held::new(&place.token));
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(TRY_MAX);
    let timeouts = timeouts.operation_timeout(CALL_MAX).build();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(place.region.clone()))
        .credentials_provider(held.credentials())
        .timeout_config(timeouts)
        .load()
        .await;
    let queue = SqsUsage::new(aws_sdk_sqs::Client::new(&config), &place.environment);
    let usage = Arc::new(QueuedUsage::new(queue, Arc::clone(&broker)));
    let secrets = aws_sdk_secretsmanager::Client::new(&config);
    let outside = Outside {
        leases: Arc::clone(&held) as _,
        keys: Arc::new(SecretsKeys::reader(secrets, &place.environment)),
        usage: Arc::clone(&usage) as _,
        totals: usage,
        clock: Arc::clone(&clock),
        ids: Arc::clone(&ids),
        prices: Arc::new(PriceTable::built_in()),
        on_activity: Arc::new(|_, _| {}),
    };
    let trade = move || {
        let broker = Arc::clone(&broker);
        async move { broker.trade().await }
    };
    let keeping = tokio::spawn(held::keep(Arc::clone(&held), trade, clock, ids));
    held.answered().await;
    Ok((outside, keeping))
}
