//! Ann logs in, is left alone, is stopped, and is woken for her agent's own work. What is made for her
//! is there once, although half of AWS's answers are lost.

use std::time::Duration;

use events::step::STEPS;
use events::{
    Class, Envelope, Event, ProviderId, StartCause, StopReason, Subject, Version, WorkspaceId,
};
use fake_aws::Trouble;
use ports::{Nudge, Outgoing};
use serde_json::{Value, json};

use super::Cloud;
use super::cloud::{HISTORY_MAX, LOOK_EVERY, LOOKS_MAX};
use crate::{local, rig};

/// From `POST /session` to an agent that is ready, with a message among hers that nobody can read.
pub(crate) async fn logs_in(cloud: &Cloud, ann: &WorkspaceId) {
    let queue = aws_sdk_sqs::Client::new(&cloud.config);
    let named = cloud.environment.queue(Class::Storage);
    let url = queue.get_queue_url().queue_name(named).send().await;
    let url = url.expect("a queue").queue_url.expect("its URL");
    let poison = queue.send_message().queue_url(&url).message_body("{").send().await;
    poison.expect("a message that nobody can read");
    // Each is made, and nobody hears of it: the next try finds what there is.
    for made in ["efs.CreateAccessPoint", "iam.CreateRole", "ecs.RegisterTaskDefinition"] {
        cloud.fake.trouble(made, Trouble::ActsAndFails);
    }
    let (status, told) = cloud.ask(("session", ""), ("POST", "/session"), &json!({}));
    assert_eq!((status, &told["status"]), (202, &json!("starting")), "{told}");

    cloud.recorded(ann, |event| matches!(event, Event::Ready { .. })).await;
    let (_, standing) = cloud.ask(("session", ""), ("GET", "/session"), &Value::Null);
    assert_eq!((&standing["person"], &standing["status"]), (&json!("ann"), &json!("ready")));
    let steps = standing["steps"].as_array().expect("a timeline").iter();
    let done = steps.filter(|line| line["became"] == "done").map(|line| line["step"].clone());
    let names = STEPS.map(|step| json!(step.name()));
    assert_eq!(done.collect::<Vec<_>>(), names);
    assert_eq!(cloud.fake.living().len(), 1);
    let made = cloud.fake.inventory();
    assert_eq!(made.len(), 2, "one role and one access point: {made:?}");
    // It comes back until it is set aside, and held up nobody.
    assert_ne!(left(&queue, &url).await, 0);
}

/// Nobody uses her agent any more: the minute's look stops it, and the next minutes wake it for its work.
pub(crate) async fn is_left_alone(cloud: &Cloud, ann: &WorkspaceId) {
    cloud.operator("POST", "/workspaces/ann/settings", &json!({ "idleTimeout": "PT1S" }));
    let stopped = |event: &Event| {
        let idle = |reason: &StopReason| matches!(reason, StopReason::Idle { .. });
        matches!(event, Event::Stopped { reason, .. } if idle(reason))
    };
    for _ in 0..LOOKS_MAX {
        cloud.invoke("idle-check", &json!({ "environment": cloud.environment.to_string() }));
        if cloud.has_on_record(ann, stopped).await {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    cloud.recorded(ann, stopped).await;
    cloud.told("idle-check", "Handled", 1).await;
    minutes(cloud);
    let by_its_work =
        |event: &Event| matches!(event, Event::StartRequested { cause: StartCause::Cron, .. });
    cloud.recorded(ann, by_its_work).await;
    cloud.told("cron-wake", "Handled", 1).await;
    cloud.operator("POST", "/workspaces/ann/settings", &json!({ "idleTimeout": null }));
    // She may have been stopped once more before that was heard.
    cloud.operator("POST", "/workspaces/ann/start", &Value::Null);
    for _ in 0..LOOKS_MAX {
        let told = cloud.operator("GET", "/workspaces/ann", &Value::Null);
        if told["status"] == "ready" {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    panic!("she is not woken");
}

/// From now on timers are looked after, as the schedule has it: one run follows the other.
fn minutes(cloud: &Cloud) {
    let environment = cloud.environment.clone();
    let event = json!({ "environment": environment.to_string() });
    tokio::spawn(async move {
        loop {
            let ask = || local::invoke(rig::ministack(), &environment, "cron-wake", &event);
            tokio::task::block_in_place(ask);
            // A run that failed ends at once.
            tokio::time::sleep(LOOK_EVERY).await;
        }
    });
}

/// What her deletion leaves: neither a home nor a role nor a definition.
pub(crate) async fn is_deleted(cloud: &Cloud, ann: &WorkspaceId) {
    let link = cloud.operator("POST", "/workspaces/ann/login", &json!({}));
    assert!(link["link"].as_str().expect("a link").contains("once="), "{link}");
    let only_asked = json!({ "dryRun": true });
    let would = cloud.operator("POST", "/workspaces/ann/delete", &only_asked);
    assert_eq!((&would["lease"], &would["already"]), (&json!(true), &json!(false)), "{would}");
    assert!(would["sessions"].as_u64().expect("a number") > 0, "{would}");
    cloud.operator("POST", "/workspaces/ann/delete", &json!({}));
    cloud.recorded(ann, |event| matches!(event, Event::Purged { .. })).await;
    let of_ann = |all: Vec<String>| all.into_iter().filter(|it| it.contains("ann")).count();
    assert_eq!(of_ann(cloud.fake.inventory()), 0);
    let deleted = cloud.operator("POST", "/workspaces/ann/delete", &only_asked);
    assert_eq!((&deleted["already"], &deleted["sessions"]), (&json!(true), &json!(0)));
}

/// What is left in a queue, seen or unseen.
async fn left(queue: &aws_sdk_sqs::Client, url: &str) -> u32 {
    let counts = queue.get_queue_attributes().queue_url(url).attribute_names("All".into());
    let counts = counts.send().await.expect("counts").attributes.expect("counts");
    let count = |name: &str| {
        let found = counts.iter().find(|(key, _)| key.as_str() == name);
        found.map_or(0, |(_, count)| count.parse::<u32>().expect("a number"))
    };
    count("ApproximateNumberOfMessages") + count("ApproximateNumberOfMessagesNotVisible")
}

/// What stands in the journal's stream is told on the bus, by the pipe that hands it to the announcer.
pub(crate) async fn is_announced(cloud: &Cloud, ann: &WorkspaceId) {
    let client = aws_sdk_dynamodb::Client::new(&cloud.config);
    let table = client.describe_table().table_name(cloud.environment.named("journal"));
    let table = table.send().await.expect("the journal").table.expect("a table");
    let stream = table.latest_stream_arn.expect("a stream");
    let read = |call: &str, body: Value| {
        local::json_call("dynamodb", &format!("DynamoDBStreams_20120810.{call}"), &body)
    };
    let told = read("DescribeStream", json!({ "StreamArn": stream }));
    let shard = &told["StreamDescription"]["Shards"][0]["ShardId"];
    let from =
        json!({ "StreamArn": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
    let mut iterator = read("GetShardIterator", from)["ShardIterator"].clone();
    let mut records = Vec::new();
    loop {
        let page = read("GetRecords", json!({ "ShardIterator": iterator }));
        let found = page["Records"].as_array().cloned().unwrap_or_default();
        iterator = page["NextShardIterator"].clone();
        if found.is_empty() {
            break;
        }
        // What the pipe's filter lets through (infra/lib/control/feed.ts, NEW_FACTS).
        let new = |record: &Value| {
            record["eventName"] == "INSERT"
                && record["dynamodb"]["NewImage"]["pending"]["S"].is_string()
        };
        records.extend(found.into_iter().filter(new));
    }
    let announced = cloud.invoke("announcer", &json!(records));
    let announced = announced.as_array().expect("an announcement for each");
    assert_eq!(announced.len(), records.len());
    let of_ann =
        announced.iter().filter(|it| it["list"].as_str().is_some_and(|list| list.ends_with("ann")));
    let facts = of_ann.flat_map(|it| {
        let text = it["envelopes"].as_str().expect("JSON as text");
        serde_json::from_str::<Vec<Envelope>>(text).expect("facts")
    });
    let facts: Vec<_> = facts.map(|fact| fact.id).collect();
    let recorded = cloud.bus.journal().history(ann, Version(0), HISTORY_MAX);
    let recorded: Vec<_> =
        recorded.await.expect("a history").into_iter().map(|(_, fact)| fact.id).collect();
    assert!(recorded.iter().all(|fact| facts.contains(fact)), "{recorded:?} {facts:?}");
}

/// A nudge that was sent to the wrong queue is sent on by whoever reads it.
pub(crate) async fn is_sent_on(cloud: &Cloud, ann: &WorkspaceId) {
    let provider: ProviderId = "anthropic".parse().expect("a name");
    let to = |about| {
        let nudge = Nudge { about, cause: None };
        [Outgoing { nudge, group: None, delay: Duration::ZERO }]
    };
    let queue = cloud.bus.queue();
    for class in [Class::Storage, Class::Compute, Class::Routing] {
        queue.send(class, &to(Subject::Pool(provider.clone()))).await.expect("sent");
    }
    queue.send(Class::Keys, &to(Subject::Workspace(ann.clone()))).await.expect("sent");
}
