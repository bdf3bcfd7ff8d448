//! The bus of an environment in a local AWS: what a test records on it and reads from it.

use std::sync::Arc;

use aws::Environment;
use aws::journal::DynamoJournal;
use aws::queue::SqsQueue;
use aws::timers::DynamoTimers;
use aws_config::SdkConfig;
use events::Policy;
use producers::Bus;
use system::{SystemIds, WallClock};

pub(crate) fn bus(config: &SdkConfig, environment: &Environment) -> Bus {
    let dynamodb = aws_sdk_dynamodb::Client::new(config);
    let queue = SqsQueue::new(aws_sdk_sqs::Client::new(config), environment);
    Bus::new(
        Arc::new(DynamoJournal::new(dynamodb.clone(), environment)),
        Arc::new(queue),
        Arc::new(DynamoTimers::new(dynamodb, environment)),
        Arc::new(WallClock::default()),
        Arc::new(SystemIds::default()),
        Policy::default(),
    )
}
