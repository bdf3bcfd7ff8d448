//! The AWS that the program meets: a local one and the fake, with an environment as the stacks make it.

use std::sync::Arc;

use aws::Environment;
use aws::journal::DynamoJournal;
use aws::queue::SqsQueue;
use aws::timers::DynamoTimers;
use aws_config::SdkConfig;
use events::Policy;
use fake_aws::{Fake, Runs};
use producers::Bus;
use system::{SystemIds, WallClock};

use crate::runtime::Run;
use crate::waits::Waits;
use crate::{agents, rig, stacks};

/// What every function is told, where a router leads to agents.
fn settings() -> String {
    let all = include_str!("../../settings.json");
    let mut all: serde_json::Value = serde_json::from_str(all).expect("JSON");
    all.as_object_mut().expect("fields").remove("loadBalancer");
    all.to_string()
}

/// All of it.
pub(crate) struct World {
    program: String,
    pub(crate) environment: Environment,
    pub(crate) config: SdkConfig,
    pub(crate) fake: Fake,
    pub(crate) waits: Waits,
    variables: Vec<(&'static str, String)>,
    /// Where the local AWS is for whose calls are counted.
    counted: String,
}

impl World {
    /// Starts it, and makes tables, queues and secrets.
    pub(crate) async fn start(program: &str) -> Self {
        let server = tokio::task::block_in_place(rig::ministack);
        let (config, environment) = (server.config().await, rig::environment());
        stacks::make(&config, &environment).await;
        let fake = Fake::start().await.expect("the fake starts");
        fake.change(|habits| habits.runs = Runs::Nothing);
        let waits = Waits::default();
        let port = fake.url().rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        agents::start(port.expect("a port"), &waits).await;
        let local = waits.in_front_of(server.url()).await;
        let outside = waits.in_front_of(fake.url()).await;
        let variables = vec![
            ("TEAMCLAW_ENV", environment.to_string()),
            ("TEAMCLAW_SETTINGS", settings()),
            ("AWS_ENDPOINT_URL", local.clone()),
            ("AWS_ENDPOINT_URL_ECS", outside.clone()),
            ("AWS_ENDPOINT_URL_EFS", outside.clone()),
            ("AWS_ENDPOINT_URL_IAM", outside),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", fake_aws::REGION.to_owned()),
        ];
        Self {
            program: program.to_owned(),
            environment,
            config,
            fake,
            waits,
            variables,
            counted: local,
        }
    }

    /// Starts a function. Gives how long it took until it asked for its first event.
    pub(crate) fn function(&self, name: &str) -> (Run, std::time::Duration) {
        let named = self.environment.named(name);
        tokio::task::block_in_place(|| Run::start(&self.program, &named, &self.variables))
    }

    /// Where facts go, past the functions but not past what counts.
    pub(crate) fn bus(&self) -> Bus {
        let config = self.config.to_builder().endpoint_url(&self.counted).build();
        let dynamodb = aws_sdk_dynamodb::Client::new(&config);
        let queue = SqsQueue::new(aws_sdk_sqs::Client::new(&config), &self.environment);
        Bus::new(
            Arc::new(DynamoJournal::new(dynamodb.clone(), &self.environment)),
            Arc::new(queue),
            Arc::new(DynamoTimers::new(dynamodb, &self.environment)),
            Arc::new(WallClock::default()),
            Arc::new(SystemIds::default()),
            Policy::default(),
        )
    }
}
