//! An environment deployed for journeys of people, from their login to their stop, under a weather.
//! What they leave behind is looked at elsewhere.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws::Environment;
use aws_config::SdkConfig;
use aws_sdk_sqs::types::QueueAttributeName;
use events::{Class, Event, Version, WorkspaceId};
use fake_aws::{Fake, Runs};
use futures_util::future::join_all;
use producers::Bus;
use serde_json::{Value, json};

use crate::local::bus::bus;
use crate::local::calls::{self, Weather};
use crate::local::gateway::request;
use crate::local::observer::{hand_on, observe};
use crate::local::{self, Endpoints};
use crate::rig;

/// How often and how many times a test looks for what a function did: two minutes, for a busy machine.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(200);
pub(crate) const LOOKS_MAX: u32 = 600;
/// The functions of a journey.
const FUNCTIONS: [&str; 8] =
    ["storage", "compute", "routing", "sequencer", "observer", "session", "operator", "sweeper"];
/// The classes whose queues start the functions of their names.
pub(crate) const CLASSES: [Class; 3] = [Class::Storage, Class::Compute, Class::Routing];
/// The most facts that one journey may leave: a quiet one leaves about twenty.
pub(crate) const FACTS_MAX: usize = 1_000;

/// How it is deployed.
#[derive(Clone, Copy)]
pub(crate) struct How {
    /// How long a message stays hidden whose function died, in seconds. The stacks say six minutes,
    /// for a function may run for one.
    pub(crate) hidden: u32,
    /// How many messages a function gets at once.
    pub(crate) batch: u32,
    /// How often the journal's stream starts the sequencer for each record.
    pub(crate) streams: usize,
    /// How often a task's event is delivered.
    pub(crate) events: usize,
    /// How often the sweeper comes, if it does. The stacks say every minute.
    pub(crate) sweeps: Option<Duration>,
}

/// As the stacks do, but for a shorter time-out, and without a sweeper.
pub(crate) const AS_STACKED: How =
    How { hidden: 3, batch: 10, streams: 1, events: 1, sweeps: None };

/// An environment of its own in the local AWS of this program.
pub(crate) struct Deployment {
    pub(crate) environment: Environment,
    pub(crate) fake: Arc<Fake>,
    pub(crate) bus: Bus,
    pub(crate) config: SdkConfig,
    /// Who calls functions besides queues and people.
    pub(crate) others: tokio::task::JoinSet<()>,
}

impl Deployment {
    /// Deploys it. Whatever its functions ask of AWS meets this weather.
    pub(crate) async fn under(weather: Weather, how: How) -> Self {
        let server = rig::ministack();
        let (config, environment) = (server.config().await, rig::environment());
        local::stacks::make(&config, &environment).await;
        let fake = Arc::new(Fake::start().await.expect("the fake starts"));
        let agent = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/local/agent.py");
        fake.change(|habits| habits.runs = Runs::Command(format!("exec python3 {agent}")));
        let prefix = environment.named("");
        let endpoints = Endpoints {
            local: calls::under(Arc::clone(&weather), server.url(), prefix.clone()).await,
            fake: calls::under(weather, fake.url(), prefix).await,
        };
        // An agent that does not say whether it has finished is not waited for.
        let policy = json!({ "quiesce_max": "PT1S" });
        let settings = json!({
            "defaultTeam": "all", "fileSystem": "fs-1", "policy": policy, "tasks": tasks()
        });
        let bus = bus(&config, &environment);
        let mut here = Self { environment, fake, bus, config, others: tokio::task::JoinSet::new() };
        tokio::task::block_in_place(|| {
            for name in FUNCTIONS {
                local::deploy(server, &here.environment, name, (&settings, &endpoints));
            }
        });
        here.map(how).await;
        here.others.spawn(hand_on(Arc::clone(&here.fake), here.environment.clone(), how.events));
        if let Some(every) = how.sweeps {
            here.others.spawn(sweep(here.environment.clone(), every));
        }
        here
    }

    /// Lets queues and the stream start their functions.
    async fn map(&self, how: How) {
        let queue = aws_sdk_sqs::Client::new(&self.config);
        for class in CLASSES {
            let named = self.environment.queue(class);
            let url = self.url(&named).await;
            let hidden = queue.set_queue_attributes().queue_url(url);
            let hidden =
                hidden.attributes(QueueAttributeName::VisibilityTimeout, how.hidden.to_string());
            hidden.send().await.expect("a shorter time-out");
            let mapping = json!({
                "FunctionName": named,
                "EventSourceArn":
                    format!("arn:aws:sqs:{}:{}:{named}", fake_aws::REGION, rig::ACCOUNT),
                "BatchSize": how.batch,
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "ScalingConfig": { "MaximumConcurrency": 5 },
            });
            let map = || local::call(rig::ministack(), "event-source-mappings", &mapping);
            tokio::task::block_in_place(map);
        }
        for _ in 0..how.streams {
            local::map_stream(rig::ministack(), &self.config, &self.environment).await;
        }
    }

    /// Everybody logs in at once, and waits until their agent is ready: then one task lives for each.
    pub(crate) async fn all_come_up(&self, people: &[WorkspaceId]) {
        join_all(people.iter().map(|who| self.comes_up(who))).await;
        assert_eq!(self.fake.living().len(), people.len(), "a living task each");
    }

    /// Everybody is stopped at once.
    pub(crate) async fn all_stop(&self, people: &[WorkspaceId]) {
        join_all(people.iter().map(|who| self.stops(who))).await;
    }

    /// Logs in and waits until the agent is ready. Whoever is told nothing asks again.
    async fn comes_up(&self, who: &WorkspaceId) {
        self.ask(who, "session", "/session").await;
        self.recorded(who, |event| matches!(event, Event::Ready { .. })).await;
    }

    /// Is stopped by an operator, and waits until that is done.
    async fn stops(&self, who: &WorkspaceId) {
        self.ask(who, "operator", &format!("/api/v1/workspaces/{who}/stop")).await;
        self.recorded(who, |event| matches!(event, Event::Stopped { .. })).await;
    }

    /// Asks a function as a browser does, again if there is no good answer.
    async fn ask(&self, who: &WorkspaceId, name: &str, path: &str) {
        let mut said = Value::Null;
        for _ in 0..LOOKS_MAX {
            let event = request((who.as_str(), ""), ("POST", path), &json!({}));
            let ask = || local::invoke(rig::ministack(), &self.environment, name, &event);
            said = tokio::task::block_in_place(ask);
            if said["statusCode"].as_u64().is_some_and(|status| status < 300) {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        panic!("{name} has no good answer for {who}: {said}");
    }

    /// Waits until `wanted` is on record.
    async fn recorded(&self, who: &WorkspaceId, wanted: impl Fn(&Event) -> bool) {
        for _ in 0..LOOKS_MAX {
            if self.facts(who).await.iter().any(&wanted) {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let facts = self.facts(who).await;
        let facts: Vec<String> = facts.iter().map(|fact| format!("{fact:?}")).collect();
        panic!("{who} waits in vain. The last fact is the last line.\n{}", facts.join("\n"));
    }

    /// What is on record of somebody.
    pub(crate) async fn facts(&self, who: &WorkspaceId) -> Vec<Event> {
        let facts = self.bus.journal().history(who, Version(0), FACTS_MAX).await;
        facts.expect("a history").into_iter().map(|(_, fact)| fact.event).collect()
    }

    /// Hands every event of a task on once more, the last one first: late and in disorder.
    pub(crate) async fn repeats_events(&self) {
        for event in self.fake.events().iter().rev() {
            observe(&self.environment, event).await;
        }
    }

    async fn url(&self, queue: &str) -> String {
        let client = aws_sdk_sqs::Client::new(&self.config);
        let told = client.get_queue_url().queue_name(queue).send().await.expect("a queue");
        told.queue_url.expect("its URL")
    }

    /// Sends a text that may be anything.
    pub(crate) async fn send(&self, class: Class, text: &str) {
        let client = aws_sdk_sqs::Client::new(&self.config);
        let url = self.url(&self.environment.queue(class)).await;
        let sent = client.send_message().queue_url(url).message_body(text).send().await;
        sent.expect("it is sent");
    }

    /// What a class's queue has set aside.
    pub(crate) async fn set_aside(&self, class: Class) -> BTreeSet<String> {
        let client = aws_sdk_sqs::Client::new(&self.config);
        let url = self.url(&self.environment.dead_letters(class)).await;
        let mut all = BTreeSet::new();
        loop {
            let some = client.receive_message().queue_url(&url).max_number_of_messages(10);
            let some = some.send().await.expect("an answer").messages.unwrap_or_default();
            if some.is_empty() {
                return all;
            }
            all.extend(some.into_iter().filter_map(|letter| letter.body));
        }
    }

    /// How many messages a queue has, seen or unseen.
    pub(crate) async fn left(&self, queue: &str) -> u32 {
        let client = aws_sdk_sqs::Client::new(&self.config);
        let counts = client.get_queue_attributes().queue_url(self.url(queue).await);
        let counts = counts.attribute_names("All".into()).send().await.expect("counts");
        let counts = counts.attributes.expect("counts");
        let count = |name: &str| {
            let found = counts.iter().find(|(key, _)| key.as_str() == name);
            found.map_or(0, |(_, count)| count.parse::<u32>().expect("a number"))
        };
        count("ApproximateNumberOfMessages") + count("ApproximateNumberOfMessagesNotVisible")
    }

    /// What its tables are read with.
    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config)
    }
}

/// Calls the sweeper now and then, as its schedule does. One that failed comes again anyhow.
async fn sweep(environment: Environment, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let ask = || local::invoke(rig::ministack(), &environment, "sweeper", &json!({}));
        tokio::task::block_in_place(ask);
    }
}

/// What every task has in common.
fn tasks() -> Value {
    json!({
        "region": fake_aws::REGION,
        "subnets": ["subnet-a", "subnet-b"],
        "securityGroups": ["sg-agents"],
        "boundary": "arn:aws:iam::123456789012:policy/boundary",
        "executionRole": "arn:aws:iam::123456789012:role/execution",
        "agentImage": "agent@sha256:a",
        "sidecarImage": "sidecar@sha256:b",
        "agentLogGroup": "/agents",
        "sidecarLogGroup": "/sidecars"
    })
}
