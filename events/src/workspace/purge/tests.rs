//! Deleting a person, as stories. A change here is a change of the rules.

use expect_test::{Expect, expect};

use super::super::story::{Story, transcript};
use super::super::{Status, WayOut, delete, leave, ways_out};
use crate::event::Event;
use crate::ids::{Attempt, Gen};

const UP: &str = "start 1; done 1.1 prepare_home; done 1.1 register_task; done 1.1 grant_lease;
    done 1.1 run_task; done 1.1 await_address; done 1.1 open_route; done 1.1 probe_ready; ready 1.1;";

/// What follows a workspace that came up.
#[track_caller]
fn check_up(story: &str, expected: Expect) {
    let all = transcript(&format!("{UP}{story}"));
    let rest: String = all.lines().skip(9).map(|line| format!("{line}\n")).collect();
    expected.assert_eq(&rest);
}

fn told(story: &str) -> Story {
    let mut told = Story::begin();
    let lines = story.split(';').map(str::trim).filter(|line| !line.is_empty());
    lines.for_each(|line| drop(told.tell(line)));
    told
}

#[test]
fn a_purge_ends_what_runs_and_then_takes_back_what_outlives_it() {
    check_up(
        "purge 1.1; quiesced 1; undone 1.1 open_route; undone 1.1 run_task; undone 1.1 grant_lease;
         stopped 1 admin; undone 1.1 register_task; undone 1.1 prepare_home; purged 1",
        expect![[r#"
            purge 1.1                         -> quiesce 1 within 30s
            quiesced 1                        -> undo 1.1 close_route
            undone 1.1 open_route             -> undo 1.1 stop_task
            undone 1.1 run_task               -> undo 1.1 revoke_lease
            undone 1.1 grant_lease            -> record workspace.stopped
            stopped 1 admin                   -> undo 1.1 deregister_task
            undone 1.1 register_task          -> undo 1.1 remove_home
            undone 1.1 prepare_home           -> record workspace.purged
            purged 1                          -> wait for a fact
        "#]],
    );
}

#[test]
fn a_login_after_the_request_waits_and_gets_a_home_of_its_own() {
    check_up(
        "purge 1.1; start 2; quiesced 1; stopped 1 admin; undone 1.1 register_task;
         undone 1.1 prepare_home; purged 1; done 2.1 prepare_home",
        expect![[r#"
            purge 1.1                         -> quiesce 1 within 30s
            start 2                           -> quiesce 1 within 29s
            quiesced 1                        -> undo 1.1 close_route
            stopped 1 admin                   -> undo 1.1 deregister_task
            undone 1.1 register_task          -> undo 1.1 remove_home
            undone 1.1 prepare_home           -> record workspace.purged
            purged 1                          -> do 2.1 prepare_home
            done 2.1 prepare_home             -> do 2.1 register_task
        "#]],
    );
}

#[test]
fn a_purge_that_fails_too_often_is_parked_and_a_retry_goes_on_where_it_stood() {
    check_up(
        "stop 1 admin; stopped 1 admin; purge 1.1; undone 1.1 register_task;
         retried 1.1 prepare_home undoing 7; retried 1.1 prepare_home undoing 8;
         parked 1.1 prepare_home undoing; purge 1.2; undone 1.2 prepare_home; purged 1",
        expect![[r#"
            stop 1 admin                      -> quiesce 1 within 30s
            stopped 1 admin                   -> wait for a fact
            purge 1.1                         -> undo 1.1 deregister_task
            undone 1.1 register_task          -> undo 1.1 remove_home
            retried 1.1 prepare_home undoing 7-> undo 1.1 remove_home
            retried 1.1 prepare_home undoing 8-> record workspace.parked
            parked 1.1 prepare_home undoing   -> wait for a fact
            purge 1.2                         -> undo 1.2 remove_home
            undone 1.2 prepare_home           -> record workspace.purged
            purged 1                          -> wait for a fact
        "#]],
    );
}

#[test]
fn a_purge_past_its_deadline_is_tried_once_more_and_then_parked() {
    check_up(
        "stop 1 admin; stopped 1 admin; purge 1.1; +1h look; retried 1.1 register_task undoing 1;
         parked 1.1 register_task undoing; start 2; +1h look; purge 1.2",
        expect![[r#"
            stop 1 admin                      -> quiesce 1 within 30s
            stopped 1 admin                   -> wait for a fact
            purge 1.1                         -> undo 1.1 deregister_task
            +1h look                          -> undo 1.1 deregister_task
            retried 1.1 register_task undoing 1-> record workspace.parked
            parked 1.1 register_task undoing  -> wait for a fact
            start 2                           -> wait for a fact
            +1h look                          -> wait for a fact
            purge 1.2                         -> undo 1.2 deregister_task
        "#]],
    );
}

#[test]
fn a_parked_purge_can_only_be_retried() {
    let story = told("start 1; stopped 1 admin; purge 1.1; parked 1.1 prepare_home undoing");
    assert_eq!(story.workspace.status(), Status::Parked);
    let trouble = story.workspace.trouble().expect("what is parked");
    assert!(trouble.undoing);
    assert_eq!(ways_out(&story.workspace), [WayOut::Retry]);
    let again = Event::PurgeRequested { generation: Gen(1), attempt: Attempt(2) };
    assert_eq!(leave(&story.workspace, WayOut::Retry, None), Ok(vec![again]));
    let closed = leave(&story.workspace, WayOut::Abort, None).expect_err("closed");
    assert!(closed.hint.is_some());
}

#[test]
fn who_is_deleted_is_not_woken_by_the_schedule() {
    let mut story = told(&format!("{UP} wake 1 1h; quiesced 1; stop 1 idle; stopped 1 idle"));
    assert!(story.workspace.next_wake().is_some());
    for line in ["purge 1.1", "undone 1.1 register_task", "undone 1.1 prepare_home", "purged 1"] {
        story.tell(line);
        assert_eq!(story.workspace.next_wake(), None);
    }
    assert_eq!(story.tell("+2h look"), "wait for a fact");
}

#[test]
fn the_status_follows_a_purge() {
    let mut story = told("start 1; done 1.1 prepare_home; purge 1.1");
    let mut status = |line: &str| {
        story.tell(line);
        story.workspace.status()
    };
    assert_eq!(status("look"), Status::Stopping);
    assert_eq!(status("stopped 1 admin"), Status::Stopping);
    assert_eq!(status("parked 1.1 prepare_home undoing"), Status::Parked);
    assert_eq!(status("purge 1.2"), Status::Stopping);
    assert_eq!(status("start 2"), Status::Starting);
    assert_eq!(status("purged 1"), Status::Starting);
    assert_eq!(status("purge 2.1"), Status::Stopping);
    assert_eq!(status("stopped 2 admin"), Status::Stopping);
    assert_eq!(status("purged 2"), Status::Asleep);
}

#[test]
fn a_deletion_is_asked_for_once_and_lifts_what_is_parked() {
    let ask = |generation, attempt| Event::PurgeRequested {
        generation: Gen(generation),
        attempt: Attempt(attempt),
    };
    assert_eq!(delete(&told("start 1").workspace), [ask(1, 1)]);
    assert_eq!(delete(&told("start 1; purge 1.1").workspace), []);
    assert_eq!(delete(&told("start 1; stopped 1 admin; purge 1.1; purged 1").workspace), []);
    assert_eq!(delete(&told("start 1; purge 1.1; start 2").workspace), [ask(2, 1)]);
    let parked = told("start 1; stop 1 person; parked 1.1 run_task undoing");
    let facts = delete(&parked.workspace);
    assert!(matches!(&*facts, [Event::ReplayRequested { .. }, last] if *last == ask(1, 1)));
    let facts = delete(&told("settings 1 2h; start 1").workspace);
    let wish = Event::SettingsChanged { revision: 2, idle_timeout: None };
    assert_eq!(facts, [wish, ask(1, 1)]);
}
