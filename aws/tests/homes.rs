//! `EfsHomes`: the suite of its port over the fake, then every bad part of EFS's contract.

mod fake;
mod rig;
mod suite;

use std::time::Duration;

use aws::homes::Leftovers;
use events::Gen;
use fake::{World, id, world};
use fake_aws::Trouble;
use jiff::Timestamp;
use ports::{Fault, Homes};

ports::homes_conformance!(world());

async fn leftovers(world: &World) -> Leftovers {
    let dynamodb = aws_sdk_dynamodb::Client::new(&rig::ministack().config().await);
    Leftovers::new(dynamodb, &world.environment)
}

fn points(world: &World) -> Vec<String> {
    world.fake.inventory().into_iter().filter(|name| name.starts_with("access point")).collect()
}

#[tokio::test]
async fn a_home_is_a_directory_of_an_own_user_that_nobody_else_can_read() {
    let world = world().await;
    world.homes.ensure(&id("ann"), Gen(1)).await.expect("a home");
    world.homes.ensure(&id("bob"), Gen(1)).await.expect("a home");
    let made = world.fake.asked("efs.CreateAccessPoint");
    assert_eq!(made[0]["RootDirectory"]["Path"], "/users/ann");
    assert_eq!(made[0]["RootDirectory"]["CreationInfo"]["Permissions"], "0750");
    assert_eq!(made[0]["RootDirectory"]["CreationInfo"]["OwnerUid"], made[0]["PosixUser"]["Uid"]);
    assert_ne!(made[0]["PosixUser"]["Uid"], made[1]["PosixUser"]["Uid"]);
    assert_ne!(made[0]["ClientToken"], made[1]["ClientToken"]);
    let token = made[0]["ClientToken"].as_str().expect("a token");
    assert!(token.len() <= 64 && token.is_ascii());
}

#[tokio::test]
async fn a_home_whose_answer_was_lost_is_found_by_its_token() {
    for trouble in [Trouble::ActsAndIsLost, Trouble::ActsAndFails] {
        let world = world().await;
        world.fake.trouble("efs.CreateAccessPoint", trouble);
        let lost = world.homes.ensure(&id("ann"), Gen(1)).await;
        assert!(matches!(lost, Err(Fault::Unavailable { .. })), "{lost:?}");
        world
            .homes
            .ensure(&id("ann"), Gen(1))
            .await
            .expect("AccessPointAlreadyExists gives its id");
        assert_eq!(points(&world).len(), 1);
    }
}

#[tokio::test]
async fn two_at_once_give_one_home() {
    let world = world().await;
    let ann = id("ann");
    let (one, two) =
        tokio::join!(world.homes.ensure(&ann, Gen(1)), world.homes.ensure(&ann, Gen(1)));
    // The loser of a race for the user may be told to look again, and then finds the same.
    let again = world.homes.ensure(&ann, Gen(1)).await.expect("a home");
    for home in [one, two].into_iter().flatten() {
        assert_eq!(home, again);
    }
    assert_eq!(points(&world).len(), 1);
}

#[tokio::test]
async fn an_access_point_that_is_still_being_made_is_waited_for() {
    let world = world().await;
    world.fake.change(|habits| habits.creating = Duration::from_millis(100));
    world.homes.ensure(&id("ann"), Gen(1)).await.expect("a home");
    assert!(world.fake.asked("efs.DescribeAccessPoints").len() > 1);
}

#[tokio::test]
async fn an_access_point_that_somebody_removed_leads_to_the_same_files_again() {
    let world = world().await;
    let ann = id("ann");
    let before = world.homes.ensure(&ann, Gen(1)).await.expect("a home");
    let config = fake::config(&world.fake).await;
    let point = before.split_once('/').expect("a place").1;
    let by_hand = aws_sdk_efs::Client::new(&config).delete_access_point().access_point_id(point);
    by_hand.send().await.expect("removed");
    let after = world.homes.ensure(&ann, Gen(2)).await.expect("a home");
    assert_ne!(after, before);
    let made = world.fake.asked("efs.CreateAccessPoint");
    assert_eq!(made[0]["RootDirectory"], made[1]["RootDirectory"]);
    assert_eq!(made[0]["PosixUser"], made[1]["PosixUser"]);
}

/// An outage is no reason for an empty home.
#[tokio::test]
async fn a_home_that_cannot_be_asked_for_is_a_fault() {
    let world = world().await;
    let ann = id("ann");
    world.homes.ensure(&ann, Gen(1)).await.expect("a home");
    world.fake.trouble("efs.DescribeAccessPoints", Trouble::Fails);
    let away = world.homes.ensure(&ann, Gen(2)).await;
    assert!(matches!(away, Err(Fault::Unavailable { .. })), "{away:?}");
    world
        .fake
        .trouble("efs.DescribeAccessPoints", Trouble::Throttled(Some(Duration::from_secs(3))));
    let often = world.homes.ensure(&ann, Gen(2)).await;
    assert!(matches!(often, Err(Fault::Throttled { after: Some(_), .. })), "{often:?}");
    assert_eq!(points(&world).len(), 1);
}

#[tokio::test]
async fn a_full_file_system_says_so() {
    let world = world().await;
    let full = Trouble::Says { status: 403, code: "AccessPointLimitExceeded", words: "full" };
    world.fake.trouble("efs.CreateAccessPoint", full);
    let full = world.homes.ensure(&id("ann"), Gen(1)).await;
    assert!(matches!(full, Err(Fault::NoCapacity { .. })), "{full:?}");
}

#[tokio::test]
async fn a_purge_leaves_nothing_that_leads_to_the_files_and_says_what_is_left() {
    let world = world().await;
    let ann = id("ann");
    world.homes.ensure(&ann, Gen(1)).await.expect("a home");
    world.homes.ensure(&id("bob"), Gen(1)).await.expect("a home");
    let leftovers = leftovers(&world).await;
    assert!(leftovers.list().await.expect("a list").is_empty());
    world.homes.purge(&ann, Gen(1)).await.expect("purged");
    assert_eq!(points(&world), ["access point /users/bob"]);
    let left = leftovers.list().await.expect("a list");
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].workspace.clone(), left[0].directory()), (ann.clone(), "ann".to_owned()));
    world.homes.ensure(&ann, Gen(2)).await.expect("a home anew");
    let last = world.fake.asked("efs.CreateAccessPoint").pop().expect("one");
    assert_eq!(last["RootDirectory"]["Path"], "/users/ann.1", "and not the old files");
    assert_eq!(leftovers.list().await.expect("a list"), left, "the new one is in use");
    assert!(leftovers.is_over(&left[0]).await.expect("an answer"));
    let (first, later) = (Timestamp::from_second(100), Timestamp::from_second(200));
    let (first, later) = (first.expect("in range"), later.expect("in range"));
    for now in [first, later] {
        let since = leftovers.found(&left[0], now).await.expect("an answer");
        assert_eq!(since, Some(first), "the first time counts");
    }
    assert_eq!(leftovers.list().await.expect("a list")[0].since, Some(first));
    leftovers.forget(&left[0]).await.expect("written down");
    assert!(leftovers.list().await.expect("a list").is_empty());
    assert_eq!(leftovers.found(&left[0], later).await.expect("an answer"), None);
    assert!(leftovers.list().await.expect("a list").is_empty(), "and it is not on record anew");
}

/// The purge writes down what it leaves before it ends the life, and dies in between.
#[tokio::test]
async fn a_life_that_is_not_over_is_not_left() {
    let world = world().await;
    let ann = id("ann");
    world.homes.ensure(&ann, Gen(1)).await.expect("a home");
    let dynamodb = aws_sdk_dynamodb::Client::new(&rig::ministack().config().await);
    let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let put = dynamodb.put_item().table_name(world.environment.named("homes"));
    let put = put.item("workspace", text("#left")).item("about", text("ann"));
    let put = put.item("leftBy", text("ann")).item("accessPoint", text(""));
    let life = aws_sdk_dynamodb::types::AttributeValue::N("0".to_owned());
    put.item("life", life).send().await.expect("a row");
    let leftovers = leftovers(&world).await;
    let left = leftovers.list().await.expect("a list");
    assert!(!leftovers.is_over(&left[0]).await.expect("an answer"), "she lives there");
    world.homes.purge(&ann, Gen(1)).await.expect("purged");
    world.homes.ensure(&ann, Gen(2)).await.expect("she has come back");
    assert!(leftovers.is_over(&left[0]).await.expect("an answer"), "to another directory");
}

#[tokio::test]
async fn a_purge_that_died_half_way_is_gone_on_with() {
    for trouble in [Trouble::Fails, Trouble::ActsAndIsLost] {
        let world = world().await;
        let ann = id("ann");
        world.homes.ensure(&ann, Gen(1)).await.expect("a home");
        world.fake.trouble("efs.DeleteAccessPoint", trouble);
        let lost = world.homes.purge(&ann, Gen(1)).await;
        assert!(matches!(lost, Err(Fault::Unavailable { .. })), "{lost:?}");
        world.homes.purge(&ann, Gen(1)).await.expect("purged");
        assert!(points(&world).is_empty());
        assert_eq!(leftovers(&world).await.list().await.expect("a list").len(), 1);
    }
}

/// The function dies between making the access point and writing it down.
#[tokio::test]
async fn a_purge_finds_a_home_that_was_never_written_down() {
    let world = world().await;
    let ann = id("ann");
    world.fake.trouble("efs.CreateAccessPoint", Trouble::ActsAndIsLost);
    world.homes.ensure(&ann, Gen(1)).await.expect_err("the answer is lost");
    assert_eq!(points(&world).len(), 1);
    world.homes.purge(&ann, Gen(1)).await.expect("purged");
    assert!(points(&world).is_empty());
}
