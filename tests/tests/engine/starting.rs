//! Coming up, failing to, and being tried again.

use events::{Event, Reason, ReasonClass, Status, StopReason};
use ports::{Fault, Person};

use crate::system::{System, id};

/// Each step's call with a fault that can never go away by itself.
const CALLS: [&str; 5] =
    ["prepare_home", "register_task", "run_task", "await_address", "probe_ready"];

fn never() -> Fault {
    Fault::Refused(Reason::new(ReasonClass::MissingProgram, "there is no such program"))
}

fn later() -> Fault {
    Fault::unavailable("a service", "it does not answer")
}

#[tokio::test]
async fn a_login_brings_a_workspace_up() {
    let system = System::new("login");
    system.log_in("ann").await;
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Ready);
    assert_eq!(system.things().await, (1, 1, 1));
}

/// The lease takes the team from the workspace, so that it must be known before the person comes.
#[tokio::test]
async fn an_invitation_wakes_and_sets_the_team_and_only_a_login_is_a_login() {
    let system = System::new("invited");
    let team = |name: &str| name.parse().expect("a name");
    let ann = Person { id: id("ann"), team: team("sales"), admin: false };
    let bus = &system.world.bus;
    let invited = producers::session::invite(bus, &ann).await.expect("invited");
    assert_eq!(invited.team(), Some(&ann.team));
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Ready);
    let logins = async || {
        let events = system.events("ann").await;
        events.iter().filter(|event| matches!(event, Event::LoggedIn { .. })).count()
    };
    assert_eq!(logins().await, 0);
    producers::session::log_in(bus, &ann).await.expect("logged in");
    assert_eq!(logins().await, 1);
    system.rest().await;
    assert_eq!(system.outside.state().starts, 1);
    let ann = Person { team: team("support"), ..ann };
    let moved = producers::session::invite(bus, &ann).await.expect("invited again");
    assert_eq!(moved.team(), Some(&ann.team));
}

#[tokio::test]
async fn twenty_logins_at_once_start_one_task() {
    let system = System::new("twenty");
    let logins = (0..20).map(|_| system.log_in("ann"));
    for login in logins.collect::<Vec<_>>() {
        login.await;
    }
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Ready);
    assert_eq!(system.outside.state().starts, 1);
}

#[tokio::test]
async fn a_message_delivered_three_times_does_what_one_does() {
    let mut system = System::new("copies");
    system.copies = 3;
    system.log_in("ann").await;
    system.rest().await;
    assert_eq!(system.things().await, (1, 1, 1));
    producers::command::stop(&system.world.bus, &id("ann"), StopReason::Admin)
        .await
        .expect("asked");
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Asleep);
    assert_eq!(system.things().await, (0, 0, 0));
    assert_eq!(system.outside.state().starts, 1);
}

#[tokio::test]
async fn a_refusal_at_any_step_unwinds_completely_and_can_be_replayed() {
    for call in CALLS {
        let system = System::new(call);
        system.outside.fail(call, never());
        system.log_in("ann").await;
        system.rest().await;
        let workspace = system.workspace("ann").await;
        assert_eq!(workspace.status(), Status::Failed, "refused at {call}");
        let trouble = workspace.trouble().expect("a reason");
        assert_eq!(trouble.step.name(), call);
        assert_eq!(trouble.reason.words, "there is no such program");
        assert_eq!(system.things().await, (0, 0, 0), "left over by {call}");

        producers::command::replay(&system.world.bus, &id("ann"), None).await.expect("replayed");
        system.rest().await;
        assert_eq!(system.status("ann").await, Status::Ready, "replayed from {call}");
        assert_eq!(system.things().await, (1, 1, 1));
        assert_eq!(system.outside.state().most_alive, 1);
    }
}

#[tokio::test]
async fn a_service_that_is_away_for_a_moment_costs_a_retry_and_nothing_else() {
    for call in CALLS {
        let system = System::new(call);
        system.outside.fail(call, later());
        system.outside.fail(call, later());
        system.log_in("ann").await;
        system.rest().await;
        assert_eq!(system.status("ann").await, Status::Ready, "{call} was away");
        let events = system.events("ann").await;
        let retries = events.iter().filter(|event| matches!(event, Event::StepRetried { .. }));
        assert_eq!(retries.count(), 2, "{call}");
        assert_eq!(system.outside.state().starts, 1);
    }
}

#[tokio::test]
async fn a_service_that_stays_away_fails_the_start_with_its_reason() {
    let system = System::new("away");
    for _ in 0..events::workspace::FAILURES_MAX {
        system.outside.fail("register_task", later());
    }
    system.log_in("ann").await;
    system.rest().await;
    let workspace = system.workspace("ann").await;
    assert_eq!(workspace.status(), Status::Failed);
    let words = &workspace.trouble().expect("a reason").reason.words;
    assert_eq!(words, "a service is unavailable: it does not answer");
    assert_eq!(system.things().await, (0, 0, 0));
}

#[tokio::test]
async fn what_makes_no_sense_is_parked_for_a_human_and_a_replay_goes_on() {
    let system = System::new("parked");
    let nonsense = Fault::Nonsense { service: "the compute", words: "a broken record".to_owned() };
    system.outside.fail("await_address", nonsense);
    system.log_in("ann").await;
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Parked);
    producers::command::replay(&system.world.bus, &id("ann"), None).await.expect("replayed");
    system.rest().await;
    assert_eq!(system.status("ann").await, Status::Ready);
    assert_eq!(system.outside.state().starts, 1, "the task that stood was kept");
}

#[tokio::test]
async fn a_login_while_stopping_comes_up_again_as_the_next_generation() {
    let system = System::new("again");
    system.log_in("ann").await;
    system.rest().await;
    producers::command::stop(&system.world.bus, &id("ann"), StopReason::Admin)
        .await
        .expect("asked");
    system.log_in("ann").await;
    system.rest().await;
    let workspace = system.workspace("ann").await;
    assert_eq!((workspace.status(), workspace.generation().0), (Status::Ready, 2));
    assert_eq!(system.things().await, (1, 1, 1));
    assert_eq!(system.outside.state().most_alive, 1);
}

#[tokio::test]
async fn a_replay_of_what_is_not_failed_is_refused_with_words() {
    let system = System::new("nothing");
    system.log_in("ann").await;
    system.rest().await;
    let fault = producers::command::replay(&system.world.bus, &id("ann"), None).await;
    let words = fault.expect_err("it is ready").to_string();
    assert_eq!(words, "the workspace is ready: only a failed or parked one is replayed");
}
