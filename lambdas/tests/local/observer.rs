//! Brings the events of tasks from the fake of ECS to the observer, as EventBridge does.

use std::sync::Arc;
use std::time::Duration;

use aws::Environment;
use fake_aws::Fake;
use serde_json::Value;

use super::invoke;
use crate::rig;

/// How often is looked for events.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Hands every event of a task to the observer, in order, each this many times.
pub(crate) async fn hand_on(fake: Arc<Fake>, environment: Environment, times: usize) {
    let mut next = 0;
    loop {
        for event in &fake.events()[next..] {
            for _ in 0..times {
                observe(&environment, event).await;
            }
            next += 1;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Calls the observer until it has not failed: EventBridge calls it again, if later
/// (docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).
pub(crate) async fn observe(environment: &Environment, event: &Value) {
    let ask = || invoke(rig::ministack(), environment, "observer", event);
    while tokio::task::block_in_place(ask)["errorType"].is_string() {
        // A test that has failed ends here, and with it what it stands on.
        tokio::task::yield_now().await;
    }
}
