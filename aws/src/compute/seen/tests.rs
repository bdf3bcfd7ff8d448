//! Events as AWS documents and delivers them, and what is read of them.

use events::{Attempt, Gen};
use serde_json::json;

use super::*;

/// The example of AmazonECS/latest/developerguide/ecs_task_events, a Fargate task in awsvpc mode,
/// with the names of ours.
fn captured() -> Value {
    json!({
        "version": "0",
        "id": "3317b2af-7005-947d-b652-f55e762e571a",
        "detail-type": "ECS Task State Change",
        "source": "aws.ecs",
        "account": "111122223333",
        "time": "2020-01-23T17:57:58Z",
        "region": "us-west-2",
        "resources": ["arn:aws:ecs:us-west-2:111122223333:task/tc-prod/c13b4cb40f1f4fe4a2971f76ae5a47ad"],
        "detail": {
            "attachments": [{
                "id": "1789bcae-ddfb-4d10-8ebe-8ac87ddba5b8",
                "type": "eni",
                "status": "ATTACHED",
                "details": [
                    { "name": "subnetId", "value": "subnet-abcd1234" },
                    { "name": "networkInterfaceId", "value": "eni-abcd1234" },
                    { "name": "macAddress", "value": "0a:98:eb:a7:29:ba" },
                    { "name": "privateIPv4Address", "value": "10.0.0.139" }
                ]
            }],
            "availabilityZone": "us-west-2c",
            "clusterArn": "arn:aws:ecs:us-west-2:111122223333:cluster/tc-prod",
            "containers": [
                { "name": "sidecar", "lastStatus": "RUNNING", "cpu": "0" },
                { "name": "agent", "lastStatus": "RUNNING", "cpu": "0" }
            ],
            "createdAt": "2020-01-23T17:57:34.402Z",
            "launchType": "FARGATE",
            "cpu": "256",
            "memory": "512",
            "desiredStatus": "RUNNING",
            "group": "family:tc-prod-agent-ann",
            "lastStatus": "RUNNING",
            "overrides": { "containerOverrides": [{ "name": "sidecar" }] },
            "connectivity": "CONNECTED",
            "pullStartedAt": "2020-01-23T17:57:52.103Z",
            "startedAt": "2020-01-23T17:57:58.103Z",
            "pullStoppedAt": "2020-01-23T17:57:55.103Z",
            "startedBy": "tc/prod/ann/3/2",
            "updatedAt": "2020-01-23T17:57:58.103Z",
            "taskArn": "arn:aws:ecs:us-west-2:111122223333:task/tc-prod/c13b4cb40f1f4fe4a2971f76ae5a47ad",
            "taskDefinitionArn": "arn:aws:ecs:us-west-2:111122223333:task-definition/tc-prod-agent-ann:1",
            "version": 4,
            "platformVersion": "1.4.0"
        }
    })
}

fn with(change: impl FnOnce(&mut Value)) -> Option<Task> {
    let mut event = captured();
    change(&mut event);
    task_of(&event)
}

fn status_with(change: impl FnOnce(&mut Value)) -> TaskStatus {
    with(|event| change(&mut event["detail"])).expect("ours").status
}

#[test]
fn a_running_task_listens_at_its_own_address() {
    let task = task_of(&captured()).expect("ours");
    assert_eq!(task.workspace.as_str(), "ann");
    assert_eq!((task.generation, task.attempt, task.version), (Gen(3), Attempt(2), 4));
    assert!(task.id.0.ends_with("task/tc-prod/c13b4cb40f1f4fe4a2971f76ae5a47ad"));
    let address = "10.0.0.139:18789".parse().expect("an address");
    assert_eq!(task.status, TaskStatus::Listening(address));
}

#[test]
fn a_state_before_or_after_running_is_starting_or_stopping() {
    for last in ["PROVISIONING", "PENDING", "ACTIVATING", "A_STATE_OF_TOMORROW"] {
        assert_eq!(
            status_with(|it| it["lastStatus"] = json!(last)),
            TaskStatus::Starting,
            "{last}"
        );
    }
    for last in ["DEACTIVATING", "STOPPING", "DEPROVISIONING"] {
        assert_eq!(
            status_with(|it| it["lastStatus"] = json!(last)),
            TaskStatus::Stopping,
            "{last}"
        );
    }
    assert_eq!(status_with(|it| it["desiredStatus"] = json!("STOPPED")), TaskStatus::Stopping);
    assert_eq!(status_with(|it| it["attachments"] = json!([])), TaskStatus::Starting);
}

#[test]
fn what_is_not_ours_is_no_task() {
    let others: [(&str, Value); 4] = [
        ("startedBy", json!("ecs-svc/9223370456527204466")),
        ("startedBy", Value::Null),
        ("startedBy", json!("tc/test/ann/3/2")),
        ("clusterArn", json!("arn:aws:ecs:us-west-2:111122223333:cluster/default")),
    ];
    for (name, value) in others {
        assert_eq!(with(|event| event["detail"][name] = value.clone()), None, "{name} {value}");
    }
    assert_eq!(with(|event| event["source"] = json!("someone.else")), None);
    assert_eq!(with(|event| event["detail-type"] = json!("ECS Deployment State Change")), None);
    assert_eq!(task_of(&json!("nothing")), None);
}

/// The reasons are those of AmazonECS/latest/developerguide/stopped-task-error-codes.
#[test]
fn an_ending_says_why_in_plain_words() {
    let cases = [
        ("UserInitiated", "teamclaw: stop", None, ReasonClass::AgentExited, "it was stopped"),
        (
            "SpotInterruption",
            "Your Spot Task was interrupted.",
            None,
            ReasonClass::Capacity,
            "spare",
        ),
        (
            "TaskFailedToStart",
            "CannotPullContainerError: pull image manifest has been retried 5 time(s)",
            None,
            ReasonClass::MissingProgram,
            "image",
        ),
        (
            "TaskFailedToStart",
            "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes",
            None,
            ReasonClass::Unavailable,
            "home",
        ),
        (
            "EssentialContainerExited",
            "Essential container in task exited",
            Some(78),
            ReasonClass::BadConfig,
            "configuration",
        ),
        (
            "EssentialContainerExited",
            "Essential container in task exited",
            Some(1),
            ReasonClass::AgentExited,
            "exit code 1",
        ),
        ("", "", None, ReasonClass::AgentExited, "no reason"),
    ];
    for (code, words, exit, class, said) in cases {
        let status = status_with(|detail| {
            detail["lastStatus"] = json!("STOPPED");
            detail["stopCode"] = json!(code);
            detail["stoppedReason"] = json!(words);
            detail["containers"][1]["exitCode"] = json!(exit);
        });
        let TaskStatus::Stopped(reason) = status else { panic!("{code}: {status:?}") };
        assert_eq!(reason.class, class, "{code} {words}");
        assert!(reason.words.contains(said), "{}", reason.words);
    }
    let out = status_with(|detail| {
        detail["lastStatus"] = json!("STOPPED");
        detail["containers"][1] = json!({
            "name": "agent", "exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage",
        });
    });
    assert!(matches!(out, TaskStatus::Stopped(reason) if reason.class == ReasonClass::Capacity));
}
