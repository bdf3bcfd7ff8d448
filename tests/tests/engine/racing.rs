//! Two at once, in every order of their calls: whatever the order, nothing is stuck, left over,
//! doubled or lost.

use consumers::sweeper::sweep;
use events::{Activity, Class, Status};
use jiff::SignedDuration;
use ports::{Delivery, Handle, Nudge};

use crate::rig::{Part, Rig, every_order, late_at_every_call};
use crate::system::id;

/// How many deliveries a start takes.
const STEPS: usize = 8;

async fn nothing(_: &Rig) {}

fn logs_in(rig: &Rig) -> Part {
    let rig = rig.clone();
    Box::pin(async move { rig.log_in().await })
}

fn stops(rig: &Rig) -> Part {
    let rig = rig.clone();
    Box::pin(async move { rig.stop().await })
}

/// Somebody handles a message about the workspace, whatever is next.
fn handles(rig: &Rig, class: Class) -> Part {
    let rig = rig.clone();
    let nudge = Some(Nudge { about: id("ann").into(), cause: None });
    let handle = Handle("by hand".to_owned());
    let sent = jiff::Timestamp::UNIX_EPOCH;
    let delivery = Delivery { handle, nudge, receives: 1, sent };
    Box::pin(async move { rig.handle(class, &delivery).await })
}

fn observes(rig: &Rig) -> Part {
    let rig = rig.clone();
    Box::pin(async move {
        rig.observe().await;
    })
}

fn uses(rig: &Rig) -> Part {
    let rig = rig.clone();
    Box::pin(async move {
        let (bus, now) = (&rig.world.bus, rig.world.bus.now());
        producers::activity::note(bus, &id("ann"), Activity::UserInput, now).await.expect("noted");
    })
}

/// On its way up, after so many deliveries.
async fn starting(deliveries: usize) -> Rig {
    let rig = Rig::new();
    rig.log_in().await;
    for _ in 0..deliveries {
        for (class, delivery) in rig.messages().await {
            rig.handle(class, &delivery).await;
        }
    }
    rig
}

/// Told that it stops for idleness, and the time is over.
async fn told() -> Rig {
    let rig = Rig::ready().await;
    rig.skip(SignedDuration::from_mins(30));
    rig.rest().await;
    rig.skip(SignedDuration::from_mins(2));
    rig
}

/// The queue that what is next belongs to.
async fn class_of(rig: &Rig) -> Class {
    let bus = &rig.world.bus;
    events::workspace::class_of(&events::next(&rig.workspace().await, bus.policy(), bus.now()))
}

#[tokio::test]
async fn two_logins_start_one_task() {
    let setup = async || Rig::new();
    let once = async |rig: &Rig| {
        assert_eq!(rig.workspace().await.status(), Status::Ready);
        assert_eq!(rig.outside.state().starts, 1);
    };
    assert!(every_order(setup, |rig| [logs_in(rig), logs_in(rig)], once).await > 50);
}

#[tokio::test]
async fn a_login_and_a_stop_agree() {
    every_order(async || Rig::new(), |rig| [logs_in(rig), stops(rig)], nothing).await;
    every_order(Rig::ready, |rig| [logs_in(rig), stops(rig)], nothing).await;
    for deliveries in 0..STEPS {
        let setup = async || starting(deliveries).await;
        every_order(setup, |rig| [logs_in(rig), stops(rig)], nothing).await;
    }
}

#[tokio::test]
async fn a_step_and_a_stop_agree_at_every_step() {
    for deliveries in 0..STEPS {
        let class = class_of(&starting(deliveries).await).await;
        let setup = async || starting(deliveries).await;
        let asleep = async |rig: &Rig| {
            assert_eq!(rig.workspace().await.status(), Status::Asleep);
        };
        every_order(setup, |rig| [handles(rig, class), stops(rig)], asleep).await;
    }
}

#[tokio::test]
async fn two_handlers_of_one_workspace_do_what_one_does() {
    for deliveries in 0..STEPS {
        let class = class_of(&starting(deliveries).await).await;
        let setup = async || starting(deliveries).await;
        let ready = async |rig: &Rig| {
            assert_eq!(rig.workspace().await.status(), Status::Ready);
            assert_eq!(rig.outside.state().starts, 1);
        };
        let both = |rig: &Rig| [handles(rig, class), handles(rig, class)];
        late_at_every_call(setup, both, ready).await;
        // The one that must not happen twice.
        if starting(deliveries).await.workspace().await.current_step()
            == Some(events::Step::RunTask)
        {
            every_order(setup, both, ready).await;
        }
    }
}

#[tokio::test]
async fn an_idle_stop_and_a_login_agree() {
    every_order(told, |rig| [handles(rig, Class::Routing), logs_in(rig)], nothing).await;
}

#[tokio::test]
async fn an_idle_stop_never_hits_who_is_active() {
    let orders = every_order(told, |rig| [handles(rig, Class::Routing), uses(rig)], nothing).await;
    assert!(orders > 50, "{orders} orders");
}

#[tokio::test]
async fn an_idle_stop_that_is_on_record_lets_nobody_go_although_its_nudge_was_lost() {
    let rig = told().await;
    rig.memory.fail_a_send();
    handles(&rig, Class::Routing).await;
    assert_eq!(rig.workspace().await.status(), Status::Stopping);
    assert!(rig.outside.state().held, "it would begin new work and be cut");
    sweep(&rig.world).await.expect("swept");
    rig.rest().await;
    rig.check().await;
    assert_eq!(rig.workspace().await.status(), Status::Asleep);
}

#[tokio::test]
async fn two_idle_stops_and_an_idle_stop_and_a_stop_agree() {
    let class = Class::Routing;
    let asleep = async |rig: &Rig| assert_eq!(rig.workspace().await.status(), Status::Asleep);
    late_at_every_call(told, |rig| [handles(rig, class), handles(rig, class)], asleep).await;
    every_order(told, |rig| [handles(rig, class), stops(rig)], asleep).await;
}

#[tokio::test]
async fn a_replay_and_a_stop_agree() {
    for parked in [false, true] {
        let setup = async || {
            let rig = Rig::new();
            let words = "not like this".to_owned();
            let reason = events::Reason::new(events::ReasonClass::MissingProgram, &words);
            rig.outside.fail(
                "await_address",
                match parked {
                    true => ports::Fault::Nonsense { service: "the compute", words },
                    false => ports::Fault::Refused(reason),
                },
            );
            rig.log_in().await;
            rig.rest().await;
            rig
        };
        let replays = |rig: &Rig| -> Part {
            let rig = rig.clone();
            Box::pin(async move {
                // Refused when the stop was faster.
                let _ = producers::command::replay(&rig.world.bus, &id("ann"), None).await;
            })
        };
        let asleep = async |rig: &Rig| assert_eq!(rig.workspace().await.status(), Status::Asleep);
        every_order(setup, |rig| [replays(rig), stops(rig)], asleep).await;
    }
}

#[tokio::test]
async fn what_the_compute_says_and_a_step_agree() {
    for deliveries in 3..STEPS {
        for crashed in [false, true] {
            let class = class_of(&starting(deliveries).await).await;
            let setup = async || {
                let rig = starting(deliveries).await;
                if crashed && !rig.outside.state().live_tasks().is_empty() {
                    rig.observe().await;
                    rig.outside.crash(&id("ann"));
                }
                rig
            };
            let steps = |rig: &Rig| [handles(rig, class), observes(rig)];
            let says = |rig: &Rig| [observes(rig), handles(rig, class)];
            late_at_every_call(setup, steps, nothing).await;
            late_at_every_call(setup, says, nothing).await;
            if class == Class::Routing {
                every_order(setup, steps, nothing).await;
            }
        }
    }
}

#[tokio::test]
async fn the_sweeper_takes_nothing_that_a_start_or_a_stop_is_about_to_record() {
    let sweeps = |rig: &Rig| -> Part {
        let rig = rig.clone();
        Box::pin(async move {
            for pause in [0, 51, 1] {
                rig.skip(SignedDuration::from_secs(pause));
                sweep(&rig.world).await.expect("swept");
            }
        })
    };
    for deliveries in 0..STEPS {
        let class = class_of(&starting(deliveries).await).await;
        let ready = async |rig: &Rig| {
            assert_eq!(rig.workspace().await.status(), Status::Ready);
            assert_eq!(rig.outside.state().starts, 1);
        };
        let setup = async || starting(deliveries).await;
        late_at_every_call(setup, |rig| [handles(rig, class), sweeps(rig)], ready).await;
        late_at_every_call(setup, |rig| [sweeps(rig), handles(rig, class)], ready).await;
        let setup = async || {
            let rig = Rig::ready().await;
            rig.stop().await;
            rig
        };
        late_at_every_call(setup, |rig| [handles(rig, Class::Compute), sweeps(rig)], nothing).await;
    }
}

#[tokio::test]
async fn an_effect_that_lands_after_its_generation_is_over_leaves_nothing() {
    let stops_and_comes_up_again = |again: bool| {
        move |rig: &Rig| -> Part {
            let rig = rig.clone();
            Box::pin(async move {
                rig.stop().await;
                rig.rest().await;
                if again {
                    rig.log_in().await;
                    rig.rest().await;
                }
            })
        }
    };
    for deliveries in 0..STEPS {
        for again in [false, true] {
            let class = class_of(&starting(deliveries).await).await;
            let over = stops_and_comes_up_again(again);
            let setup = async || starting(deliveries).await;
            let status = if again { Status::Ready } else { Status::Asleep };
            let settled = async |rig: &Rig| {
                assert_eq!(rig.workspace().await.status(), status);
            };
            late_at_every_call(setup, |rig| [handles(rig, class), over(rig)], settled).await;
        }
    }
}
