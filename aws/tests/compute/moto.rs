//! What a person's task is made of, as moto's IAM and ECS take it: by other people than the fake. They
//! look into policies and definitions, and keep a role that still has a policy.

use aws_sdk_ecs::types::{NetworkMode, TaskDefinitionStatus};
use events::Gen;
use ports::Compute;

use crate::fake::{settings, world};
use crate::rig;

#[tokio::test]
async fn a_role_and_a_definition_are_made_once_and_leave_nothing() {
    let world = world().await;
    let spec = world.spec("ann", 1, 1).await;
    let config = rig::moto().config().await;
    let compute = world.over(&config, settings()).await;
    for generation in 1..3 {
        compute.register(&spec.workspace, Gen(generation)).await.expect("registered");
    }

    let iam = aws_sdk_iam::Client::new(&config);
    let name = format!("tc-{}-agent-ann", world.environment);
    let role = iam.get_role().role_name(&name).send().await.expect("a role").role.expect("a role");
    assert_eq!(role.path(), world.environment.role_path());
    let boundary = role.permissions_boundary().and_then(|it| it.permissions_boundary_arn());
    assert_eq!(boundary, Some(settings().boundary.as_str()));
    let ecs = aws_sdk_ecs::Client::new(&config);
    let made = ecs.describe_task_definition().task_definition(&name).send().await;
    let made = made.expect("an answer").task_definition.expect("a definition");
    assert_eq!((made.revision(), made.network_mode()), (1, Some(&NetworkMode::Awsvpc)));
    assert_eq!(made.task_role_arn(), Some(role.arn()));

    compute.deregister(&spec.workspace, Gen(2)).await.expect("forgotten");
    let role = iam.get_role().role_name(&name).send().await.expect_err("there is none");
    assert!(role.as_service_error().is_some_and(|error| error.is_no_such_entity_exception()));
    let active = ecs.list_task_definitions().status(TaskDefinitionStatus::Active);
    let active = active.family_prefix(&name).send().await.expect("a list");
    assert!(active.task_definition_arns().is_empty(), "{active:?}");
    compute.deregister(&spec.workspace, Gen(2)).await.expect("nothing is left to forget");
}
