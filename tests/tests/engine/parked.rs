//! What a human decides about what is parked, for one and for many, and two who decide at once.

use events::workspace::WayOut;
use events::{Event, ReasonClass, Status, Step, StopReason};
use ports::{Fault, Query};
use producers::parked;

use crate::rig::{Part, Rig, every_order};
use crate::system::{System, id};

fn nonsense() -> Fault {
    Fault::Nonsense { service: "the compute", words: "a broken record".to_owned() }
}

/// Parked at this call of a start.
async fn parked_start(call: &'static str) -> System {
    let system = System::new(call);
    system.outside.fail(call, nonsense());
    system.log_in("ann").await;
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Parked);
    system
}

/// Parked while its task should be stopped.
async fn parked_stop() -> System {
    let system = System::new("stop_task");
    system.log_in("ann").await;
    system.rest().await;
    system.outside.fail("stop_task", nonsense());
    let bus = &system.world.bus;
    producers::command::stop(bus, &id("ann"), StopReason::Person).await.expect("asked");
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Parked);
    system
}

async fn decide(system: &System, way: WayOut) {
    parked::decide(&system.world.bus, &id("ann"), way, None).await.expect("an open way");
    system.rest().await;
}

#[tokio::test]
async fn a_parked_start_that_is_retried_comes_up() {
    for call in ["prepare_home", "register_task", "run_task", "await_address", "probe_ready"] {
        let system = parked_start(call).await;
        decide(&system, WayOut::Retry).await;
        assert_eq!(system.status("ann").await, Status::Ready, "{call}");
        assert_eq!(system.things().await, (1, 1, 1), "{call}");
    }
}

#[tokio::test]
async fn a_parked_start_that_is_aborted_leaves_nothing() {
    for call in ["prepare_home", "register_task", "run_task", "await_address", "probe_ready"] {
        let system = parked_start(call).await;
        decide(&system, WayOut::Abort).await;
        assert_eq!(system.status("ann").await, Status::Asleep, "{call}");
        assert_eq!(system.things().await, (0, 0, 0), "{call}");
    }
}

#[tokio::test]
async fn a_step_that_was_done_by_hand_is_not_done_again() {
    let system = parked_start("register_task").await;
    let calls = |system: &System| {
        let state = system.outside.state();
        state.calls.iter().filter(|call| **call == "register_task").count()
    };
    let before = calls(&system);
    decide(&system, WayOut::Skip).await;
    assert_eq!(system.status("ann").await, Status::Ready);
    assert_eq!(calls(&system), before);
}

#[tokio::test]
async fn a_parked_teardown_ends_in_stopped_whichever_way_it_leaves() {
    for way in [WayOut::Retry, WayOut::Skip, WayOut::Abort] {
        let system = parked_stop().await;
        if way == WayOut::Skip {
            system.outside.crash(&id("ann"));
        }
        decide(&system, way).await;
        assert_eq!(system.status("ann").await, Status::Asleep, "{}", way.name());
        assert_eq!(system.things().await, (0, 0, 0), "{}", way.name());
    }
}

#[tokio::test]
async fn a_skipped_undo_of_a_start_that_failed_never_leads_up() {
    let system = System::new("unwinding");
    let reason = events::Reason::new(ReasonClass::MissingProgram, "no such program");
    system.outside.fail("await_address", Fault::Refused(reason));
    system.outside.fail("stop_task", nonsense());
    system.log_in("ann").await;
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Parked);
    system.outside.crash(&id("ann"));
    decide(&system, WayOut::Skip).await;
    assert_eq!(system.status("ann").await, Status::Asleep);
    assert_eq!(system.outside.state().starts, 1);
    assert_eq!(system.things().await, (0, 0, 0));
}

#[tokio::test]
async fn a_refused_way_records_nothing_and_a_dry_run_says_the_same() {
    let system = parked_start("run_task").await;
    let before = system.events("ann").await.len();
    let bus = &system.world.bus;
    let decided = parked::decide(bus, &id("ann"), WayOut::Skip, None).await;
    let checked = parked::check(bus, &id("ann"), WayOut::Skip).await;
    for refused in [decided.map(drop), checked] {
        assert!(matches!(refused, Err(Fault::Refused(_))), "{refused:?}");
    }
    parked::check(bus, &id("ann"), WayOut::Abort).await.expect("it would");
    assert_eq!(system.events("ann").await.len(), before);
}

#[tokio::test]
async fn a_row_tells_reason_request_hint_and_the_ways_that_are_open() {
    let system = System::new("row");
    let reason = events::Reason::new(ReasonClass::Taken, "it is somebody else's");
    let reason = events::Reason { request: Some("4711".to_owned()), ..reason.with_hint("ask") };
    system.log_in("ann").await;
    system.rest().await;
    system.outside.fail("stop_task", Fault::Refused(reason.clone()));
    let bus = &system.world.bus;
    producers::command::stop(bus, &id("ann"), StopReason::Person).await.expect("asked");
    system.rest().await;
    let rows = parked::find(bus, Query::default()).await.expect("found");
    let [row] = &*rows else { panic!("{rows:?}") };
    assert_eq!((row.step, row.undoing), (Some(Step::RunTask), true));
    assert_eq!(row.reason.as_ref(), Some(&reason));
    assert_eq!(row.ways_out, [WayOut::Retry, WayOut::Skip, WayOut::Abort]);
    let other = Query { step: Some(Step::OpenRoute), ..Query::default() };
    assert_eq!(parked::find(bus, other).await.expect("found"), []);
    let team = Query { team: "red".parse().ok(), ..Query::default() };
    assert_eq!(parked::find(bus, team).await.expect("found"), []);
}

/// Parked at a start or at a teardown, in memory.
async fn parked_rig(undoing: bool) -> Rig {
    let rig = if undoing { Rig::ready().await } else { Rig::new() };
    rig.outside.fail(if undoing { "stop_task" } else { "await_address" }, nonsense());
    if undoing {
        rig.stop().await
    } else {
        rig.log_in().await
    }
    rig.rest().await;
    assert_eq!(rig.workspace().await.status(), Status::Parked);
    rig
}

fn decides(rig: &Rig, way: WayOut) -> Part {
    let rig = rig.clone();
    Box::pin(async move {
        // Refused when the other was faster, or when that way is closed.
        let _ = parked::decide(&rig.world.bus, &id("ann"), way, None).await;
    })
}

#[tokio::test]
async fn of_two_who_decide_at_once_one_is_heard() {
    for undoing in [false, true] {
        for (one, two) in [
            (WayOut::Retry, WayOut::Abort),
            (WayOut::Abort, WayOut::Abort),
            (WayOut::Retry, WayOut::Retry),
        ] {
            let lifted = async |rig: &Rig| {
                let history = rig.history().await;
                let replays =
                    history.iter().filter(|it| matches!(it.event, Event::ReplayRequested { .. }));
                assert!(replays.count() <= 1, "both were heard");
                let aborted = one == WayOut::Abort || undoing;
                let status = rig.workspace().await.status();
                assert!(!aborted || status == Status::Asleep, "{status:?}");
            };
            let setup = async || parked_rig(undoing).await;
            every_order(setup, |rig| [decides(rig, one), decides(rig, two)], lifted).await;
        }
    }
}

#[tokio::test]
async fn an_abort_and_a_login_a_stop_or_a_handler_agree() {
    for undoing in [false, true] {
        let setup = async || parked_rig(undoing).await;
        let asleep = async |rig: &Rig| assert_eq!(rig.workspace().await.status(), Status::Asleep);
        let stops = |rig: &Rig| -> Part {
            let rig = rig.clone();
            Box::pin(async move { rig.stop().await })
        };
        let aborts = |rig: &Rig| decides(rig, WayOut::Abort);
        every_order(setup, |rig| [aborts(rig), stops(rig)], asleep).await;
        let logs_in = |rig: &Rig| -> Part {
            let rig = rig.clone();
            Box::pin(async move { rig.log_in().await })
        };
        every_order(setup, |rig| [aborts(rig), logs_in(rig)], async |_| {}).await;
    }
}
