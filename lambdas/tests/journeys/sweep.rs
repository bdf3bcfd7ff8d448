//! The minute's sweep finds again what was lost, and takes away what nobody owns, at the second look and
//! not at the first.

use aws::leases::DynamoLeases;
use aws::routes::DynamoRoutes;
use aws::suspects::DynamoSuspects;
use events::{Attempt, Event, Gen, Secret, StartCause, TaskState, WorkspaceId};
use jiff::SignedDuration;
use ports::{Lease, Leases, Route, Routes, Suspects};
use serde_json::{Value, json};

use super::Cloud;
use super::cloud::LOOKS_MAX;
use crate::local;

/// Longer than something must have been suspected before it is removed.
const AGO: SignedDuration = SignedDuration::from_mins(2);
/// A generation that nobody asked for.
const NOBODYS: Gen = Gen(7);

fn sweep(cloud: &Cloud) {
    cloud.invoke("sweeper", &json!({ "environment": cloud.environment.to_string() }));
}

/// Sweeps again and again until it is so: what is told to end takes its time.
async fn sweeps_until(cloud: &Cloud, so: impl AsyncFn() -> bool) {
    for _ in 0..LOOKS_MAX {
        sweep(cloud);
        if so().await {
            return;
        }
    }
    panic!("{LOOKS_MAX} sweeps were in vain");
}

/// Dan's login is on record, and whoever wrote it down died before anybody was nudged. No sequencer has
/// heard of it either.
pub(crate) async fn finds_who_was_lost(cloud: &Cloud, dan: &WorkspaceId) {
    let loaded = cloud.bus.journal().load(dan).await.expect("nothing yet");
    let team = "sales".parse().expect("a name");
    let start = Event::StartRequested { generation: Gen(1), cause: StartCause::Login };
    let facts = vec![Event::LoggedIn { team }, start];
    cloud.bus.append("/test", dan, loaded, None, facts).await.expect("recorded");
    sweep(cloud);
    cloud.recorded(dan, |event| matches!(event, Event::Ready { .. })).await;
    cloud.told("sweeper", "Late", 1).await;
}

/// Dan's task ends, and the word of it is lost: the sweeper asks after whoever is up and has no task.
pub(crate) async fn finds_an_end_that_nobody_was_told_of(cloud: &Cloud, dan: &WorkspaceId) {
    let his = format!("/{dan}/");
    let (task, _) =
        cloud.fake.living().into_iter().find(|(_, by)| by.contains(&his)).expect("dan's task");
    cloud.fake.lose_events_of(&task);
    cloud.fake.end_task(&task, "SpotInterruption", "Your Spot Task was interrupted.");
    let ended = |event: &Event| {
        matches!(event, Event::TaskChanged { state: TaskState::Stopped { .. }, .. })
    };
    sweeps_until(cloud, async || cloud.has_on_record(dan, ended).await).await;
}

/// A task, a route and a lease of somebody of whom nothing is on record.
pub(crate) async fn takes_away_what_nobody_owns(cloud: &Cloud, eve: &WorkspaceId) {
    let task = leave_a_task(cloud, eve);
    let dynamodb = aws_sdk_dynamodb::Client::new(&cloud.config);
    let leases = DynamoLeases::new(dynamodb.clone(), &cloud.environment, Secret::new("any"));
    let (generation, attempt) = (NOBODYS, Attempt(1));
    let (workspace, team) = (eve.clone(), "sales".parse().expect("a name"));
    let lease = Lease { workspace, generation, attempt, team, limits: events::Limits::default() };
    leases.grant(&lease).await.expect("granted");
    let routes = DynamoRoutes::new(dynamodb.clone(), &cloud.environment);
    let address = "127.0.0.1:9".parse().expect("an address");
    assert!(routes.open(eve, &Route { generation, attempt, address }).await.expect("opened"));

    sweep(cloud);
    cloud.told("sweeper", "Suspected", 3).await;
    let told = cloud.operator("GET", "/orphans", &Value::Null);
    let fates = told["orphans"].as_array().expect("orphans").iter().map(|it| &it["fate"]);
    assert_eq!(fates.collect::<Vec<_>>(), ["goes"; 3], "{told}");
    assert!(
        cloud.fake.living().iter().any(|(arn, _)| *arn == task),
        "the first look removes nothing"
    );

    // As if two minutes had passed: what has been suspected since then is told so again.
    let suspects = DynamoSuspects::new(dynamodb, &cloud.environment);
    let known = suspects.list().await.expect("a list").into_iter().map(|(suspect, _)| suspect);
    let then = cloud.bus.now().saturating_sub(AGO).expect("in range");
    suspects.compare(then, &known.collect::<Vec<_>>()).await.expect("written");
    let is_gone = async || cloud.fake.living().iter().all(|(arn, _)| *arn != task);
    sweeps_until(cloud, is_gone).await;
    cloud.told("sweeper", "Removed", 2).await;
    assert_eq!(routes.find(eve).await.expect("a look"), None);
    assert!(leases.list().await.expect("a list").iter().all(|lease| lease.workspace != *eve));
}

/// Starts a task like ann's for somebody else, as a start does that is on no record. Gives its ARN.
fn leave_a_task(cloud: &Cloud, whose: &WorkspaceId) -> String {
    let like = |call: &str| cloud.fake.asked(call)[0].clone();
    let ecs = |call: &str, body: &Value| {
        let target = format!("AmazonEC2ContainerServiceV20141113.{call}");
        let ask = || local::json_call_at(&cloud.fake.url(), ("ecs", &target), body);
        tokio::task::block_in_place(ask)
    };
    let family = cloud.environment.named(&format!("agent-{whose}"));
    let mut definition = like("ecs.RegisterTaskDefinition");
    definition["family"] = json!(family);
    let definition = ecs("RegisterTaskDefinition", &definition);
    let mut start = like("ecs.RunTask");
    start["taskDefinition"] = definition["taskDefinition"]["taskDefinitionArn"].clone();
    start["clientToken"] = json!("nobodys");
    start["startedBy"] = json!(format!("tc/{}/{whose}/{NOBODYS}/1", cloud.environment));
    let started = ecs("RunTask", &start);
    started["tasks"][0]["taskArn"].as_str().expect("a task").to_owned()
}
