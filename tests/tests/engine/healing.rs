//! What is lost is found again, what is left over is removed, what ends unexpectedly comes back.

use events::{Attempt, Event, Gen, Limits, Status, StopReason};
use jiff::SignedDuration;
use ports::{Compute as _, Lease, TaskSpec};

use crate::system::{System, id};

#[tokio::test]
async fn lost_messages_cost_one_sweep() {
    let system = System::new("lost");
    system.log_in("ann").await;
    system.lose_messages().await;
    assert_eq!(system.sweep().await.nudged, 1);
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Ready);
}

#[tokio::test]
async fn an_agent_that_ends_by_itself_is_restarted_once_and_then_failed_with_its_reason() {
    let system = System::new("crash");
    system.log_in("ann").await;
    system.rest().await;
    system.outside.crash(&id("ann"));
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Failed);
    assert_eq!(system.things().await, (0, 0, 0), "no route leads to a dead agent");
    system.pass(SignedDuration::from_secs(6)).await;
    assert_eq!(system.status("ann").await, Status::Ready);
    system.outside.crash(&id("ann"));
    system.rest().await;
    system.pass(SignedDuration::from_mins(10)).await;
    let workspace = system.workspace("ann").await;
    assert_eq!(workspace.status(), Status::Failed);
    assert_eq!(workspace.trouble().expect("a reason").reason.words, "it crashed");
    assert_eq!(system.outside.state().starts, 2);
}

#[tokio::test]
async fn what_nobody_owns_is_reported_first_and_removed_at_the_second_look() {
    let system = System::new("orphans");
    system.log_in("ann").await;
    system.rest().await;
    let spec = TaskSpec {
        workspace: id("ghost"),
        generation: Gen(3),
        attempt: Attempt(1),
        client_token: "ghost".to_owned(),
        home: "/homes/ghost".to_owned(),
        token: events::Secret::new("t"),
        pass: events::Secret::new("p"),
    };
    system.outside.run(&spec).await.expect("an orphan");
    let team = "everyone".parse().expect("a name");
    let (workspace, generation, attempt) = (id("ghost"), Gen(3), Attempt(1));
    let lease = Lease { workspace, generation, attempt, team, limits: Limits::default() };
    system.world.leases.grant(&lease).await.expect("an orphan");

    let first = system.sweep().await;
    assert_eq!((first.reported, first.removed), (2, 0));
    assert_eq!(system.things().await, (2, 1, 2), "reported only");
    let second = system.sweep().await;
    assert_eq!((second.reported, second.removed), (0, 2));
    assert_eq!(system.things().await, (1, 1, 1), "ann's own stay");
    assert_eq!(system.sweep().await.removed, 0);
}

#[tokio::test]
async fn a_task_that_vanished_without_a_word_is_noticed_at_the_second_look() {
    let system = System::new("vanished");
    system.log_in("ann").await;
    system.rest().await;
    system.outside.state().tasks.clear();
    system.sweep().await;
    assert_eq!(system.status("ann").await, Status::Ready);
    system.sweep().await;
    system.rest().await;
    system.pass(SignedDuration::from_secs(6)).await;
    assert_eq!(system.status("ann").await, Status::Ready);
    assert_eq!(system.outside.state().starts, 2);
}

#[tokio::test]
async fn a_failed_inventory_removes_nothing() {
    let system = System::new("inventory");
    system.log_in("ann").await;
    system.rest().await;
    for _ in 0..3 {
        let away = ports::Fault::unavailable("the compute", "it does not answer");
        system.outside.fail("list", away);
        consumers::sweeper::sweep(&system.world).await.expect_err("no inventory");
    }
    assert_eq!(system.things().await, (1, 1, 1));
}

#[tokio::test]
async fn a_busy_agent_bounds_a_stop_and_does_not_prevent_it() {
    let system = System::new("forced");
    system.log_in("ann").await;
    system.rest().await;
    system.outside.state().busy = Some("a turn".to_owned());
    let bus = &system.world.bus;
    producers::command::stop(bus, &id("ann"), StopReason::Admin).await.expect("asked");
    system.pass(SignedDuration::from_secs(31)).await;
    assert_eq!(system.status("ann").await, Status::Asleep);
    let events = system.events("ann").await;
    assert!(events.contains(&Event::Quiesced { generation: Gen(1), forced: true }));
}
