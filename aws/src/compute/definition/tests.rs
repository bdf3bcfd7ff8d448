//! The definition and the start's overrides, as they go over the wire.

use std::collections::BTreeSet;

use aws_sdk_ecs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ecs::{Client, Config};
use events::{Attempt, Gen, Secret};
use expect_test::expect_file;
use replay::Replay;
use serde_json::Value;

use super::super::canonical::canonical;
use super::super::settings::tests::settings;
use super::*;

fn home() -> Home {
    Home {
        file_system: "fs-1".to_owned(),
        access_point: "fsap-1".to_owned(),
        arn: "arn:aws:elasticfilesystem:eu-central-1:123456789012:access-point/fsap-1".to_owned(),
        uid: 10_001,
    }
}

/// What the SDK makes of a definition: the body of its request.
async fn body(settings: &TaskSettings) -> Value {
    let service = Replay::new([(200, "{}")]);
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::for_tests())
        .http_client(service.clone())
        .build();
    let workspace = "ann".parse().expect("a good name");
    let home = home();
    let person = Person {
        environment: "prod",
        workspace: &workspace,
        family: "tc-prod-agent-ann".to_owned(),
        role: "arn:aws:iam::123456789012:role/teamclaw/agents/prod/tc-prod-agent-ann".to_owned(),
        home: &home,
    };
    let definition = definition(settings, &person, "hash").expect("a definition");
    // The answer means nothing here.
    let _ = definition.send_with(&Client::from_conf(config)).await;
    let request = service.requests().next().expect("a request");
    serde_json::from_slice(request.body().bytes().expect("a body")).expect("JSON")
}

/// Who changes it raises `TEMPLATE`, so that the change reaches people whose definition is there.
#[tokio::test]
async fn a_definition_is_exactly_this() {
    let body = body(&settings()).await;
    expect_file!["definition.json"].assert_eq(&format!("{:#}\n", canonical(&body)));
}

#[tokio::test]
async fn a_task_mounts_one_home_over_tls_by_its_role_and_can_do_nothing_else() {
    let body = body(&settings()).await;
    let efs: Vec<&Value> = body["volumes"].as_array().expect("volumes").iter().collect();
    let efs: Vec<&&Value> =
        efs.iter().filter(|it| it["efsVolumeConfiguration"].is_object()).collect();
    assert_eq!(efs.len(), 1);
    let efs = &efs[0]["efsVolumeConfiguration"];
    assert_eq!(efs["transitEncryption"], "ENABLED");
    assert_eq!(efs["authorizationConfig"]["iam"], "ENABLED");
    assert_eq!(efs["authorizationConfig"]["accessPointId"], "fsap-1");
    for part in body["containerDefinitions"].as_array().expect("parts") {
        assert_eq!(part["readonlyRootFilesystem"], true, "{part}");
        assert_eq!(part["privileged"], false, "{part}");
        assert_eq!(part["linuxParameters"]["capabilities"]["drop"][0], "ALL", "{part}");
        let user = part["user"].as_str().expect("a user");
        assert!(!user.starts_with('0') && !user.contains("root"), "{user}");
        assert!(part["image"].as_str().expect("an image").contains("@sha256:"), "{part}");
    }
    assert!(body["pidMode"].is_null() && body["ipcMode"].is_null());
}

#[tokio::test]
async fn no_token_is_in_a_definition() {
    let body = body(&settings()).await;
    let parts = body["containerDefinitions"].as_array().expect("parts").iter();
    let names = parts.flat_map(|part| part["environment"].as_array().expect("variables"));
    let names: BTreeSet<&str> = names.filter_map(|pair| pair["name"].as_str()).collect();
    for secret in ["TEAMCLAW_LEASE_TOKEN", "TEAMCLAW_TOKEN", "TEAMCLAW_PASS"] {
        assert!(!names.contains(secret), "{secret}");
    }
}

fn spec() -> TaskSpec {
    TaskSpec {
        workspace: "ann".parse().expect("a good name"),
        generation: Gen(1),
        attempt: Attempt(1),
        client_token: "token".to_owned(),
        home: home().place(),
        token: Secret::new("tc_lease"),
        pass: Secret::new("x-teamclaw-pass"),
    }
}

/// Who holds the lease's token can ask the broker for every key of the pool.
#[test]
fn the_lease_token_is_the_sidecars_alone() {
    let overrides = overrides(&spec());
    for part in overrides.container_overrides() {
        let values: Vec<&str> = part.environment().iter().filter_map(KeyValuePair::value).collect();
        let holds = values.iter().any(|value| value.contains("tc_lease"));
        assert_eq!(holds, part.name() == Some(SIDECAR), "{:?}", part.name());
    }
    let length = format!("{overrides:?}").len();
    assert!(length < 8_192, "RunTask takes no more: {length}");
}

#[test]
fn a_template_is_another_as_soon_as_anything_in_it_is() {
    let (settings, home) = (settings(), home().place());
    let of = |settings: &TaskSettings, place: &str| template(settings, place).expect("JSON");
    let first = of(&settings, &home);
    assert_eq!(of(&settings.clone(), &home.clone()), first);
    let agent_image = "registry/agent@sha256:c".to_owned();
    let image = TaskSettings { agent_image, ..settings.clone() };
    for changed in [of(&image, &home), of(&settings, "fs-1/fsap-2"), of(&settings, "fs-2/fsap-1")] {
        assert_ne!(changed, first);
    }
}
