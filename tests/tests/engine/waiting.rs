//! Long waits, outages of the engine itself, and what may not be lost meanwhile.

use events::{Class, Event, Gen, Status, Step};
use jiff::SignedDuration;
use ports::Fault;

use crate::rig::Rig;
use crate::system::{System, id};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

async fn no_dead_letters(system: &System) {
    for class in Class::ALL {
        let letters = system.world.bus.queue().dead_letters(class, 10).await.expect("read");
        assert!(letters.is_empty(), "{} has {letters:?}", class.name());
    }
}

#[tokio::test]
async fn an_agent_that_takes_long_until_it_is_ready_makes_no_dead_letter() {
    let system = System::new("patience");
    system.outside.state().not_yet = 100;
    system.log_in("ann").await;
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Ready);
    no_dead_letters(&system).await;
}

#[tokio::test]
async fn of_many_messages_that_wait_for_the_same_one_goes_on() {
    let system = System::new("many");
    system.outside.state().not_yet = usize::MAX;
    system.log_in("ann").await;
    for _ in 0..40 {
        let nudge = ports::Nudge { about: id("ann").into(), cause: None };
        let message = ports::Outgoing { nudge, group: None, delay: std::time::Duration::ZERO };
        system.world.bus.nudge(Class::Routing, message).await.expect("sent");
    }
    let mut delivered = Vec::new();
    for _ in 0..60 {
        delivered.push(system.turn(SignedDuration::from_millis(250)).await);
    }
    assert!(delivered[..10].iter().sum::<usize>() >= 40, "{delivered:?}");
    assert!(delivered[10..].iter().all(|count| *count <= 3), "{delivered:?}");
    assert!(delivered[10..].iter().sum::<usize>() >= 25, "it goes on asking: {delivered:?}");
    system.outside.state().not_yet = 0;
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Ready);
    no_dead_letters(&system).await;
}

#[tokio::test]
async fn a_timer_whose_nudge_cannot_be_sent_stays() {
    let rig = Rig::ready().await;
    rig.messages().await;
    let fires = async || {
        let (bus, timers) = (&rig.world.bus, &*rig.memory);
        producers::cron_wake::fire(bus, timers, std::time::Duration::ZERO).await.expect("read")
    };
    rig.skip(SignedDuration::from_mins(31));
    rig.memory.fail_a_send();
    assert_eq!(fires().await, 0);
    assert_eq!(fires().await, 1);
    assert_eq!(rig.messages().await.len(), 1);
    assert_eq!(fires().await, 0, "it fired");
}

#[tokio::test]
async fn who_is_behind_does_not_set_anew_a_timer_that_has_fired() {
    let rig = Rig::ready().await;
    rig.messages().await;
    rig.skip(SignedDuration::from_mins(31));
    let behind = rig.ahead(SignedDuration::from_mins(-20));
    let nudge = Some(ports::Nudge { about: id("ann").into(), cause: None });
    let handle = ports::Handle("by hand".to_owned());
    let delivery = ports::Delivery { handle, nudge, receives: 1, sent: rig.world.bus.now() };
    behind.handle(Class::Routing, &delivery).await;
    let told = |envelope: &events::Envelope| matches!(envelope.event, Event::NoticeGiven { .. });
    assert!(rig.history().await.iter().any(told), "it was idle when the message was sent");
}

#[tokio::test]
async fn a_busy_agent_that_is_asked_to_finish_many_times_makes_no_dead_letter() {
    let system = System::new("insisting");
    system.log_in("ann").await;
    system.rest().await;
    system.outside.state().busy = Some("a turn".to_owned());
    let reason = events::StopReason::Admin;
    producers::command::stop(&system.world.bus, &id("ann"), reason).await.expect("asked");
    system.deliver_often(60).await;
    no_dead_letters(&system).await;
    assert_eq!(system.status("ann").await, Status::Stopping);
    system.outside.state().busy = None;
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Asleep);
}

#[tokio::test]
async fn a_start_goes_on_after_an_hour_in_which_the_engine_was_off() {
    let system = System::new("off");
    system.log_in("ann").await;
    system.pass(HOUR).await;
    assert_eq!(system.status("ann").await, Status::Ready, "nothing was tried in vain");
}

#[tokio::test]
async fn an_agent_that_came_up_while_the_engine_was_off_is_found_ready() {
    let system = System::new("adopted");
    system.outside.state().silent = true;
    system.log_in("ann").await;
    system.deliver_often(20).await;
    assert_eq!(system.status("ann").await, Status::Starting);
    system.outside.listen();
    system.pass(HOUR).await;
    assert_eq!(system.status("ann").await, Status::Ready);
    assert_eq!(system.outside.state().starts, 1);
}

#[tokio::test]
async fn an_agent_that_never_listens_is_refused_at_its_deadline_with_a_reason() {
    let system = System::new("silent");
    system.outside.state().silent = true;
    system.log_in("ann").await;
    system.deliver_often(20).await;
    let waited = system.events("ann").await;
    let failed = |event: &Event| matches!(event, Event::StepRetried { .. });
    assert!(!waited.iter().any(failed), "to wait is no failure: {waited:?}");
    system.pass(SignedDuration::from_secs(181)).await;
    let workspace = system.workspace("ann").await;
    assert_eq!(workspace.status(), Status::Failed);
    let reason = &workspace.trouble().expect("a reason").reason;
    assert_eq!(reason.class, events::ReasonClass::NotReadyInTime);
    assert_eq!(system.things().await, (0, 0, 0));
}

#[tokio::test]
async fn an_agent_that_is_never_ready_is_refused_at_its_deadline_with_a_reason() {
    let system = System::new("never");
    system.outside.state().not_yet = usize::MAX;
    system.log_in("ann").await;
    system.deliver_often(5).await;
    assert_eq!(system.workspace("ann").await.current_step(), Some(Step::ProbeReady));
    system.pass(HOUR).await;
    let workspace = system.workspace("ann").await;
    assert_eq!(workspace.status(), Status::Failed);
    let reason = &workspace.trouble().expect("a reason").reason;
    assert_eq!(reason.class, events::ReasonClass::NotReadyInTime);
}

#[tokio::test]
async fn a_teardown_goes_on_after_an_hour_in_which_the_engine_was_off() {
    let system = System::new("off-down");
    system.log_in("ann").await;
    system.rest().await;
    let reason = events::StopReason::Admin;
    producers::command::stop(&system.world.bus, &id("ann"), reason).await.expect("asked");
    system.outside.fail("stop_task", Fault::unavailable("the compute", "it does not answer"));
    system.pass(HOUR).await;
    assert_eq!(system.status("ann").await, Status::Asleep);
    let events = system.events("ann").await;
    assert!(!events.iter().any(|event| matches!(event, Event::Parked { .. })));
}

#[tokio::test]
async fn a_step_that_panics_is_parked_for_a_human() {
    let system = System::new("bug");
    system.outside.state().panics = Some("run_task");
    system.log_in("ann").await;
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Parked);
    system.outside.state().panics = None;
    producers::command::replay(&system.world.bus, &id("ann"), None).await.expect("replayed");
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Ready);
}

#[tokio::test]
async fn the_schedule_of_an_agent_that_answers_no_more_is_kept() {
    let system = System::new("deaf");
    system.log_in("ann").await;
    system.rest().await;
    let due = system.world.bus.now() + SignedDuration::from_hours(8);
    system.outside.state().wakes = vec![due];
    system.pass(SignedDuration::from_mins(30)).await;
    for _ in 0..10 {
        system.outside.fail("wake_times", Fault::unavailable("the agent", "it hangs"));
        system.outside.fail("quiesce", Fault::unavailable("the agent", "it hangs"));
    }
    system.pass(SignedDuration::from_mins(2)).await;
    assert_eq!(system.status("ann").await, Status::Asleep);
    assert_eq!(system.workspace("ann").await.next_wake(), Some(due));
    system.pass(SignedDuration::from_hours(8)).await;
    assert_eq!(system.workspace("ann").await.generation().0, 2, "it was woken");
}

#[tokio::test]
async fn work_that_was_due_long_ago_keeps_nobody_awake_and_wakes_nobody() {
    let system = System::new("overdue");
    system.log_in("ann").await;
    system.rest().await;
    system.outside.state().wakes = vec![system.world.bus.now() - HOUR];
    system.pass(SignedDuration::from_mins(30)).await;
    system.pass(SignedDuration::from_mins(2)).await;
    assert_eq!(system.status("ann").await, Status::Asleep);
    system.pass(HOUR).await;
    assert_eq!(system.status("ann").await, Status::Asleep);
}

#[tokio::test]
async fn many_messages_at_once_use_up_one_try_of_a_step_that_fails() {
    let rig = Rig::new();
    for _ in 0..20 {
        rig.outside.fail("prepare_home", Fault::unavailable("the homes", "they are away"));
    }
    rig.log_in().await;
    let messages = rig.messages().await;
    for _ in 0..20 {
        for (class, delivery) in &messages {
            rig.handle(*class, delivery).await;
        }
    }
    let failures = rig.workspace().await.failures(Gen(1), Step::PrepareHome, false);
    assert_eq!(failures, 1, "it rests after a failure, whatever comes meanwhile");
}
