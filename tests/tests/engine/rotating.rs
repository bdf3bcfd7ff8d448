//! Rotations over the real stores of one machine, and in the fake world with every place to die at.

use events::rotation::{RequestedBy, Standing};
use events::token::key_print;
use events::{KeyPrint, ProviderId, RotationId, Secret};
use jiff::SignedDuration;
use producers::rotation::{self, Order};

use crate::system::System;

fn provider() -> ProviderId {
    "anthropic".parse().expect("an id")
}

fn print(key: &str) -> KeyPrint {
    key_print(&Secret::new(key))
}

fn order(new: &str) -> Order {
    let (new, retire) = (vec![Secret::new(new)], None);
    Order { provider: provider(), requested_by: RequestedBy::Schedule, new, retire }
}

async fn begin(system: &System, new: &str) -> Result<RotationId, ports::Fault> {
    let (pools, keys) = (&system.world.pools, &*system.world.keys);
    rotation::request(pools, keys, &order(new)).await.map(|(id, _)| id)
}

async fn standing(system: &System) -> Standing {
    let loaded = system.world.pools.lists().load(&provider()).await.expect("loaded");
    loaded.rotations.current().expect("a rotation").standing
}

async fn pool(system: &System) -> Vec<KeyPrint> {
    let keys = system.world.keys.of("anthropic").await.expect("read");
    keys.into_iter().map(|key| key.print).collect()
}

/// Passes the times after which every sidecar has looked at the pool again.
async fn pass(system: &System) {
    system.rest().await;
    for _ in 0..3 {
        system.pass(SignedDuration::from_secs(70)).await;
    }
}

#[tokio::test]
async fn the_old_key_leaves_only_after_every_sidecar_has_seen_the_new_one() {
    let system = System::new("rotates");
    system.world.keys.add("anthropic", Secret::new("old")).await.expect("added");
    begin(&system, "new").await.expect("asked");
    system.rest().await;
    assert_eq!(pool(&system).await, [print("old"), print("new")], "both, while sidecars look");
    assert_eq!(standing(&system).await, Standing::Running);
    system.pass(SignedDuration::from_secs(70)).await;
    assert_eq!(pool(&system).await, [print("new")]);
    assert_eq!(standing(&system).await, Standing::Running, "somebody may use the old one still");
    system.pass(SignedDuration::from_secs(70)).await;
    assert_eq!(standing(&system).await, Standing::Rotated);
    let beside = system.world.keys.staged(&provider(), events::rotation::Number(1)).await;
    assert!(beside.expect("read").is_empty(), "nothing lies beside the pool");
}

#[tokio::test]
async fn a_refused_key_leaves_the_old_one_in_force_and_a_replay_finds_it_mended() {
    let system = System::new("refused");
    system.world.keys.add("anthropic", Secret::new("old")).await.expect("added");
    system.outside.state().refused_keys.insert(print("new"));
    let id = begin(&system, "new").await.expect("asked");
    pass(&system).await;
    assert_eq!(standing(&system).await, Standing::Refused);
    assert_eq!(pool(&system).await, [print("old")]);
    let loaded = system.world.pools.lists().load(&provider()).await.expect("loaded");
    let reason = loaded.rotations.current().and_then(|it| it.reason).expect("a reason");
    assert!(reason.words.contains(&print("new").0) && reason.words.contains("401"), "{reason}");
    system.outside.state().refused_keys.clear();
    rotation::replay(&system.world.pools, &id, None).await.expect("replayed");
    pass(&system).await;
    assert_eq!(standing(&system).await, Standing::Rotated);
    assert_eq!(pool(&system).await, [print("new")]);
}

#[tokio::test]
async fn a_second_rotation_of_the_same_keys_is_refused_in_plain_words() {
    let system = System::new("second");
    system.world.keys.add("anthropic", Secret::new("old")).await.expect("added");
    let first = begin(&system, "new").await.expect("asked");
    let refused = begin(&system, "other").await.expect_err("one at a time");
    assert!(refused.to_string().contains(&first.to_string()), "{refused}");
    pass(&system).await;
    assert_eq!(pool(&system).await, [print("new")], "the first one goes on");
    assert_eq!(begin(&system, "third").await.expect("the first is over").rotation.0, 2);
}

#[tokio::test]
async fn no_workspace_is_heard_of_because_of_a_rotation() {
    let system = System::new("apart");
    system.world.keys.add("anthropic", Secret::new("old")).await.expect("added");
    begin(&system, "new").await.expect("asked");
    pass(&system).await;
    let swept = system.sweep().await;
    assert_eq!(swept, consumers::sweeper::Swept::default());
    let rows = system.world.bus.find_all(&ports::Query::default()).await.expect("searched");
    assert!(rows.is_empty(), "{rows:?}");
}

/// Every place to die at, every call to go wrong: `tests/src/matrix/rotations.rs`.
#[test]
fn wherever_it_dies_and_whatever_fails_a_rotation_ends_with_good_keys_in_force() {
    let tally = tests::matrix::rotations();
    assert!(tally.count() > 1_000, "{:?}", tally.cases);
    assert!(
        tally.failures.is_empty(),
        "{}: {:#?}",
        tally.failures.len(),
        &tally.failures[..tally.failures.len().min(5)]
    );
}
