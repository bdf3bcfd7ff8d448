//! What a task is made of: its definition and its role.

use aws::compute::TaskSettings;
use events::Gen;
use fake_aws::Trouble;
use ports::{Compute, Fault};

use crate::fake::{self, settings, world};

#[tokio::test]
async fn a_definition_is_registered_once_for_each_template() {
    let world = world().await;
    let spec = world.spec("ann", 1, 1).await;
    for generation in 1..4 {
        world.compute.register(&spec.workspace, Gen(generation)).await.expect("registered");
    }
    assert_eq!(world.fake.asked("ecs.RegisterTaskDefinition").len(), 1);
    let agent_image = "registry/agent@sha256:next".to_owned();
    let next = world.deployed(TaskSettings { agent_image, ..settings() }).await;
    next.register(&spec.workspace, Gen(4)).await.expect("registered");
    assert_eq!(world.fake.asked("ecs.RegisterTaskDefinition").len(), 2);
    next.deregister(&spec.workspace, Gen(4)).await.expect("forgotten");
    let deleted = &world.fake.asked("ecs.DeleteTaskDefinitions")[0]["taskDefinitions"];
    assert_eq!(deleted.as_array().expect("a list").len(), 2, "all revisions");
    assert!(!world.fake.inventory().iter().any(|name| name.starts_with("role ")));
}

#[tokio::test]
async fn a_registration_that_died_half_way_is_gone_on_with() {
    let world = world().await;
    let spec = world.spec("ann", 1, 1).await;
    let calls = ["iam.CreateRole", "iam.PutRolePolicy", "ecs.RegisterTaskDefinition"];
    for call in calls {
        world.fake.trouble(call, Trouble::ActsAndIsLost);
        let lost = world.compute.register(&spec.workspace, Gen(1)).await;
        assert!(matches!(lost, Err(Fault::Unavailable { .. })), "{call}: {lost:?}");
    }
    world.compute.register(&spec.workspace, Gen(1)).await.expect("registered");
    assert_eq!(world.fake.asked("ecs.RegisterTaskDefinition").len(), 1, "the first one is found");
}

#[tokio::test]
async fn a_role_that_is_somebody_elses_is_left_alone() {
    let world = world().await;
    let spec = world.spec("ann", 1, 1).await;
    let config = fake::config(&world.fake).await;
    let theirs = aws_sdk_iam::Client::new(&config).create_role().assume_role_policy_document("{}");
    let theirs = theirs.role_name(format!("tc-{}-agent-ann", world.environment)).path("/theirs/");
    theirs.send().await.expect("made");
    let taken = world.compute.register(&spec.workspace, Gen(1)).await;
    assert!(matches!(taken, Err(Fault::Taken { .. })), "{taken:?}");
    assert!(world.fake.asked("iam.PutRolePolicy").is_empty(), "and it allows nothing more");
}

#[tokio::test]
async fn two_registrations_at_once_are_too_often() {
    let world = world().await;
    let spec = world.spec("ann", 1, 1).await;
    let words = "Too many concurrent attempts to create a new revision of the specified family.";
    let says = Trouble::Says { status: 400, code: "ClientException", words };
    world.fake.trouble("ecs.RegisterTaskDefinition", says);
    let often = world.compute.register(&spec.workspace, Gen(1)).await;
    assert!(matches!(often, Err(Fault::Throttled { .. })), "{often:?}");
}
