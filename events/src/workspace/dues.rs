//! When what is next is due, to the second. A change here is a change of the rules.

use jiff::{SignedDuration, Timestamp};

use super::story::Story;
use super::{UNDO_DEADLINE, due, next};
use crate::event::StartCause;
use crate::ids::Gen;
use crate::step::Step;

const READY: &str = "start 1; done 1.1 prepare_home; done 1.1 register_task; done 1.1 grant_lease;
    done 1.1 run_task; done 1.1 await_address; done 1.1 open_route; done 1.1 probe_ready; ready 1.1";

fn told(lines: &str) -> Story {
    let mut story = Story::begin();
    for line in lines.split(';') {
        story.tell(line.trim());
    }
    story
}

/// How long after the last line what is next is due.
#[track_caller]
fn after(story: &Story) -> SignedDuration {
    let due = due(&story.workspace, &story.policy, story.now);
    due.expect("something is due").duration_since(story.now)
}

#[test]
fn a_step_has_its_deadline_from_the_last_progress() {
    let story = told("start 1; +30s look");
    let deadline = Step::PrepareHome.deadline(&story.policy);
    assert_eq!(after(&story), deadline - SignedDuration::from_secs(31));
}

#[test]
fn a_step_that_waits_in_line_is_due_at_its_turn_and_has_all_its_time_then() {
    let to_run = "start 1; done 1.1 prepare_home; done 1.1 register_task; done 1.1 grant_lease;
        deferred 1.1 run_task 10m";
    assert_eq!(after(&told(to_run)), SignedDuration::from_mins(10));
    let mut story = told(to_run);
    assert_eq!(story.tell("+9m look"), "wait for a fact or 59s");
    assert_eq!(story.tell("+1m look"), "do 1.1 run_task");
    let deadline = Step::RunTask.deadline(&story.policy);
    assert_eq!(after(&story), deadline - SignedDuration::from_secs(2));
    // What fails after the turn has come is tried as often as ever.
    assert_eq!(story.tell("retried 1.1 run_task forward 1"), "do 1.1 run_task");
    assert_eq!(story.tell("retried 1.1 run_task forward 8"), "record step.refused");
}

#[test]
fn a_turn_holds_for_its_step_and_try_alone_and_no_stop_waits_for_it() {
    let to_run = "start 1; done 1.1 prepare_home; done 1.1 register_task; done 1.1 grant_lease;
        deferred 1.1 run_task 10m";
    let next = |lines: &str| told(to_run).tell(lines);
    assert_eq!(next("stop 1 admin"), "undo 1.1 stop_task");
    assert_eq!(next("done 1.1 run_task"), "do 1.1 await_address");
    let place = |story: &Story| story.workspace.in_line(story.now).map(|line| line.place);
    let mut story = told(&format!("{to_run}; +5m look"));
    assert_eq!(place(&story), Some(4));
    story.tell("parked 1.1 run_task forward");
    assert_eq!(place(&story), None);
    story.tell("replay 1.2 run_task");
    assert_eq!(place(&story), None, "the new try has no turn yet");
}

#[test]
fn a_turn_that_a_clock_ahead_wrote_down_holds_up_nobody() {
    let mut story = told("start 1; done 1.1 prepare_home; done 1.1 register_task");
    story.tell("done 1.1 grant_lease");
    let right = story.now;
    story.tell("+1h deferred 1.1 run_task 10m");
    story.now = right;
    assert_eq!(story.tell("look"), "do 1.1 run_task");
}

#[test]
fn an_undo_has_its_deadline_from_the_last_progress() {
    let story = told("start 1; done 1.1 prepare_home; refused 1.1 grant_lease; +30s look");
    assert_eq!(after(&story), UNDO_DEADLINE - SignedDuration::from_secs(31));
}

#[test]
fn what_is_kept_for_ever_has_its_deadline_from_the_request_or_the_end_of_the_teardown() {
    let story = told("start 1; stop 1 admin; stopped 1 admin; purge 1; +30s look");
    assert_eq!(after(&story), UNDO_DEADLINE - SignedDuration::from_secs(31));
    let story = told("start 1; purge 1; stop 1 admin; +20s stopped 1 admin; +30s look");
    assert_eq!(after(&story), UNDO_DEADLINE - SignedDuration::from_secs(31));
}

#[test]
fn a_start_that_waited_for_a_purge_has_all_its_time_left_when_that_is_over() {
    let story = told(
        "start 1; stop 1 admin; stopped 1 admin; purge 1; start 2; +4m undone 1 register_task;
         undone 1 prepare_home; purged 1",
    );
    let deadline = Step::PrepareHome.deadline(&story.policy);
    assert_eq!(after(&story), deadline - SignedDuration::from_secs(1));
}

#[test]
fn the_generation_after_a_purge_is_the_next_one() {
    let story = told("purge 3; undone 3 register_task; undone 3 prepare_home; purged 3");
    assert_eq!(story.workspace.generation(), Gen(3));
    assert_eq!(told("start 1; purge 3").workspace.generation(), Gen(3));
    assert_eq!(told("purged 3").workspace.generation(), Gen(3), "the request has not arrived yet");
}

#[test]
fn a_stop_is_due_when_the_notice_is_over_and_nothing_is_due_of_who_sleeps() {
    let story = told(&format!("{READY}; +1s look"));
    assert_eq!(after(&story), story.policy.idle_timeout(None) - SignedDuration::from_secs(2));
    let story = told(&format!("{READY}; stop 1 admin; stopped 1 admin"));
    assert_eq!(due(&story.workspace, &story.policy, story.now), None);
}

#[test]
fn whoever_snoozed_is_told_anew() {
    let mut story = told(&format!("{READY}; +31m notice; snoozed 1 1h"));
    assert_eq!(story.tell("+1h look"), "ask 1 whether it is idle, to tell");
}

#[test]
fn the_first_asking_is_why_it_starts() {
    let story = told("start 1");
    let first = story.now;
    let mut story = story;
    story.tell("+1m start 1");
    assert_eq!(story.workspace.requested(), Some((first, StartCause::Login)));
}

#[test]
fn at_its_time_a_wait_is_over() {
    let wakes = format!(
        "{READY}; wake 1 9h; stop 1 idle; quiesced 1; undone 1.1 open_route;
         undone 1.1 run_task; undone 1.1 grant_lease; stopped 1 idle"
    );
    let crashed = format!(
        "{READY}; ended 1.1; refused 1.1 run_task; undone 1.1 open_route;
         undone 1.1 run_task; undone 1.1 grant_lease; failed 1.1"
    );
    let told_so = format!("{READY}; +31m notice");
    for lines in [READY, &wakes, &crashed, &told_so] {
        let story = told(lines);
        let at: Timestamp = due(&story.workspace, &story.policy, story.now).expect("it waits");
        assert!(at > story.now, "{lines}");
        let then = next(&story.workspace, &story.policy, at);
        assert!(!matches!(then, super::Next::Wait { .. }), "{lines}: {then:?}");
    }
}
