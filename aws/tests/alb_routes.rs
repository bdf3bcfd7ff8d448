//! `AlbRoutes`: the suite of its port over the fake and over moto, then every bad part of ELBv2's
//! contract.

mod fake;
#[path = "alb_routes/moto.rs"]
mod moto;
mod rig;
#[macro_use]
mod suite;

use std::sync::Arc;

use aws::alb_routes::{ALB_ROUTES, AlbRoutes, AlbSettings, SLOTS};
use events::{Attempt, Gen, WorkspaceId};
use fake::{config, id};
use fake_aws::{Fake, Trouble};
use moto::routes;
use ports::{Fault, Route, Routes};
use suite::tables;

const LISTENER: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/tc/1/2";
/// Where the priorities of ours begin.
const FIRST: u32 = 1_000;

struct World {
    fake: Arc<Fake>,
    routes: AlbRoutes,
}

async fn world() -> World {
    let fake = Arc::new(Fake::start().await.expect("a port"));
    let (dynamodb, environment) = tables(&[ALB_ROUTES]).await;
    let elb = aws_sdk_elasticloadbalancingv2::Client::new(&config(&fake).await);
    let settings = AlbSettings {
        listener: LISTENER.to_owned(),
        vpc: "vpc-1".to_owned(),
        domain: "claw.example.com".to_owned(),
        first_priority: FIRST,
    };
    World { fake, routes: AlbRoutes::new(elb, &environment, dynamodb, settings) }
}

ports::routes_rules!(suite);

macro_rules! over_the_fake {
    (routes: $($rule:ident),+) => {
        $(
            #[tokio::test]
            async fn $rule() {
                let world = world().await;
                ports::conformance::routes::$rule(&world.routes, "alb").await;
            }
        )+
    };
}
ports::routes_rules!(over_the_fake);

fn route(generation: u64, attempt: u32, host: u8) -> Route {
    let address = ([10, 0, 0, host], 18_789).into();
    Route { generation: Gen(generation), attempt: Attempt(attempt), address }
}

async fn open(world: &World, id: &WorkspaceId, route: Route) -> bool {
    world.routes.open(id, &route).await.expect("an answer")
}

fn of<'a>(all: &'a [String], what: &str) -> Vec<&'a str> {
    all.iter().filter(|name| name.starts_with(what)).map(String::as_str).collect()
}

#[tokio::test]
async fn a_person_has_a_host_name_a_rule_and_a_group_and_then_none_of_them() {
    let world = world().await;
    let ann = id("ann");
    assert!(open(&world, &ann, route(1, 1, 7)).await);
    let all = world.fake.inventory();
    let rules = of(&all, "rule ");
    assert_eq!(rules.len(), 1);
    assert!(rules[0].ends_with(" ann.claw.example.com"), "{rules:?}");
    assert_eq!(of(&all, "target group tc-").len(), 1);
    assert!(all.iter().all(|name| name.len() <= "target group ".len() + 32));
    world.routes.close(&ann, Gen(1), Attempt(1)).await.expect("closed");
    assert!(world.fake.inventory().is_empty());
}

#[tokio::test]
async fn a_priority_of_somebody_else_is_passed_over_and_left_alone() {
    let world = world().await;
    for slot in 0..SLOTS {
        if slot != 42 {
            world.fake.foreign_rule(LISTENER, FIRST + slot);
        }
    }
    let ann = id("ann");
    assert!(open(&world, &ann, route(1, 1, 7)).await);
    let all = world.fake.inventory();
    assert!(of(&all, "rule 1042 ann.").len() == 1, "the only free one: {all:?}");
    assert_eq!(of(&all, "rule ").len(), SLOTS as usize);
    let full = world.routes.open(&id("bob"), &route(1, 1, 8)).await;
    assert!(matches!(full, Err(Fault::NoCapacity { .. })), "{full:?}");
    world.routes.close(&ann, Gen(1), Attempt(1)).await.expect("closed");
    world.routes.close(&id("bob"), Gen(1), Attempt(1)).await.expect("closed");
    let left = world.fake.inventory();
    assert_eq!((of(&left, "rule ").len(), of(&left, "target").len()), (SLOTS as usize - 1, 0));
    assert!(open(&world, &id("bob"), route(2, 1, 8)).await, "there is room again");
}

#[tokio::test]
async fn two_people_never_share_a_priority() {
    let world = world().await;
    world.fake.change(|habits| habits.page = 2);
    let names = ["ann", "bob", "cid", "dan", "eve"].map(id);
    for person in &names {
        assert!(open(&world, person, route(1, 1, 7)).await);
    }
    assert_eq!(of(&world.fake.inventory(), "rule ").len(), names.len());
    assert_eq!(world.routes.list().await.expect("a list").len(), names.len());
    // All pages are read, or a repeat would make a second rule.
    for person in &names {
        assert!(open(&world, person, route(1, 1, 7)).await);
    }
    assert_eq!(world.fake.asked("elb.CreateRule").len(), names.len());
}

#[tokio::test]
async fn what_was_made_and_not_answered_is_adopted() {
    let calls = ["elb.CreateTargetGroup", "elb.RegisterTargets", "elb.CreateRule"];
    for call in calls {
        for trouble in [Trouble::ActsAndIsLost, Trouble::ActsAndFails] {
            let world = world().await;
            let ann = id("ann");
            world.fake.trouble(call, trouble);
            let lost = world.routes.open(&ann, &route(1, 1, 7)).await;
            assert!(matches!(lost, Err(Fault::Unavailable { .. })), "{call}: {lost:?}");
            assert_eq!(world.routes.find(&ann).await.expect("an answer"), None, "not yet");
            assert!(open(&world, &ann, route(1, 1, 7)).await);
            let all = world.fake.inventory();
            assert_eq!((of(&all, "rule ").len(), of(&all, "target").len()), (1, 1), "{call}");
        }
    }
}

#[tokio::test]
async fn a_close_that_died_half_way_is_gone_on_with() {
    for call in ["elb.DeleteRule", "elb.DeleteTargetGroup"] {
        for trouble in [Trouble::Fails, Trouble::ActsAndIsLost] {
            let world = world().await;
            let ann = id("ann");
            open(&world, &ann, route(1, 1, 7)).await;
            world.fake.trouble(call, trouble);
            let lost = world.routes.close(&ann, Gen(1), Attempt(1)).await;
            assert!(matches!(lost, Err(Fault::Unavailable { .. })), "{call}: {lost:?}");
            assert_eq!(world.routes.find(&ann).await.expect("an answer"), None, "closed at once");
            world.routes.close(&ann, Gen(1), Attempt(1)).await.expect("closed");
            assert!(world.fake.inventory().is_empty(), "{call}");
        }
    }
}

#[tokio::test]
async fn a_group_that_an_older_version_made_with_other_settings_is_adopted() {
    let world = world().await;
    let ann = id("ann");
    open(&world, &ann, route(1, 1, 7)).await;
    let says = Trouble::Says {
        status: 400,
        code: "DuplicateTargetGroupName",
        words: "A target group with the same name 'c-1' exists, but with different settings",
    };
    world.fake.trouble("elb.CreateTargetGroup", says);
    assert!(open(&world, &ann, route(2, 1, 8)).await);
    assert_eq!(of(&world.fake.inventory(), "target").len(), 1);
}

#[tokio::test]
async fn a_moved_agent_is_the_only_target() {
    let world = world().await;
    let ann = id("ann");
    open(&world, &ann, route(1, 1, 7)).await;
    open(&world, &ann, route(2, 1, 8)).await;
    let ended = world.fake.asked("elb.DeregisterTargets");
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0]["Targets.member.1.Id"], "10.0.0.7");
}

#[tokio::test]
async fn a_throttle_is_one() {
    let world = world().await;
    world.fake.trouble("elb.DescribeRules", Trouble::Throttled(None));
    let often = world.routes.open(&id("ann"), &route(1, 1, 7)).await;
    assert!(matches!(often, Err(Fault::Throttled { .. })), "{often:?}");
}
