//! What ECS says of a task, by an answer or by an event, as the port's [`Task`]. Pure.
//!
//! The states are those of AmazonECS/latest/developerguide/task-lifecycle-explanation, the fields
//! those of `ecs_task_events` and `API_Task`. An event holds the start's overrides, and with them
//! tokens: it must never be logged.

use std::net::{IpAddr, SocketAddr};

use aws_sdk_ecs::types::Task as EcsTask;
use events::{Reason, ReasonClass, TaskId};
use ports::{Task, TaskStatus};
use serde_json::Value;

use super::definition::{AGENT, AGENT_PORT};
use super::names::parse_started_by;

/// OpenClaw's exit code for a configuration that it does not accept (`EX_CONFIG`).
const EXIT_BAD_CONFIG: i64 = 78;

/// The parts of a task by which it is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen<'a> {
    arn: &'a str,
    cluster: &'a str,
    started_by: &'a str,
    version: u64,
    last: &'a str,
    desired: &'a str,
    stop_code: &'a str,
    stopped_reason: &'a str,
    address: Option<IpAddr>,
    /// How the agent's part ended, and why.
    exit_code: Option<i64>,
    exit_reason: &'a str,
}

/// The task that an "ECS Task State Change" of EventBridge tells of; `None` when it is not ours.
pub fn task_of(event: &Value) -> Option<Task> {
    if event["source"] != "aws.ecs" || event["detail-type"] != "ECS Task State Change" {
        return None;
    }
    let detail = &event["detail"];
    let text = |name: &str| detail[name].as_str().unwrap_or_default();
    let list = |name: &str| detail[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let pairs = list("attachments").iter().filter_map(|it| it["details"].as_array()).flatten();
    let mut pairs = pairs.filter(|pair| pair["name"] == "privateIPv4Address");
    let agent = list("containers").iter().find(|part| part["name"] == AGENT);
    task(&Seen {
        arn: text("taskArn"),
        cluster: text("clusterArn"),
        started_by: text("startedBy"),
        version: detail["version"].as_u64()?,
        last: text("lastStatus"),
        desired: text("desiredStatus"),
        stop_code: text("stopCode"),
        stopped_reason: text("stoppedReason"),
        address: pairs.find_map(|pair| pair["value"].as_str()?.parse().ok()),
        exit_code: agent.and_then(|agent| agent["exitCode"].as_i64()),
        exit_reason: agent.and_then(|agent| agent["reason"].as_str()).unwrap_or_default(),
    })
}

/// The task that `DescribeTasks` gives; `None` when it is not ours.
pub(super) fn described(found: &EcsTask) -> Option<Task> {
    let pairs = found.attachments().iter().flat_map(|it| it.details());
    let mut pairs = pairs.filter(|pair| pair.name() == Some("privateIPv4Address"));
    let agent = found.containers().iter().find(|part| part.name() == Some(AGENT));
    task(&Seen {
        arn: found.task_arn().unwrap_or_default(),
        cluster: found.cluster_arn().unwrap_or_default(),
        started_by: found.started_by().unwrap_or_default(),
        version: u64::try_from(found.version()).ok()?,
        last: found.last_status().unwrap_or_default(),
        desired: found.desired_status().unwrap_or_default(),
        stop_code: found.stop_code().map(|code| code.as_str()).unwrap_or_default(),
        stopped_reason: found.stopped_reason().unwrap_or_default(),
        address: pairs.find_map(|pair| pair.value()?.parse().ok()),
        exit_code: agent.and_then(|agent| agent.exit_code()).map(i64::from),
        exit_reason: agent.and_then(|agent| agent.reason()).unwrap_or_default(),
    })
}

fn task(seen: &Seen<'_>) -> Option<Task> {
    let started = parse_started_by(seen.started_by)?;
    let cluster = seen.cluster.rsplit('/').next()?;
    if cluster != started.environment.cluster() {
        return None;
    }
    Some(Task {
        id: TaskId(seen.arn.to_owned()),
        workspace: started.workspace,
        generation: started.generation,
        attempt: started.attempt,
        version: seen.version,
        status: status(seen),
    })
}

fn status(seen: &Seen<'_>) -> TaskStatus {
    match seen.last {
        "STOPPED" | "DELETED" => TaskStatus::Stopped(reason(seen)),
        "DEACTIVATING" | "STOPPING" | "DEPROVISIONING" => TaskStatus::Stopping,
        _ if seen.desired == "STOPPED" => TaskStatus::Stopping,
        // The address is the task's own, so nobody else can listen there.
        "RUNNING" => match seen.address {
            Some(address) => TaskStatus::Listening(SocketAddr::new(address, AGENT_PORT)),
            None => TaskStatus::Starting,
        },
        _ => TaskStatus::Starting,
    }
}

/// Why it stopped, in plain words. The codes are `API_Task`'s, the errors those of
/// `stopped-task-error-codes`.
fn reason(seen: &Seen<'_>) -> Reason {
    let said = [seen.exit_reason, seen.stopped_reason].into_iter().find(|words| !words.is_empty());
    let said = said.unwrap_or("ECS gives no reason");
    let has = |word: &str| seen.exit_reason.contains(word) || seen.stopped_reason.contains(word);
    let (class, words) = if seen.stop_code == "UserInitiated" {
        (ReasonClass::AgentExited, "it was stopped")
    } else if seen.stop_code == "SpotInterruption" {
        (ReasonClass::Capacity, "AWS took the spare capacity back on which it ran")
    } else if has("CannotPull") {
        (ReasonClass::MissingProgram, "the image cannot be pulled")
    } else if has("ResourceInitializationError") {
        (ReasonClass::Unavailable, "the task's home, logs or network could not be set up")
    } else if has("OutOfMemory") {
        (ReasonClass::Capacity, "the agent ran out of memory")
    } else if seen.exit_code == Some(EXIT_BAD_CONFIG) {
        (ReasonClass::BadConfig, "the agent does not accept its configuration")
    } else if seen.stop_code == "TaskFailedToStart" {
        (ReasonClass::Unavailable, "ECS could not start the task")
    } else {
        (ReasonClass::AgentExited, "the agent ended")
    };
    let code = seen.exit_code.map(|code| format!(" (exit code {code})")).unwrap_or_default();
    Reason::new(class, format!("{words}{code}: {said}"))
}

#[cfg(test)]
mod tests;
