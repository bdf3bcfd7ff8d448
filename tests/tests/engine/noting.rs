//! Uses that are noted on the hot path: few writes, and none that matters lost.

use std::sync::Arc;
use std::time::Duration;

use events::{Activity, Event, Policy, Status};
use jiff::SignedDuration;
use producers::Bus;
use producers::activity::{Meter, WRITE_EVERY};
use tokio::sync::Notify;

use crate::bent::Bent;
use crate::system::{System, id};

async fn up(name: &str) -> System {
    let system = System::new(name);
    system.log_in("ann").await;
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Ready);
    system
}

async fn written(system: &System) -> usize {
    let events = system.events("ann").await;
    events.iter().filter(|event| matches!(event, Event::Active { .. })).count()
}

#[tokio::test]
async fn a_use_every_few_seconds_is_written_as_seldom_as_promised() {
    let system = up("often").await;
    let meter = Meter::new(system.world.bus.clone());
    let minutes = 2;
    for _ in 0..minutes * 12 {
        meter.note(&id("ann"), Activity::UserInput);
        system.pass(SignedDuration::from_secs(5)).await;
        meter.flush().await;
    }
    let most = usize::try_from(minutes * 60 / WRITE_EVERY.as_secs()).expect("few") + 1;
    let written = written(&system).await;
    assert!((most / 2..=most).contains(&written), "{written} writes in {minutes} minutes");
}

#[tokio::test]
async fn a_person_s_input_whose_write_fails_is_still_a_person_s_input() {
    let system = up("failing").await;
    let local = &system.local;
    let journal = Arc::new(Bent::new(local.journal()));
    let (queue, timers, policy) = (local.queue(), local.timers(), Policy::default());
    let bus = Bus::new(journal.clone(), queue, timers, local.clock(), local.ids(), policy);
    let meter = Meter::new(bus);
    system.pass(SignedDuration::from_mins(10)).await;
    let gate = Arc::new(Notify::new());
    journal.state().fails_after = Some(gate.clone());
    meter.note(&id("ann"), Activity::UserInput);
    let until = tokio::time::Instant::now() + Duration::from_secs(10);
    while journal.state().fails_after.is_some() {
        assert!(tokio::time::Instant::now() < until, "it was never tried");
        tokio::task::yield_now().await;
    }
    // Meanwhile the agent calls a model, which alone says nothing.
    meter.note(&id("ann"), Activity::AgentTurn);
    gate.notify_one();
    system.pass(WRITE_EVERY).await;
    while written(&system).await == 0 {
        assert!(tokio::time::Instant::now() < until, "it was lost");
        meter.flush().await;
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_logins_at_the_same_moment_all_succeed_and_start_one_task() {
    let system = System::new("fifty");
    let mut logins = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let bus = system.world.bus.clone();
        let team = "everyone".parse().expect("a name");
        let person = ports::Person { id: id("ann"), team, admin: false };
        logins.spawn(async move { producers::session::log_in(&bus, &person).await.map(drop) });
    }
    while let Some(login) = logins.join_next().await {
        login.expect("no panic").expect("logged in");
    }
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Ready);
    assert_eq!(system.outside.state().starts, 1);
}
