//! Amazon ECS: one task's life, and how it is described and told. Sources: AmazonECS/latest/
//! developerguide, `task-lifecycle-explanation` and `ecs_task_events`.

use std::net::{Ipv4Addr, SocketAddr};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::process::Running;
use crate::habits::{Habits, Runs};
use crate::{ACCOUNT, REGION};

/// Where OpenClaw listens, if a definition names no port.
const PORT_DEFAULT: u64 = 18_789;

/// A task.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) arn: String,
    pub(crate) cluster: String,
    pub(crate) started_by: String,
    /// `RUNNING` or `STOPPED`: what it is to come to.
    pub(crate) desired: &'static str,
    /// Not described before this.
    pub(crate) seen_from_ms: u64,
    pub(crate) stopped_ms: Option<u64>,
    /// What becomes of it is told nobody from now on.
    pub(crate) untold: bool,
    last: &'static str,
    version: u64,
    asked: Value,
    definition: Value,
    address: SocketAddr,
    habits: Habits,
    since_ms: u64,
    stop: Option<Stop>,
    running: Option<Running>,
    exit_code: Option<i32>,
}

/// Why it stops.
#[derive(Clone, Debug)]
struct Stop {
    code: String,
    reason: String,
}

/// What a task begins with besides what was asked.
pub(crate) struct Begin<'a> {
    pub(crate) cluster: String,
    pub(crate) number: u64,
    pub(crate) port: u16,
    pub(crate) habits: &'a Habits,
    pub(crate) now_ms: u64,
}

impl Task {
    pub(crate) fn begin(begin: &Begin<'_>, asked: &Value, definition: Value) -> Self {
        let Begin { cluster, number, port, habits, now_ms } = begin;
        let [high, low] = port.to_be_bytes();
        // An address of this machine that no other server's tasks have.
        let host = u8::try_from(number % 254 + 1).unwrap_or(1);
        let main = main_part(&definition);
        let opens = main["portMappings"][0]["containerPort"].as_u64().unwrap_or(PORT_DEFAULT);
        let opens = u16::try_from(opens).unwrap_or_default();
        Self {
            arn: format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task/{cluster}/{number:032x}"),
            cluster: cluster.clone(),
            started_by: asked["startedBy"].as_str().unwrap_or_default().to_owned(),
            desired: "RUNNING",
            seen_from_ms: now_ms + millis(habits.unseen),
            stopped_ms: None,
            untold: false,
            last: "PROVISIONING",
            version: 1,
            asked: asked.clone(),
            definition,
            address: SocketAddr::from((Ipv4Addr::new(127, high, low, host), opens)),
            habits: (*habits).clone(),
            since_ms: *now_ms,
            stop: None,
            running: None,
            exit_code: None,
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.last == "STOPPED"
    }

    pub(crate) fn family(&self) -> &str {
        self.definition["family"].as_str().unwrap_or_default()
    }

    /// It is to stop; told again, the first reason stands.
    pub(crate) fn told_to_stop(&mut self, code: &str, reason: &str, now_ms: u64) {
        if self.stop.is_none() && !self.is_stopped() {
            self.stop = Some(Stop { code: code.to_owned(), reason: reason.to_owned() });
            self.desired = "STOPPED";
            if self.last == "RUNNING" {
                self.become_state("DEACTIVATING", now_ms);
                if let Some(running) = &mut self.running {
                    running.ask_to_end();
                }
            }
        }
    }

    /// Takes the next step of its life if it is due. Gives whether that is to be told.
    pub(crate) fn advance(&mut self, now_ms: u64) -> bool {
        let passed = now_ms.saturating_sub(self.since_ms);
        let over = self.last == "DEACTIVATING" && self.has_ended(passed);
        match self.last {
            "PROVISIONING" | "PENDING" if self.stop.is_some() => self.end(now_ms),
            "PROVISIONING" if passed >= millis(self.habits.provisioning) => {
                self.become_state("PENDING", now_ms);
            }
            "PENDING" if passed >= millis(self.habits.pending) => self.start(now_ms),
            "RUNNING" => {
                let ended = self.running.as_mut().and_then(Running::ended);
                let Some(code) = ended else { return false };
                self.exit_code = Some(code);
                let reason = "Essential container in task exited";
                self.told_to_stop("EssentialContainerExited", reason, now_ms);
            }
            "DEACTIVATING" if over => self.end(now_ms),
            _ => return false,
        }
        true
    }

    fn start(&mut self, now_ms: u64) {
        match Running::start(&self.habits.runs, self.address, &self.environment()) {
            Ok(running) => {
                self.running = Some(running);
                self.become_state("RUNNING", now_ms);
            }
            Err(error) => {
                self.told_to_stop("TaskFailedToStart", &error.to_string(), now_ms);
                self.end(now_ms);
            }
        }
    }

    /// Whether nothing runs in it any more; what does not end in time is killed.
    fn has_ended(&mut self, passed: u64) -> bool {
        let Some(running) = &mut self.running else { return true };
        if matches!(self.habits.runs, Runs::Command(_)) {
            if let Some(code) = running.ended() {
                self.exit_code.get_or_insert(code);
                return true;
            }
            return passed >= millis(self.habits.stop_timeout);
        }
        passed >= millis(self.habits.deactivating)
    }

    fn end(&mut self, now_ms: u64) {
        self.running = None;
        self.stopped_ms = Some(now_ms);
        self.become_state("STOPPED", now_ms);
    }

    fn become_state(&mut self, state: &'static str, now_ms: u64) {
        self.last = state;
        self.since_ms = now_ms;
        self.version += 1;
    }

    /// The environment of the part that takes connections, as its definition and the start give it.
    fn environment(&self) -> Vec<(String, String)> {
        let main = main_part(&self.definition);
        let overrides = self.asked["overrides"]["containerOverrides"].as_array();
        let overrides = overrides.into_iter().flatten().find(|it| it["name"] == main["name"]);
        let lists = [Some(main), overrides].into_iter().flatten();
        let pairs = lists.flat_map(|part| part["environment"].as_array().into_iter().flatten());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        pairs.map(|pair| (text(&pair["name"]), text(&pair["value"]))).collect()
    }

    /// As `DescribeTasks` gives it. Fields that nobody reads are left out.
    pub(crate) fn described(&self, with_tags: bool) -> Value {
        let tags = if with_tags { self.asked["tags"].clone() } else { json!([]) };
        let mut told = self.told("ElasticNetworkInterface");
        told["tags"] = tags;
        told
    }

    /// As EventBridge delivers its last change. Events carry no tags.
    pub(crate) fn event(&self, now_ms: u64) -> Value {
        json!({
            "version": "0",
            "id": format!("{}-{}", self.arn.rsplit('/').next().unwrap_or_default(), self.version),
            "detail-type": "ECS Task State Change",
            "source": "aws.ecs",
            "account": ACCOUNT,
            "time": time(now_ms),
            "region": REGION,
            "resources": [self.arn],
            "detail": self.told("eni"),
        })
    }

    fn told(&self, attachment: &str) -> Value {
        let stopped = self.is_stopped();
        let part = |part: &Value| {
            json!({
                "name": part["name"],
                "lastStatus": if stopped { "STOPPED" } else if self.running.is_some() { "RUNNING" } else { "PENDING" },
                "exitCode": self.exit_code.filter(|_| stopped && part["name"] == main_part(&self.definition)["name"]),
            })
        };
        let parts = self.definition["containerDefinitions"].as_array();
        let mut told = json!({
            "taskArn": self.arn,
            "clusterArn": format!("arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{}", self.cluster),
            "taskDefinitionArn": self.definition["taskDefinitionArn"],
            "group": format!("family:{}", self.family()),
            "startedBy": self.started_by,
            "lastStatus": self.last,
            "desiredStatus": self.desired,
            "version": self.version,
            "overrides": self.asked["overrides"],
            "containers": parts.into_iter().flatten().map(part).collect::<Vec<_>>(),
        });
        if self.last != "PROVISIONING" {
            told["attachments"] = json!([{
                "id": "0", "type": attachment, "status": "ATTACHED",
                "details": [
                    { "name": "networkInterfaceId", "value": "eni-1" },
                    { "name": "privateIPv4Address", "value": self.address.ip().to_string() },
                ],
            }]);
        }
        if let Some(stop) = &self.stop {
            told["stopCode"] = json!(stop.code);
            told["stoppedReason"] = json!(stop.reason);
        }
        told
    }
}

/// The part of a task that takes connections, or the first.
fn main_part(definition: &Value) -> &Value {
    let parts = definition["containerDefinitions"].as_array();
    let opens = |part: &&Value| part["portMappings"][0]["containerPort"].is_u64();
    let found = parts.and_then(|parts| parts.iter().find(opens).or(parts.first()));
    found.unwrap_or(&Value::Null)
}

/// As EventBridge writes it: RFC 3339, in whole seconds.
fn time(now_ms: u64) -> String {
    let seconds = i64::try_from(now_ms / 1_000).unwrap_or_default();
    Timestamp::from_second(seconds).unwrap_or_default().to_string()
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 2)
}
