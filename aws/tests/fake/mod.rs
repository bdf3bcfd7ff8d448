//! What the suites of compute, homes and routes share: the fake for what local AWSs do not honour,
//! the local AWS for tables, and a clock that is the fake's.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;
use std::sync::Arc;

use aws::Environment;
use aws::compute::{Architecture, EcsCompute, TASKS, TaskSettings};
use aws::homes::{EfsHomes, HOMES};
use aws::leases::{DynamoLeases, LEASES};
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use events::{Attempt, Gen, Secret, WorkspaceId};
use fake_aws::Fake;
use jiff::Timestamp;
use ports::{Clock, Compute, Homes, TaskSpec};

use super::rig;
use super::suite::tables;

/// The file system of the tests.
pub(crate) const FILE_SYSTEM: &str = "fs-0123456789abcdef0";

/// The fake's own clock.
struct FakeClock(Arc<Fake>);

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        let now = i64::try_from(self.0.now_ms()).expect("in range");
        Timestamp::from_millisecond(now).expect("in range")
    }
}

/// One environment with its tables, and the adapters over the fake.
pub(crate) struct World {
    pub(crate) fake: Arc<Fake>,
    pub(crate) environment: Environment,
    pub(crate) compute: EcsCompute,
    pub(crate) homes: EfsHomes,
    pub(crate) leases: DynamoLeases,
}

/// A configuration that leads to the fake. It retries nothing, so that adapters see what happens.
pub(crate) async fn config(fake: &Fake) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(fake_aws::REGION))
        .endpoint_url(fake.url())
        .retry_config(RetryConfig::disabled())
        .test_credentials()
        .load()
        .await
}

pub(crate) fn settings() -> TaskSettings {
    TaskSettings {
        region: fake_aws::REGION.to_owned(),
        subnets: vec!["subnet-a".to_owned()],
        security_groups: vec!["sg-agents".to_owned()],
        boundary: "arn:aws:iam::123456789012:policy/boundary".to_owned(),
        execution_role: "arn:aws:iam::123456789012:role/execution".to_owned(),
        agent_image: "registry/agent@sha256:a".to_owned(),
        sidecar_image: "registry/sidecar@sha256:b".to_owned(),
        agent_log_group: "/tc/agents".to_owned(),
        sidecar_log_group: "/tc/sidecars".to_owned(),
        cpu: 1_024,
        memory: 2_048,
        architecture: Architecture::Arm64,
        spot: false,
        agent_environment: BTreeMap::new(),
        sidecar_environment: BTreeMap::new(),
    }
}

/// A world of its own.
pub(crate) async fn world() -> World {
    let fake = Arc::new(Fake::start().await.expect("a port"));
    let config = config(&fake).await;
    let (dynamodb, environment) = tables(&[TASKS, HOMES, LEASES]).await;
    let homes = EfsHomes::new(
        aws_sdk_efs::Client::new(&config),
        &environment,
        dynamodb.clone(),
        FILE_SYSTEM,
    );
    let secret = Secret::new("the-token-secret");
    let leases = DynamoLeases::new(dynamodb.clone(), &environment, secret);
    let compute = compute(&fake, &environment, &config, dynamodb, settings());
    World { fake, environment, compute, homes, leases }
}

/// Tasks in the ECS and the IAM of this configuration, by the fake's clock.
fn compute(
    fake: &Arc<Fake>,
    environment: &Environment,
    config: &SdkConfig,
    dynamodb: aws_sdk_dynamodb::Client,
    settings: TaskSettings,
) -> EcsCompute {
    EcsCompute::new(
        aws_sdk_ecs::Client::new(config),
        environment,
        aws_sdk_iam::Client::new(config),
        dynamodb,
        settings,
        Arc::new(FakeClock(Arc::clone(fake))),
    )
}

impl World {
    pub(crate) fn compute(&self) -> &dyn Compute {
        &self.compute
    }

    pub(crate) fn homes(&self) -> &dyn Homes {
        &self.homes
    }

    /// Now, by the fake's clock.
    pub(crate) fn now(&self) -> Timestamp {
        FakeClock(Arc::clone(&self.fake)).now()
    }

    /// A start of somebody who has a home.
    pub(crate) async fn spec(&self, name: &str, generation: u64, attempt: u32) -> TaskSpec {
        let workspace = id(name);
        let (generation, attempt) = (Gen(generation), Attempt(attempt));
        let home = self.homes.ensure(&workspace, generation).await.expect("a home");
        let client_token = events::token::client_token(&workspace, generation, attempt);
        let (token, pass) = (Secret::new("tc_lease"), Secret::new("x-pass"));
        TaskSpec { workspace, generation, attempt, client_token, home, token, pass }
    }

    /// The functions are deployed anew: the next calls are made by other settings.
    pub(crate) async fn deployed(&self, settings: TaskSettings) -> EcsCompute {
        self.over(&config(&self.fake).await, settings).await
    }

    /// The same tasks of the same people in another ECS and IAM.
    pub(crate) async fn over(&self, config: &SdkConfig, settings: TaskSettings) -> EcsCompute {
        let dynamodb = aws_sdk_dynamodb::Client::new(&rig::ministack().config().await);
        compute(&self.fake, &self.environment, config, dynamodb, settings)
    }
}

pub(crate) fn id(name: &str) -> WorkspaceId {
    name.parse().expect("a good name")
}
