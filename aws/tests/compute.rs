//! `EcsCompute`: the suite of its port over the fake, then every bad part of ECS's contract. Here is the
//! life of a task; how one begins and what it is made of have files of their own.

#[path = "compute/definitions.rs"]
mod definitions;
mod fake;
#[path = "compute/moto.rs"]
mod moto;
mod rig;
#[path = "compute/starts.rs"]
mod starts;
mod suite;

use std::time::Duration;

use aws::compute::task_of;
use events::{Attempt, Gen, ReasonClass, TaskId};
use fake::{World, id, world};
use fake_aws::{Runs, Trouble};
use ports::{Compute, Fault, TaskSpec, TaskStatus};

ports::compute_conformance!(world());

const GRACE: Duration = Duration::from_secs(1);

async fn stop(world: &World, spec: &TaskSpec) -> bool {
    let TaskSpec { workspace, generation, attempt, .. } = spec;
    world.compute.stop(workspace, *generation, *attempt, GRACE).await.expect("an answer")
}

/// Stops until nothing is left.
async fn gone(world: &World, spec: &TaskSpec) {
    while !stop(world, spec).await {
        world.fake.advance(Duration::from_secs(1));
    }
}

fn alive(world: &World) -> usize {
    world.fake.living().len()
}

#[tokio::test]
async fn lists_are_whole_whatever_a_page_holds_or_a_fault() {
    let world = world().await;
    world.fake.change(|habits| habits.page = 2);
    for name in ["ann", "bob", "cid", "dan", "eve"] {
        let spec = world.spec(name, 1, 1).await;
        world.compute.run(&spec).await.expect("started");
    }
    assert_eq!(world.compute.list().await.expect("a list").len(), 5);
    let spec = world.spec("ann", 1, 1).await;
    stop(&world, &spec).await;
    let listed = world.compute.list().await.expect("a list");
    let ann = listed.iter().find(|task| task.workspace == id("ann"));
    assert!(ann.is_none_or(|ann| ann.status == TaskStatus::Stopping), "stopping is not gone");
    world.fake.trouble("ecs.ListTasks", Trouble::Fails);
    let half = world.compute.list().await;
    assert!(matches!(half, Err(Fault::Unavailable { .. })), "{half:?}");
}

#[tokio::test]
async fn what_somebody_else_runs_in_the_cluster_is_not_ours() {
    let world = world().await;
    let spec = world.spec("ann", 1, 1).await;
    world.compute.run(&spec).await.expect("started");
    let body = &world.fake.asked("ecs.RunTask")[0];
    let config = fake::config(&world.fake).await;
    let by_hand = aws_sdk_ecs::Client::new(&config).run_task().started_by("ann");
    let by_hand = by_hand.cluster(world.environment.cluster());
    let by_hand = by_hand.task_definition(body["taskDefinition"].as_str().expect("a name"));
    by_hand.send().await.expect("started");
    assert_eq!(alive(&world), 2);
    assert_eq!(world.compute.list().await.expect("a list").len(), 1);
    gone(&world, &spec).await;
    assert_eq!(alive(&world), 1, "theirs runs on");
}

#[tokio::test]
async fn tokens_go_by_the_start_alone_and_nobody_can_look_inside() {
    let world = world().await;
    let spec = world.spec("ann", 1, 1).await;
    world.compute.run(&spec).await.expect("started");
    let body = &world.fake.asked("ecs.RunTask")[0];
    assert_eq!(body["enableExecuteCommand"], false);
    assert_eq!(body["startedBy"], format!("tc/{}/ann/1/1", world.environment));
    assert_eq!(body["clientToken"], spec.client_token.as_str());
    assert_eq!(body["propagateTags"], "TASK_DEFINITION");
    let network = &body["networkConfiguration"]["awsvpcConfiguration"];
    assert_eq!(network["assignPublicIp"], "DISABLED");
    assert_eq!(body["capacityProviderStrategy"][0]["capacityProvider"], "FARGATE");
    for definition in world.fake.asked("ecs.RegisterTaskDefinition") {
        assert!(!definition.to_string().contains("tc_lease"));
    }
}

/// What AWS ends by itself is told by an event that the observer can read.
#[tokio::test]
async fn events_tell_a_whole_life_with_rising_versions() {
    let world = world().await;
    let spec = world.spec("ann", 2, 3).await;
    let task = world.compute.run(&spec).await.expect("started");
    let listens = async {
        loop {
            let seen = world.compute.describe(&task).await.expect("an answer").expect("known");
            if matches!(seen.status, TaskStatus::Listening(_)) {
                return seen;
            }
        }
    };
    let listening = tokio::time::timeout(GRACE * 60, listens).await.expect("in time");
    world.fake.end_task(&task.0, "SpotInterruption", "Your Spot Task was interrupted.");
    world.fake.advance(Duration::from_secs(1));
    let events = world.fake.events();
    let times = events.iter().map(|event| event["time"].as_str().expect("a text"));
    assert!(times.into_iter().all(|time| time.parse::<jiff::Timestamp>().is_ok()));
    let told: Vec<_> = events.iter().filter_map(task_of).collect();
    assert!(told.iter().all(|told| told.id == task && told.workspace == id("ann")));
    assert!(told.iter().all(|told| (told.generation, told.attempt) == (Gen(2), Attempt(3))));
    assert!(told.windows(2).all(|pair| pair[0].version < pair[1].version));
    assert!(told.contains(&listening), "events and answers say the same");
    let last = told.last().expect("a change");
    assert!(matches!(&last.status, TaskStatus::Stopped(reason) if reason.words.contains("spare")));
}

#[tokio::test]
async fn a_home_that_is_not_the_one_on_record_is_not_mounted() {
    let world = world().await;
    let spec = world.spec("ann", 1, 1).await;
    let other = TaskSpec { home: "fs-1/fsap-of-bob".to_owned(), ..spec.clone() };
    let odd = world.compute.run(&other).await;
    assert!(matches!(odd, Err(Fault::Nonsense { .. })), "{odd:?}");
    assert_eq!(alive(&world), 0);
    world.compute.run(&spec).await.expect("started");
    assert_eq!(world.compute.describe(&TaskId("x".to_owned())).await.expect("an answer"), None);
}

#[tokio::test]
async fn an_agent_that_ends_by_itself_says_why() {
    let world = world().await;
    // It gets what its start gives the agent, and never the lease.
    let command = "case \"$TEAMCLAW_TOKEN\" in tc_lease) exit 1;; tc_*) exit 78;; *) exit 2;; esac";
    world.fake.change(|habits| habits.runs = Runs::Command(command.to_owned()));
    let spec = world.spec("ann", 1, 1).await;
    let task = world.compute.run(&spec).await.expect("started");
    let ends = async {
        loop {
            let seen = world.compute.describe(&task).await.expect("an answer").expect("known");
            if let TaskStatus::Stopped(reason) = seen.status {
                return reason;
            }
        }
    };
    let reason = tokio::time::timeout(GRACE * 60, ends).await.expect("in time");
    assert_eq!(reason.class, ReasonClass::BadConfig, "{}", reason.words);
}

/// A process that does not listen to SIGTERM is killed when the definition's time is over.
#[tokio::test]
async fn a_deaf_agent_is_ended_by_force() {
    let world = world().await;
    world.fake.change(|habits| habits.runs = Runs::Command("trap '' TERM; sleep 600".to_owned()));
    let spec = world.spec("ann", 1, 1).await;
    world.compute.run(&spec).await.expect("started");
    world.fake.advance(Duration::from_secs(1));
    assert!(!stop(&world, &spec).await, "it is deaf");
    gone(&world, &spec).await;
    assert_eq!(alive(&world), 0);
}
