//! Being left alone: asked, told, stopped, woken; and never stopped while in use.

use events::{Activity, Class, Event, Gen, Status, StopReason};
use jiff::SignedDuration;
use ports::{Delivery, Fault, Handle, Nudge};

use crate::rig::Rig;
use crate::system::{System, id};

const HALF_HOUR: SignedDuration = SignedDuration::from_mins(30);
const NOTICE: SignedDuration = SignedDuration::from_mins(2);

async fn up(name: &str) -> System {
    let system = System::new(name);
    system.log_in("ann").await;
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Ready);
    system
}

async fn used(system: &System, activity: Activity) {
    let (bus, now) = (&system.world.bus, system.world.bus.now());
    producers::activity::note(bus, &id("ann"), activity, now).await.expect("noted");
}

#[tokio::test]
async fn an_idle_workspace_is_told_then_stopped_and_a_login_wakes_it() {
    let system = up("idle").await;
    system.pass(HALF_HOUR).await;
    assert_eq!(system.status("ann").await, Status::Ready, "it is told first");
    let (policy, now) = (system.world.bus.policy(), system.world.bus.now());
    assert!(system.workspace("ann").await.notice(policy, now).is_some());
    assert!(!system.outside.state().held, "it works on until the notice is over");
    system.pass(NOTICE).await;
    assert_eq!(system.status("ann").await, Status::Asleep);
    assert_eq!(system.things().await, (0, 0, 0));
    let ending = system.workspace("ann").await.ending().expect("an ending").reason.clone();
    assert!(matches!(ending, StopReason::Idle { .. }));
    system.log_in("ann").await;
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Ready);
}

#[tokio::test]
async fn use_after_the_notice_keeps_it_awake() {
    let system = up("used").await;
    system.pass(HALF_HOUR).await;
    used(&system, Activity::UserInput).await;
    system.pass(NOTICE).await;
    system.pass(SignedDuration::from_mins(20)).await;
    assert_eq!(system.status("ann").await, Status::Ready);
    assert_eq!(system.workspace("ann").await.generation(), Gen(1), "it was not stopped and woken");
}

#[tokio::test]
async fn a_snooze_puts_the_stop_off() {
    let system = up("snooze").await;
    system.pass(HALF_HOUR).await;
    let hour = SignedDuration::from_hours(1);
    producers::activity::snooze(&system.world.bus, &id("ann"), hour).await.expect("snoozed");
    system.pass(SignedDuration::from_mins(50)).await;
    assert_eq!(system.status("ann").await, Status::Ready);
    system.pass(SignedDuration::from_mins(10)).await;
    system.pass(NOTICE).await;
    assert_eq!(system.status("ann").await, Status::Asleep);
}

#[tokio::test]
async fn a_long_turn_is_never_cut() {
    let system = up("busy").await;
    system.outside.state().busy = Some("a turn".to_owned());
    for _ in 0..120 {
        system.pass(SignedDuration::from_mins(1)).await;
    }
    assert_eq!(system.status("ann").await, Status::Ready);
    system.outside.state().busy = None;
    system.pass(SignedDuration::from_mins(20)).await;
    assert_eq!(system.status("ann").await, Status::Ready, "and the person has time to read");
    system.pass(HALF_HOUR).await;
    system.pass(NOTICE).await;
    assert_eq!(system.status("ann").await, Status::Asleep);
}

#[tokio::test]
async fn the_agents_heartbeat_keeps_nobody_awake() {
    let system = up("heartbeat").await;
    // Half an hour after the last use the agent calls a model by itself, and is busy for a moment.
    system.pass(HALF_HOUR - SignedDuration::from_secs(2)).await;
    used(&system, Activity::AgentTurn).await;
    system.outside.state().busy = Some("a heartbeat".to_owned());
    system.pass(SignedDuration::from_secs(3)).await;
    system.outside.state().busy = None;
    system.pass(SignedDuration::from_mins(1)).await;
    system.pass(NOTICE).await;
    assert_eq!(system.status("ann").await, Status::Asleep);
}

#[tokio::test]
async fn a_turn_that_a_person_began_counts_as_long_as_it_goes_on() {
    let system = up("turn").await;
    used(&system, Activity::UserInput).await;
    for _ in 0..30 {
        system.pass(SignedDuration::from_mins(4)).await;
        used(&system, Activity::AgentTurn).await;
    }
    assert_eq!(system.status("ann").await, Status::Ready);
    let events = system.events("ann").await;
    assert!(!events.iter().any(|event| matches!(event, Event::NoticeGiven { .. })));
}

#[tokio::test]
async fn a_persons_own_time_out_is_respected_within_the_bounds() {
    let system = up("wish").await;
    let bus = &system.world.bus;
    let wish = |time| producers::command::set_idle(bus, id_ann(), Some(time));
    wish(SignedDuration::from_secs(1)).await.expect_err("below the bounds");
    wish(SignedDuration::from_hours(25)).await.expect_err("above the bounds");
    wish(SignedDuration::from_hours(2)).await.expect("within");
    system.pass(SignedDuration::from_mins(100)).await;
    system.pass(NOTICE).await;
    assert_eq!(system.status("ann").await, Status::Ready);
    system.pass(SignedDuration::from_mins(30)).await;
    system.pass(NOTICE).await;
    assert_eq!(system.status("ann").await, Status::Asleep);
}

fn id_ann() -> &'static events::WorkspaceId {
    static ANN: std::sync::OnceLock<events::WorkspaceId> = std::sync::OnceLock::new();
    ANN.get_or_init(|| id("ann"))
}

#[tokio::test]
async fn scheduled_work_wakes_a_sleeping_workspace_in_time() {
    let system = up("cron").await;
    let due = system.world.bus.now() + SignedDuration::from_hours(8);
    system.outside.state().wakes = vec![due];
    system.pass(HALF_HOUR).await;
    system.pass(NOTICE).await;
    assert_eq!(system.status("ann").await, Status::Asleep);
    system.pass(SignedDuration::from_hours(7)).await;
    assert_eq!(system.status("ann").await, Status::Asleep);
    system.pass(SignedDuration::from_mins(27)).await;
    assert_eq!(system.status("ann").await, Status::Ready);
    assert!(system.world.bus.now() < due);
}

#[tokio::test]
async fn work_that_is_due_soon_keeps_it_awake() {
    let system = up("soon").await;
    let due = system.world.bus.now() + SignedDuration::from_mins(35);
    system.outside.state().wakes = vec![due];
    system.pass(HALF_HOUR).await;
    system.pass(NOTICE).await;
    system.pass(SignedDuration::from_mins(20)).await;
    assert_eq!(system.status("ann").await, Status::Ready);
    assert_eq!(system.workspace("ann").await.generation(), Gen(1), "it was not stopped and woken");
}

#[tokio::test]
async fn a_starting_workspace_is_never_stopped_for_idleness() {
    let system = System::new("starting");
    system.log_in("ann").await;
    system.lose_messages().await;
    producers::idle_check::look(&system.world.bus).await.expect("looked");
    let events = system.events("ann").await;
    assert!(!events.iter().any(|event| matches!(event, Event::StopRequested { .. })));
    assert_eq!(system.status("ann").await, Status::Starting);
}

/// An agent that answers nothing is asked a few times, and then judged by activity alone, so that a
/// hung one does not stay up for ever.
#[tokio::test]
async fn only_an_agent_that_was_asked_often_enough_is_taken_for_deaf() {
    for deaf_to in ["wake_times", "quiesce"] {
        for (receives, told) in [(1, false), (4, false), (5, true), (6, true)] {
            let rig = Rig::ready().await;
            rig.messages().await;
            rig.skip(HALF_HOUR + SignedDuration::from_secs(1));
            rig.outside.fail(deaf_to, Fault::unavailable("the agent", "it does not answer"));
            let nudge = Some(Nudge { about: id("ann").into(), cause: None });
            let handle = Handle("by hand".to_owned());
            let sent = jiff::Timestamp::UNIX_EPOCH;
            rig.handle(Class::Routing, &Delivery { handle, nudge, receives, sent }).await;
            let history = rig.history().await;
            let is_told = |event: &Event| matches!(event, Event::NoticeGiven { .. });
            let found = history.iter().any(|envelope| is_told(&envelope.event));
            assert_eq!(found, told, "deaf to {deaf_to}, received {receives} times");
        }
    }
}

#[tokio::test]
async fn an_agent_that_is_stopped_for_idleness_is_not_let_go_before() {
    let rig = Rig::ready().await;
    rig.skip(HALF_HOUR);
    rig.rest().await;
    assert!(!rig.outside.state().held, "it was told, and works on");
    rig.messages().await;
    rig.skip(NOTICE);
    let nudge = Some(Nudge { about: id("ann").into(), cause: None });
    let (handle, sent) = (Handle("by hand".to_owned()), jiff::Timestamp::UNIX_EPOCH);
    rig.handle(Class::Routing, &Delivery { handle, nudge, receives: 1, sent }).await;
    assert_eq!(rig.workspace().await.status(), Status::Stopping);
    assert!(rig.outside.state().held, "it would begin new work and be cut");
}

#[tokio::test]
async fn what_an_agent_says_it_does_is_written_down_without_what_a_terminal_would_obey() {
    let system = up("words").await;
    system.outside.state().busy = Some("a\u{1b}[31m turn\0".to_owned());
    system.pass(HALF_HOUR).await;
    let events = system.events("ann").await;
    let said = |event: &Event| matches!(event, Event::Busy { what, .. } if what == "a[31m turn");
    assert!(events.iter().any(said), "{events:?}");
}
