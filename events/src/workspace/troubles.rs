//! Deadlines, parking and replaying, as stories. A change here is a change of the rules.

use expect_test::{Expect, expect};

use super::story::{Story, transcript};
use crate::event::{Event, StopReason};
use crate::ids::Gen;

const TO_THE_ROUTE: &str = "start 1; done 1.1 prepare_home; done 1.1 register_task;
    done 1.1 grant_lease; done 1.1 run_task; done 1.1 await_address;";

/// What follows a beginning of so many lines.
#[track_caller]
fn check_after(skipped: usize, story: &str, expected: Expect) {
    let lines = transcript(story);
    let rest: String = lines.lines().skip(skipped).map(|line| format!("{line}\n")).collect();
    expected.assert_eq(&rest);
}

#[test]
fn a_step_past_its_deadline_is_tried_once_more_and_then_refused() {
    check_after(
        2,
        "start 1; done 1.1 prepare_home; done 1.1 register_task; +1h look;
         retried 1.1 grant_lease forward 1; refused 1.1 grant_lease",
        expect![[r#"
            done 1.1 register_task            -> do 1.1 grant_lease
            +1h look                          -> do 1.1 grant_lease
            retried 1.1 grant_lease forward 1 -> record step.refused
            refused 1.1 grant_lease           -> undo 1.1 revoke_lease
        "#]],
    );
}

#[test]
fn an_undo_past_its_deadline_is_tried_once_more_and_then_parked() {
    check_after(
        3,
        "start 1; done 1.1 prepare_home; done 1.1 register_task; refused 1.1 grant_lease;
         retried 1.1 grant_lease undoing 1; +10m look; retried 1.1 grant_lease undoing 2;
         parked 1.1 grant_lease undoing; replay 1.2 grant_lease",
        expect![[r#"
            refused 1.1 grant_lease           -> undo 1.1 revoke_lease
            retried 1.1 grant_lease undoing 1 -> undo 1.1 revoke_lease
            +10m look                         -> undo 1.1 revoke_lease
            retried 1.1 grant_lease undoing 2 -> record workspace.parked
            parked 1.1 grant_lease undoing    -> wait for a fact
            replay 1.2 grant_lease            -> undo 1.1 revoke_lease
        "#]],
    );
}

#[test]
fn a_parked_teardown_of_a_parked_start_waits_for_a_human() {
    check_after(
        6,
        &format!(
            "{TO_THE_ROUTE} parked 1.1 open_route; stop 1 admin; parked 1.1 open_route undoing;
             +1h look; replay 1.2 open_route; undone 1.2 open_route; undone 1.2 run_task;
             undone 1.2 grant_lease; stopped 1 admin"
        ),
        expect![[r#"
            parked 1.1 open_route             -> wait for a fact
            stop 1 admin                      -> undo 1.1 close_route
            parked 1.1 open_route undoing     -> wait for a fact
            +1h look                          -> wait for a fact
            replay 1.2 open_route             -> undo 1.2 close_route
            undone 1.2 open_route             -> undo 1.2 stop_task
            undone 1.2 run_task               -> undo 1.2 revoke_lease
            undone 1.2 grant_lease            -> record workspace.stopped
            stopped 1 admin                   -> wait for a fact
        "#]],
    );
}

#[test]
fn a_route_that_was_closed_needs_a_new_lease_and_a_task_that_knows_it() {
    check_after(
        7,
        &format!(
            "{TO_THE_ROUTE} done 1.1 open_route; parked 1.1 probe_ready; replay 1.2 open_route;
             undone 1.1 open_route; undone 1.1 run_task; undone 1.1 grant_lease;
             done 1.2 grant_lease; done 1.2 run_task; done 1.2 await_address"
        ),
        expect![[r#"
            parked 1.1 probe_ready            -> wait for a fact
            replay 1.2 open_route             -> undo 1.1 close_route
            undone 1.1 open_route             -> undo 1.1 stop_task
            undone 1.1 run_task               -> undo 1.1 revoke_lease
            undone 1.1 grant_lease            -> do 1.2 grant_lease
            done 1.2 grant_lease              -> do 1.2 run_task
            done 1.2 run_task                 -> do 1.2 await_address
            done 1.2 await_address            -> do 1.2 open_route
        "#]],
    );
}

#[test]
fn a_replay_that_fails_early_takes_back_what_an_earlier_try_half_did_later() {
    check_after(
        7,
        &format!(
            "{TO_THE_ROUTE} parked 1.1 open_route; replay 1.2 open_route; refused 1.2 await_address;
             undone 1.2 open_route; undone 1.2 run_task; undone 1.2 grant_lease"
        ),
        expect![[r#"
            replay 1.2 open_route             -> do 1.2 await_address
            refused 1.2 await_address         -> undo 1.2 close_route
            undone 1.2 open_route             -> undo 1.2 stop_task
            undone 1.2 run_task               -> undo 1.2 revoke_lease
            undone 1.2 grant_lease            -> record workspace.failed
        "#]],
    );
}

#[test]
fn a_start_that_was_parked_while_it_acted_is_taken_back_before_it_is_repeated() {
    check_after(
        4,
        "start 1; done 1.1 prepare_home; done 1.1 register_task; done 1.1 grant_lease;
         parked 1.1 run_task; replay 1.2 run_task; undone 1.1 run_task",
        expect![[r#"
            parked 1.1 run_task               -> wait for a fact
            replay 1.2 run_task               -> undo 1.1 stop_task
            undone 1.1 run_task               -> do 1.2 run_task
        "#]],
    );
}

#[test]
fn a_stop_that_somebody_meant_comes_before_one_for_idleness() {
    for stops in [["idle", "person"], ["person", "idle"]] {
        let mut story = Story::begin();
        for line in ["start 1", &format!("stop 1 {}", stops[0]), &format!("stop 1 {}", stops[1])] {
            story.tell(line);
        }
        assert_eq!(story.workspace.stop_reason(), Some(&StopReason::Person), "{stops:?}");
    }
}

#[test]
fn a_replay_is_not_refused_by_the_end_of_a_task_that_it_takes_back() {
    check_after(
        7,
        "start 1; done 1.1 prepare_home; done 1.1 register_task; done 1.1 grant_lease;
         done 1.1 run_task; ended 1.1; refused 1.1 run_task;
         parked 1.1 run_task undoing; replay 1.2 run_task; undone 1.1 run_task;
         undone 1.1 grant_lease",
        expect![[r#"
            parked 1.1 run_task undoing       -> wait for a fact
            replay 1.2 run_task               -> undo 1.1 stop_task
            undone 1.1 run_task               -> undo 1.1 revoke_lease
            undone 1.1 grant_lease            -> do 1.2 grant_lease
        "#]],
    );
}

#[test]
fn an_ending_that_somebody_meant_stands_even_if_their_clock_was_behind() {
    let mut story = Story::begin();
    story.tell("start 1");
    let (generation, later) = (Gen(1), story.now);
    let earlier = later - jiff::SignedDuration::from_mins(5);
    let idle = StopReason::Idle { last_active: earlier };
    story.workspace.absorb(later, &Event::Stopped { generation, reason: idle });
    story.workspace.absorb(earlier, &Event::Stopped { generation, reason: StopReason::Person });
    let ending = story.workspace.ending().expect("it is over");
    assert_eq!(ending.reason, StopReason::Person, "its schedule must not wake it");
}

#[test]
fn the_failures_of_one_step_say_nothing_of_another() {
    check_after(
        2,
        "start 1; done 1.1 prepare_home; retried 1.1 register_task forward 8;
         done 1.1 register_task; refused 1.1 run_task; retried 1.1 run_task undoing 8;
         undone 1.1 run_task",
        expect![[r#"
            retried 1.1 register_task forward 8-> record step.refused
            done 1.1 register_task            -> do 1.1 grant_lease
            refused 1.1 run_task              -> undo 1.1 stop_task
            retried 1.1 run_task undoing 8    -> record workspace.parked
            undone 1.1 run_task               -> undo 1.1 revoke_lease
        "#]],
    );
}

#[test]
fn only_an_agent_that_was_ready_is_asked_to_finish() {
    check_after(
        6,
        &format!("{TO_THE_ROUTE} done 1.1 open_route; stop 1 admin; undone 1.1 open_route"),
        expect![[r#"
            done 1.1 open_route               -> do 1.1 probe_ready
            stop 1 admin                      -> undo 1.1 close_route
            undone 1.1 open_route             -> undo 1.1 stop_task
        "#]],
    );
}

#[test]
fn facts_of_a_generation_that_was_not_asked_for_yet_wait_for_its_beginning() {
    check_after(
        0,
        "done 1.1 prepare_home; done 1.1 register_task; start 1",
        expect![[r#"
        done 1.1 prepare_home             -> wait for a fact
        done 1.1 register_task            -> wait for a fact
        start 1                           -> do 1.1 grant_lease
    "#]],
    );
}
