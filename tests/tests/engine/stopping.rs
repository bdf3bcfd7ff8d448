//! Stops that meet trouble, and replays from every step.

use events::step::STEPS;
use events::{Event, Gen, Status, Step, StopReason};
use jiff::SignedDuration;
use ports::Fault;

use crate::system::{System, id};

fn nonsense() -> Fault {
    Fault::Nonsense { service: "the compute", words: "a broken record".to_owned() }
}

async fn up(name: &str) -> System {
    let system = System::new(name);
    system.log_in("ann").await;
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Ready);
    system
}

async fn stop(system: &System, reason: StopReason) {
    producers::command::stop(&system.world.bus, &id("ann"), reason).await.expect("asked");
}

async fn replay(system: &System, from: Option<events::Step>) {
    producers::command::replay(&system.world.bus, &id("ann"), from).await.expect("replayed");
}

#[tokio::test]
async fn a_parked_start_can_be_replayed_from_every_step() {
    for call in ["register_task", "run_task", "await_address", "probe_ready"] {
        for from in STEPS {
            let system = System::new(call);
            system.outside.fail(call, nonsense());
            system.log_in("ann").await;
            system.rest().await;
            assert_eq!(system.status("ann").await, Status::Parked);
            replay(&system, Some(from)).await;
            system.rest().await;
            let what = format!("parked at {call}, replayed from {}", from.name());
            assert_eq!(system.status("ann").await, Status::Ready, "{what}");
            assert_eq!(system.things().await, (1, 1, 1), "{what}");
            assert_eq!(system.outside.state().most_alive, 1, "{what}");
        }
    }
}

#[tokio::test]
async fn a_teardown_that_makes_no_sense_is_parked_once_whatever_try_it_is_of() {
    let system = up("second-try").await;
    system.outside.crash(&id("ann"));
    system.rest().await;
    system.pass(SignedDuration::from_secs(6)).await;
    let workspace = system.workspace("ann").await;
    assert_eq!((workspace.status(), workspace.attempt().0), (Status::Ready, 2));
    stop(&system, StopReason::Admin).await;
    system.log_in("ann").await;
    for _ in 0..5 {
        system.outside.fail("stop_task", nonsense());
    }
    system.deliver_often(40).await;
    assert_eq!(system.status("ann").await, Status::Parked);
    let parked = |event: &&Event| matches!(event, Event::Parked { .. });
    assert_eq!(system.events("ann").await.iter().filter(parked).count(), 1);
    system.outside.state().faults.clear();
    replay(&system, None).await;
    system.rest().await;
    let workspace = system.workspace("ann").await;
    assert_eq!((workspace.status(), workspace.generation()), (Status::Ready, Gen(2)));
    assert_eq!(system.things().await, (1, 1, 1));
}

#[tokio::test]
async fn a_parked_start_whose_stop_is_parked_waits_for_a_human_once() {
    let system = System::new("twice");
    system.outside.fail("await_address", nonsense());
    system.log_in("ann").await;
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Parked);
    for _ in 0..5 {
        system.outside.fail("stop_task", nonsense());
    }
    stop(&system, StopReason::Admin).await;
    system.deliver_often(40).await;
    assert_eq!(system.status("ann").await, Status::Parked);
    let parked = |event: &&Event| matches!(event, Event::Parked { undoing: true, .. });
    assert_eq!(system.events("ann").await.iter().filter(parked).count(), 1);
    system.outside.state().faults.clear();
    replay(&system, None).await;
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Asleep);
    assert_eq!(system.things().await, (0, 0, 0));
}

#[tokio::test]
async fn a_stop_that_somebody_means_is_not_lifted_by_the_schedule() {
    for asleep in [false, true] {
        let system = up("meant").await;
        let due = system.world.bus.now() + SignedDuration::from_hours(8);
        system.outside.state().wakes = vec![due];
        system.pass(SignedDuration::from_mins(30)).await;
        let bus = &system.world.bus;
        let idle = StopReason::Idle { last_active: bus.now() };
        stop(&system, idle).await;
        if asleep {
            system.rest().await;
        }
        assert_eq!(system.status("ann").await == Status::Asleep, asleep);
        stop(&system, StopReason::Person).await;
        system.rest().await;
        let ending = system.workspace("ann").await.ending().expect("an ending").reason.clone();
        assert_eq!(ending, StopReason::Person);
        system.pass(SignedDuration::from_hours(8)).await;
        assert_eq!(system.status("ann").await, Status::Asleep);
    }
}

#[tokio::test]
async fn a_task_that_does_not_go_away_is_parked_with_what_it_was_waited_for() {
    let system = System::new("stays");
    system.log_in("ann").await;
    system.rest().await;
    system.outside.state().stays = true;
    let reason = events::StopReason::Admin;
    producers::command::stop(&system.world.bus, &id("ann"), reason).await.expect("asked");
    for _ in 0..12 {
        system.turn(jiff::SignedDuration::from_mins(10)).await;
    }
    let workspace = system.workspace("ann").await;
    assert_eq!(workspace.status(), Status::Parked);
    let trouble = workspace.trouble().expect("a reason");
    assert_eq!((trouble.step, trouble.undoing), (Step::RunTask, true));
    assert_eq!(trouble.reason.class, events::ReasonClass::Unavailable, "{}", trouble.reason);
}
