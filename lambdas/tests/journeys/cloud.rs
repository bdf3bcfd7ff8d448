//! A deployed environment: the local AWS, the fake of what that does not honour, every function, and
//! what starts each of them.

use std::sync::Arc;
use std::time::Duration;

use aws::Environment;
use aws_config::SdkConfig;
use events::{Event, Version, WorkspaceId};
use fake_aws::{Fake, Runs};
use producers::Bus;
use serde_json::{Value, json};

use super::provider;
use crate::local::bus::bus;
use crate::local::calls::{self, Calls};
use crate::local::gateway::request;
use crate::local::observer::hand_on;
use crate::local::template::Stacks;
use crate::local::{self, Endpoints};
use crate::rig;

/// How often and how many times is looked for what a function did: two minutes, for a busy machine.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(200);
pub(crate) const LOOKS_MAX: u32 = 600;
/// More facts than anybody has here.
pub(crate) const HISTORY_MAX: usize = 1_000;

/// Every function, and which of them their queues start.
pub(crate) const FUNCTIONS: [&str; 15] = [
    "storage",
    "compute",
    "routing",
    "keys",
    "usage",
    "sequencer",
    "announcer",
    "observer",
    "idle-check",
    "cron-wake",
    "sweeper",
    "rotation",
    "session",
    "broker",
    "operator",
];
const QUEUES: [&str; 5] = ["storage", "compute", "routing", "keys", "usage"];

/// The environment.
pub(crate) struct Cloud {
    pub(crate) environment: Environment,
    pub(crate) config: SdkConfig,
    pub(crate) fake: Arc<Fake>,
    pub(crate) calls: Calls,
    pub(crate) stacks: Stacks,
    pub(crate) bus: Bus,
}

impl Cloud {
    /// Deploys everything, but that the journal's stream starts nothing yet. What stops with the runtime
    /// is not waited for.
    pub(crate) async fn deployed() -> Self {
        let server = rig::ministack();
        let (config, environment) = (server.config().await, rig::environment());
        local::stacks::make(&config, &environment).await;
        let fake = Arc::new(Fake::start().await.expect("the fake starts"));
        let agent = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/local/agent.py");
        let command = format!("exec env WORK_AFTER_S=2 python3 {agent}");
        fake.change(|habits| habits.runs = Runs::Command(command));
        let (calls, prefix) = (Calls::default(), environment.named(""));
        let endpoints = Endpoints {
            local: calls::in_front_of(server.url(), prefix.clone(), &calls).await,
            fake: calls::in_front_of(fake.url(), prefix, &calls).await,
        };
        let stacks = Stacks::of(&environment.to_string());
        let settings = settings(&stacks, &environment, &provider::start().await);
        tokio::task::block_in_place(|| {
            for name in FUNCTIONS {
                local::deploy(server, &environment, name, (&settings, &endpoints));
            }
            for name in QUEUES {
                local::map_queue(server, &environment, name);
            }
        });
        tokio::spawn(hand_on(Arc::clone(&fake), environment.clone(), 1));
        let bus = bus(&config, &environment);
        Self { environment, config, fake, calls, stacks, bus }
    }

    /// From now on the journal's stream starts the sequencer, also for what was recorded before.
    pub(crate) async fn opens_the_stream(&self) {
        local::map_stream(rig::ministack(), &self.config, &self.environment).await;
    }

    /// Starts a function and waits for its answer.
    pub(crate) fn invoke(&self, name: &str, event: &Value) -> Value {
        let invoke = || local::invoke(rig::ministack(), &self.environment, name, event);
        tokio::task::block_in_place(invoke)
    }

    /// Asks a function as API Gateway would, for ann, whose token it has checked. `path` may have a
    /// query, `token` goes into `Authorization`. Gives the status and the answer's JSON.
    pub(crate) fn ask(
        &self,
        (name, token): (&str, &str),
        (method, path): (&str, &str),
        body: &Value,
    ) -> (u64, Value) {
        let answer = self.invoke(name, &request(("ann", token), (method, path), body));
        let status = answer["statusCode"].as_u64().unwrap_or_else(|| panic!("{answer}"));
        let told = serde_json::from_str(answer["body"].as_str().unwrap_or("null"));
        (status, told.unwrap_or_else(|_| panic!("no JSON: {answer}")))
    }

    /// Asks the operator's API, which must do it.
    pub(crate) fn operator(&self, method: &str, path: &str, body: &Value) -> Value {
        let path = format!("/api/v1{path}");
        let (status, told) = self.ask(("operator", ""), (method, &path), body);
        assert_eq!(status, 200, "{method} {path}: {told}");
        told
    }

    /// Waits until `wanted` is on record.
    pub(crate) async fn recorded(&self, id: &WorkspaceId, wanted: impl Fn(&Event) -> bool) {
        for _ in 0..LOOKS_MAX {
            if self.has_on_record(id, &wanted).await {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        panic!("it is not on record of {id}: {:?}", self.history(id).await);
    }

    /// Whether `wanted` is on record.
    pub(crate) async fn has_on_record(
        &self,
        id: &WorkspaceId,
        wanted: impl Fn(&Event) -> bool,
    ) -> bool {
        self.history(id).await.iter().any(wanted)
    }

    async fn history(&self, id: &WorkspaceId) -> Vec<Event> {
        let facts = self.bus.journal().history(id, Version(0), HISTORY_MAX).await;
        facts.expect("a history").into_iter().map(|(_, fact)| fact.event).collect()
    }

    /// Waits until a function has told so much of a metric, all of its runs together.
    pub(crate) async fn told(&self, name: &str, metric: &str, least: i64) {
        let mut sum = 0;
        for _ in 0..LOOKS_MAX {
            sum = self.sum(name, metric);
            if sum >= least {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        panic!("{name} told {metric} {sum}, not {least}");
    }

    /// What a function has told of a metric, all of its runs together, by its log.
    fn sum(&self, name: &str, metric: &str) -> i64 {
        let group = format!("/aws/lambda/{}", self.environment.named(name));
        let asked = json!({ "logGroupName": group });
        let logs = local::json_call("logs", "Logs_20140328.FilterLogEvents", &asked);
        let lines = logs["events"].as_array().map_or(&[][..], Vec::as_slice).iter();
        let lines = lines.filter_map(|line| line["message"].as_str());
        let told = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        told.filter_map(|line| line[metric].as_i64()).sum()
    }
}

/// What the stacks tell every function, but for times that no test waits for.
fn settings(stacks: &Stacks, environment: &Environment, provider: &str) -> Value {
    let told = stacks.variable(&environment.named("storage"), "TEAMCLAW_SETTINGS");
    let mut settings: Value = serde_json::from_str(&told).expect("settings are JSON");
    settings["keysBelieved"] = json!("PT0S");
    settings["upstreams"] = json!({ "anthropic": provider });
    for (name, time) in
        [("idle_min", "PT1S"), ("notice", "PT0S"), ("wake_lead", "PT0S"), ("wake_near", "PT0S")]
    {
        settings["policy"][name] = json!(time);
    }
    settings
}
