//! Starts that are refused, whose answers are lost or come late, and the stops that must reach them.

use std::time::Duration;

use aws::compute::TaskSettings;
use events::Gen;
use fake_aws::Trouble;
use ports::{Compute, Fault};

use crate::fake::{settings, world};
use crate::{alive, gone, stop};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MINUTES: Duration = Duration::from_secs(3 * 60);

#[tokio::test]
async fn no_room_is_a_reason_and_the_same_start_may_be_tried_again() {
    let world = world().await;
    let spec = world.spec("ann", 1, 1).await;
    for reason in ["RESOURCE:ENI", "Capacity is unavailable at this time."] {
        world.fake.trouble("ecs.RunTask", Trouble::Failure(reason));
        let full = world.compute.run(&spec).await;
        assert!(
            matches!(&full, Err(Fault::NoCapacity { words, .. }) if words.contains(reason)),
            "{full:?}"
        );
    }
    world.fake.trouble("ecs.RunTask", Trouble::Failure("AGENT"));
    let away = world.compute.run(&spec).await;
    assert!(matches!(away, Err(Fault::Unavailable { .. })), "{away:?}");
    world.compute.run(&spec).await.expect("there is room now");
    assert_eq!(alive(&world), 1);
}

#[tokio::test]
async fn a_throttle_says_when_to_come_back_and_starts_nothing() {
    let world = world().await;
    let spec = world.spec("ann", 1, 1).await;
    let after = Some(Duration::from_secs(7));
    world.fake.trouble("ecs.RunTask", Trouble::Throttled(after));
    let often = world.compute.run(&spec).await;
    assert!(
        matches!(often, Err(Fault::Throttled { after: told, .. }) if told == after),
        "{often:?}"
    );
    assert_eq!(alive(&world), 0);
    assert!(stop(&world, &spec).await, "nothing can be on its way");
}

#[tokio::test]
async fn a_start_whose_answer_was_lost_is_found_by_its_token() {
    for trouble in [Trouble::ActsAndIsLost, Trouble::ActsAndFails] {
        let world = world().await;
        let spec = world.spec("ann", 1, 1).await;
        world.fake.trouble("ecs.RunTask", trouble);
        let lost = world.compute.run(&spec).await;
        assert!(matches!(lost, Err(Fault::Unavailable { .. })), "{lost:?}");
        let task = world.compute.run(&spec).await.expect("the same");
        assert_eq!(world.fake.living().len(), 1);
        assert_eq!(world.fake.living()[0].0, task.0);
    }
}

/// The first asking may have led to a task, whatever becomes of the second.
#[tokio::test]
async fn a_start_that_may_have_led_to_a_task_keeps_its_place_whatever_is_said_later() {
    let says = |words| Trouble::Says { status: 400, code: "ClientException", words };
    for trouble in [Trouble::Throttled(None), says("no"), says("TaskDefinition is inactive")] {
        let world = world().await;
        let (first, next) = (world.spec("ann", 1, 1).await, world.spec("ann", 2, 1).await);
        world.fake.trouble("ecs.RunTask", Trouble::ActsAndIsLost);
        world.compute.run(&first).await.expect_err("the answer is lost");
        world.fake.trouble("ecs.RunTask", trouble);
        world.compute.run(&first).await.expect_err("it is not carried out");
        let second = world.compute.run(&next).await;
        assert!(second.is_err(), "{second:?}");
        assert_eq!(world.fake.living().len(), 1, "one task, whose answer was lost");
        world.compute.run(&first).await.expect("it is found");
    }
}

/// The functions die after RunTask, are deployed anew, and the message comes again.
#[tokio::test]
async fn a_deploy_between_two_deliveries_adopts_the_task() {
    let world = world().await;
    let spec = world.spec("ann", 1, 1).await;
    world.fake.trouble("ecs.RunTask", Trouble::ActsAndIsLost);
    world.compute.run(&spec).await.expect_err("the answer is lost");
    let subnets = vec!["subnet-of-tomorrow".to_owned()];
    let next = world.deployed(TaskSettings { subnets, ..settings() }).await;
    let task = next.run(&spec).await.expect("adopted");
    assert_eq!(world.fake.living(), [(task.0, format!("tc/{}/ann/1/1", world.environment))]);
}

#[tokio::test]
async fn a_conflict_with_a_task_that_is_not_seen_yet_is_asked_again() {
    let world = world().await;
    world.fake.change(|habits| habits.unseen = Duration::from_secs(10));
    let spec = world.spec("ann", 1, 1).await;
    world.fake.trouble("ecs.RunTask", Trouble::ActsAndIsLost);
    world.compute.run(&spec).await.expect_err("the answer is lost");
    let next = world.deployed(TaskSettings { spot: true, ..settings() }).await;
    let unseen = next.run(&spec).await;
    assert!(matches!(unseen, Err(Fault::Unavailable { .. })), "{unseen:?}");
    world.fake.advance(Duration::from_secs(10));
    next.run(&spec).await.expect("adopted");
    assert_eq!(alive(&world), 1);
}

/// ECS forgets a token after a day: asked again it would start a second task.
#[tokio::test]
async fn a_start_of_more_than_a_day_ago_is_adopted_or_refused_and_never_begun_twice() {
    let world = world().await;
    let spec = world.spec("ann", 1, 1).await;
    world.fake.trouble("ecs.RunTask", Trouble::ActsAndIsLost);
    world.compute.run(&spec).await.expect_err("the answer is lost");
    world.fake.advance(DAY);
    let task = world.compute.run(&spec).await.expect("adopted");
    assert_eq!(world.fake.living()[0].0, task.0);

    let other = world.spec("bob", 1, 1).await;
    world.fake.trouble("ecs.RunTask", Trouble::ActsAndIsLost);
    world.compute.run(&other).await.expect_err("the answer is lost");
    let bobs = world.fake.living().into_iter().find(|(_, by)| by.contains("/bob/")).expect("bob's");
    world.fake.end_task(&bobs.0, "SpotInterruption", "Your Spot Task was interrupted.");
    world.fake.advance(DAY);
    let refused = world.compute.run(&other).await;
    assert!(matches!(refused, Err(Fault::Refused(_))), "{refused:?}");
    let asked = world.fake.asked("ecs.RunTask").len();
    assert_eq!(asked, 2, "nothing was asked for after the day");
    let next = world.spec("bob", 1, 2).await;
    world.compute.run(&next).await.expect("the next try has the place");
}

#[tokio::test]
async fn a_known_start_gives_its_task_after_weeks() {
    let world = world().await;
    let spec = world.spec("ann", 1, 1).await;
    let task = world.compute.run(&spec).await.expect("started");
    gone(&world, &spec).await;
    world.fake.advance(14 * DAY);
    assert_eq!(world.compute.run(&spec).await.expect("the ended one"), task);
    assert_eq!(alive(&world), 0);
}

/// Whatever became of the tasks: nobody stopped them, so no fence says so.
#[tokio::test]
async fn a_start_that_comes_after_a_later_one_starts_nothing() {
    let world = world().await;
    let [first, second] = [world.spec("ann", 1, 1).await, world.spec("ann", 1, 2).await];
    let mut tasks = Vec::new();
    for spec in [&first, &second] {
        let task = world.compute.run(spec).await.expect("started");
        world.fake.end_task(&task.0, "SpotInterruption", "Your Spot Task was interrupted.");
        tasks.push(task);
    }
    for (spec, task) in [&first, &second].into_iter().zip(&tasks) {
        assert_eq!(world.compute.run(spec).await.expect("the ended one"), *task);
    }
    gone(&world, &second).await;
    let late = world.compute.run(&first).await;
    assert!(matches!(late, Err(Fault::Refused(_))), "{late:?}");
    let late = world.compute.run(&second).await.expect("the ended one");
    assert_eq!(late, tasks[1]);
    assert_eq!(world.fake.asked("ecs.RunTask").len(), 2);
}

/// A start reads and writes no more than it must: it is our own work, and DynamoDB's bill.
#[tokio::test]
async fn a_start_after_its_registration_registers_nothing_again() {
    let world = world().await;
    let spec = world.spec("ann", 1, 1).await;
    world.compute.register(&spec.workspace, spec.generation).await.expect("registered");
    let looked = world.fake.asked("ecs.DescribeTaskDefinition").len();
    world.compute.run(&spec).await.expect("started");
    assert_eq!(world.fake.asked("ecs.RegisterTaskDefinition").len(), 1);
    assert_eq!(world.fake.asked("ecs.DescribeTaskDefinition").len(), looked);
}

#[tokio::test]
async fn a_task_that_is_not_seen_yet_is_not_gone() {
    let world = world().await;
    world.fake.change(|habits| habits.unseen = Duration::from_secs(30));
    let spec = world.spec("ann", 1, 1).await;
    world.compute.run(&spec).await.expect("started");
    let next = world.spec("ann", 2, 1).await;
    let early = world.compute.run(&next).await;
    assert!(matches!(early, Err(Fault::Unavailable { .. })), "{early:?}");
    assert!(!stop(&world, &spec).await, "it may come up any moment");
    assert_eq!(alive(&world), 1);
    world.fake.advance(Duration::from_secs(30));
    gone(&world, &spec).await;
    assert_eq!(alive(&world), 0);
    world.compute.run(&next).await.expect("there is room now");
}

/// The function dies between the claim and RunTask, or its RunTask is still on its way.
#[tokio::test]
async fn a_stop_waits_for_a_start_that_may_be_on_its_way() {
    let world = world().await;
    let spec = world.spec("ann", 1, 1).await;
    world.fake.trouble("ecs.RunTask", Trouble::Fails);
    world.compute.run(&spec).await.expect_err("nobody knows whether it acted");
    assert!(!stop(&world, &spec).await, "too early to say");
    world.fake.advance(MINUTES);
    assert!(stop(&world, &spec).await, "nothing came of it");
    let late = world.compute.run(&spec).await;
    assert!(matches!(late, Err(Fault::Refused(_))), "{late:?}");
}

/// It is the last time of asking that counts, not the first.
#[tokio::test]
async fn a_stop_waits_for_a_repeated_start_too() {
    let world = world().await;
    world.fake.change(|habits| habits.unseen = Duration::from_secs(30));
    let spec = world.spec("ann", 1, 1).await;
    world.fake.trouble("ecs.RunTask", Trouble::Fails);
    world.compute.run(&spec).await.expect_err("nobody knows whether it acted");
    world.fake.advance(MINUTES);
    world.fake.trouble("ecs.RunTask", Trouble::ActsAndIsLost);
    world.compute.run(&spec).await.expect_err("nobody knows whether it acted");
    assert!(!stop(&world, &spec).await, "the task is not seen, and it is there");
    world.fake.advance(Duration::from_secs(30));
    gone(&world, &spec).await;
    assert_eq!(alive(&world), 0);
}

#[tokio::test]
async fn a_stop_reaches_a_start_whose_answer_was_lost() {
    let world = world().await;
    let spec = world.spec("ann", 1, 1).await;
    world.fake.trouble("ecs.RunTask", Trouble::ActsAndIsLost);
    world.compute.run(&spec).await.expect_err("the answer is lost");
    gone(&world, &spec).await;
    assert_eq!(alive(&world), 0);
}

/// A role is not known everywhere for some seconds after it was made.
#[tokio::test]
async fn a_role_that_is_not_known_yet_is_asked_again() {
    let world = world().await;
    let spec = world.spec("ann", 1, 1).await;
    let words = "ECS was unable to assume the role 'arn:x' that was provided for this task.";
    let says = Trouble::Says { status: 400, code: "ClientException", words };
    world.fake.trouble("ecs.RunTask", says);
    let early = world.compute.run(&spec).await;
    assert!(matches!(early, Err(Fault::Unavailable { .. })), "{early:?}");
    world.compute.run(&spec).await.expect("known now");
}

#[tokio::test]
async fn a_definition_that_somebody_removed_is_registered_again() {
    let world = world().await;
    let spec = world.spec("ann", 1, 1).await;
    world.compute.register(&spec.workspace, Gen(1)).await.expect("registered");
    let says =
        Trouble::Says { status: 400, code: "ClientException", words: "TaskDefinition is inactive" };
    world.fake.trouble("ecs.RunTask", says);
    let gone = world.compute.run(&spec).await;
    assert!(matches!(gone, Err(Fault::Unavailable { .. })), "{gone:?}");
    world.compute.run(&spec).await.expect("registered and started");
}
