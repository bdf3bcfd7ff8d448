//! Deleting a person: nothing is left but the record, whoever acts at the same moment.

use events::workspace::WayOut;
use events::{Class, Event, Status, StopReason};
use jiff::SignedDuration;
use ports::{Delivery, Fault, Handle, Nudge};

use crate::rig::{Part, Rig, every_order, late_at_every_call};
use crate::system::{System, id};

/// How many deliveries a start takes.
const STEPS: usize = 8;

async fn delete(system: &System) {
    producers::command::delete(&system.world.bus, &id("ann")).await.expect("asked");
}

/// No home and no registration, or those of a generation that began after the deletion.
async fn nothing_of_before(rig: &Rig) {
    let workspace = rig.workspace().await;
    let state = rig.outside.state();
    assert_eq!(workspace.purging(), None, "it rests before it is over");
    if workspace.is_deleted() {
        assert_eq!(workspace.status(), Status::Asleep);
        assert!(state.homes.is_empty() && state.registered.is_empty(), "something is left");
    } else {
        let home = state.homes.get(&id("ann")).copied();
        assert_eq!((workspace.status(), home), (Status::Ready, Some(workspace.generation())));
    }
}

fn deletes(rig: &Rig) -> Part {
    let rig = rig.clone();
    Box::pin(async move {
        producers::command::delete(&rig.world.bus, &id("ann")).await.expect("asked");
    })
}

fn logs_in(rig: &Rig) -> Part {
    let rig = rig.clone();
    Box::pin(async move { rig.log_in().await })
}

fn stops(rig: &Rig) -> Part {
    let rig = rig.clone();
    Box::pin(async move { rig.stop().await })
}

fn handles(rig: &Rig, class: Class) -> Part {
    let rig = rig.clone();
    let nudge = Some(Nudge { about: id("ann").into(), cause: None });
    let handle = Handle("by hand".to_owned());
    let delivery = Delivery { handle, nudge, receives: 1, sent: jiff::Timestamp::UNIX_EPOCH };
    Box::pin(async move { rig.handle(class, &delivery).await })
}

/// Deletes, and lets it come to its end; then somebody may come back.
fn deletes_for_good(again: bool) -> impl Fn(&Rig) -> Part {
    move |rig| {
        let rig = rig.clone();
        Box::pin(async move {
            deletes(&rig).await;
            rig.rest().await;
            if again {
                rig.log_in().await;
                rig.rest().await;
            }
        })
    }
}

/// After so many deliveries.
async fn after(first: impl AsyncFn(&Rig), deliveries: usize) -> Rig {
    let rig = Rig::new();
    first(&rig).await;
    for _ in 0..deliveries {
        for (class, delivery) in rig.messages().await {
            rig.handle(class, &delivery).await;
        }
    }
    rig
}

async fn starting(deliveries: usize) -> Rig {
    after(async |rig| rig.log_in().await, deliveries).await
}

async fn class_of(rig: &Rig) -> Class {
    let bus = &rig.world.bus;
    events::workspace::class_of(&events::next(&rig.workspace().await, bus.policy(), bus.now()))
}

#[tokio::test]
async fn who_is_deleted_leaves_nothing_and_begins_anew() {
    let system = System::new("deleted");
    system.log_in("ann").await;
    system.rest().await;
    delete(&system).await;
    assert_eq!(system.status("ann").await, Status::Stopping);
    system.rest().await;
    let workspace = system.workspace("ann").await;
    assert!(workspace.is_deleted() && workspace.status() == Status::Asleep);
    assert_eq!(system.things().await, (0, 0, 0));
    assert!(
        system.outside.state().homes.is_empty() && system.outside.state().registered.is_empty()
    );
    let before = system.events("ann").await.len();
    delete(&system).await;
    assert_eq!(system.events("ann").await.len(), before, "once is enough");
    system.log_in("ann").await;
    system.rest().await;
    let workspace = system.workspace("ann").await;
    assert_eq!((workspace.status(), workspace.generation().0), (Status::Ready, 2));
    assert_eq!(system.outside.state().homes.get(&id("ann")), Some(&workspace.generation()));
}

#[tokio::test]
async fn who_sleeps_or_failed_is_deleted_too() {
    for failed in [false, true] {
        let system = System::new("asleep");
        if failed {
            let reason = events::Reason::new(events::ReasonClass::BadConfig, "not like this");
            system.outside.fail("await_address", Fault::Refused(reason));
        }
        system.log_in("ann").await;
        system.rest().await;
        if !failed {
            let bus = &system.world.bus;
            producers::command::stop(bus, &id("ann"), StopReason::Person).await.expect("asked");
            system.rest().await;
        }
        delete(&system).await;
        system.rest().await;
        assert!(system.workspace("ann").await.is_deleted());
        assert!(system.outside.state().homes.is_empty());
    }
}

#[tokio::test]
async fn a_home_that_cannot_be_removed_is_parked_once_and_a_retry_ends_it() {
    let system = System::new("stuck");
    system.log_in("ann").await;
    system.rest().await;
    system.outside.fail("remove_home", Fault::Taken { resource: "the home".to_owned() });
    delete(&system).await;
    system.rest().await;
    let workspace = system.workspace("ann").await;
    assert_eq!(workspace.status(), Status::Parked);
    assert_eq!(events::workspace::ways_out(&workspace), [WayOut::Retry]);
    let parked = |event: &&Event| matches!(event, Event::Parked { .. });
    assert_eq!(system.events("ann").await.iter().filter(parked).count(), 1);
    producers::command::replay(&system.world.bus, &id("ann"), None).await.expect("retried");
    system.rest().await;
    assert!(system.workspace("ann").await.is_deleted());
    assert!(system.outside.state().homes.is_empty());
}

#[tokio::test]
async fn a_home_that_fails_too_often_is_parked_and_is_not_forgotten() {
    let system = System::new("often");
    system.log_in("ann").await;
    system.rest().await;
    for _ in 0..events::workspace::FAILURES_MAX {
        system.outside.fail("remove_home", Fault::unavailable("the homes", "no answer"));
    }
    delete(&system).await;
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Parked);
    let (bus, ann) = (&system.world.bus, id("ann"));
    producers::parked::decide(bus, &ann, WayOut::Retry, None).await.expect("open");
    system.rest().await;
    assert!(system.workspace("ann").await.is_deleted());
}

#[tokio::test]
async fn who_is_deleted_is_not_woken_by_the_schedule() {
    let system = System::new("schedule");
    system.log_in("ann").await;
    system.rest().await;
    let due = system.world.bus.now() + SignedDuration::from_hours(8);
    system.outside.state().wakes = vec![due];
    system.pass(SignedDuration::from_mins(30)).await;
    system.pass(SignedDuration::from_mins(3)).await;
    assert_eq!(system.status("ann").await, Status::Asleep);
    delete(&system).await;
    system.rest().await;
    system.pass(SignedDuration::from_hours(9)).await;
    assert!(system.workspace("ann").await.is_deleted());
}

#[tokio::test]
async fn a_deletion_and_a_login_agree() {
    every_order(Rig::ready, |rig| [deletes(rig), logs_in(rig)], nothing_of_before).await;
    for deliveries in [0, 3] {
        let setup = async || starting(deliveries).await;
        every_order(setup, |rig| [deletes(rig), logs_in(rig)], nothing_of_before).await;
    }
}

#[tokio::test]
async fn a_deletion_and_a_stop_or_another_deletion_agree() {
    let gone = async |rig: &Rig| {
        nothing_of_before(rig).await;
        assert!(rig.workspace().await.is_deleted());
    };
    for deliveries in [0, 3] {
        let setup = async || starting(deliveries).await;
        every_order(setup, |rig| [deletes(rig), stops(rig)], gone).await;
        every_order(setup, |rig| [deletes(rig), deletes(rig)], gone).await;
    }
    every_order(Rig::ready, |rig| [deletes(rig), stops(rig)], gone).await;
}

#[tokio::test]
async fn a_step_that_lands_after_the_deletion_makes_nothing() {
    for deliveries in 0..STEPS {
        for again in [false, true] {
            let class = class_of(&starting(deliveries).await).await;
            let setup = async || starting(deliveries).await;
            let over = deletes_for_good(again);
            late_at_every_call(setup, |rig| [handles(rig, class), over(rig)], nothing_of_before)
                .await;
        }
    }
}

#[tokio::test]
async fn two_handlers_of_a_deletion_do_what_one_does_and_take_nothing_from_who_comes_back() {
    let first = async |rig: &Rig| {
        rig.log_in().await;
        rig.rest().await;
        deletes(rig).await;
    };
    for deliveries in 0..STEPS {
        let rig = after(first, deliveries).await;
        if rig.workspace().await.is_deleted() {
            break;
        }
        let class = class_of(&rig).await;
        let setup = async || after(first, deliveries).await;
        let comes_back = |rig: &Rig| -> Part {
            let rig = rig.clone();
            Box::pin(async move {
                rig.rest().await;
                rig.log_in().await;
                rig.rest().await;
            })
        };
        let both = |rig: &Rig| [handles(rig, class), comes_back(rig)];
        late_at_every_call(setup, both, nothing_of_before).await;
    }
}
