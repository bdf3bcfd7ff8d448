//! Ways out of a parking, as stories. A change here is a change of the rules.

use expect_test::{Expect, expect};

use super::super::story::{Story, shown};
use super::super::{Status, Workspace, next};
use super::{WayOut, leave, replayable, ways_out};
use crate::ids::{Attempt, Gen};
use crate::reason::Reason;
use crate::step::{STEPS, Step};

const TO_THE_ROUTE: &str = "start 1; done 1.1 prepare_home; done 1.1 register_task;
    done 1.1 grant_lease; done 1.1 run_task; done 1.1 await_address;";

const UP: &str = "done 1.1 open_route; done 1.1 probe_ready; ready 1.1;";

fn lines(story: &str) -> impl Iterator<Item = &str> {
    story.split(';').map(str::trim).filter(|line| !line.is_empty())
}

fn told(story: &str) -> Story {
    let mut told = Story::begin();
    lines(story).for_each(|line| drop(told.tell(line)));
    told
}

fn take(story: &mut Story, way: WayOut) -> Result<String, Reason> {
    for fact in leave(&story.workspace, way, None)? {
        story.workspace.absorb(story.now, &fact);
    }
    Ok(shown(&next(&story.workspace, &story.policy, story.now), story.now))
}

/// What follows `way` out of what `before` told.
#[track_caller]
fn check(before: &str, way: WayOut, after: &str, expected: Expect) {
    let mut story = told(before);
    assert_eq!(story.workspace.status(), Status::Parked);
    let open = ways_out(&story.workspace).into_iter().map(WayOut::name).collect::<Vec<_>>();
    let mut text = format!("{:<34}-> {}\n", "parked", open.join(", "));
    let next = take(&mut story, way).expect("an open way");
    text += &format!("{:<34}-> {next}\n", way.name());
    for line in lines(after) {
        let next = story.tell(line);
        text += &format!("{line:<34}-> {next}\n");
    }
    expected.assert_eq(&text);
}

#[test]
fn a_retry_does_the_parked_step_again() {
    check(
        &format!("{TO_THE_ROUTE} parked 1.1 open_route forward"),
        WayOut::Retry,
        "done 1.2 await_address; done 1.2 open_route",
        expect![[r#"
            parked                            -> retry, skip, abort, replay
            retry                             -> do 1.2 await_address
            done 1.2 await_address            -> do 1.2 open_route
            done 1.2 open_route               -> do 1.2 probe_ready
        "#]],
    );
}

#[test]
fn a_route_that_was_opened_by_hand_is_still_probed() {
    check(
        &format!("{TO_THE_ROUTE} parked 1.1 open_route forward"),
        WayOut::Skip,
        "done 1.2 await_address; done 1.2 probe_ready; ready 1.2; stop 1 admin; quiesced 1",
        expect![[r#"
            parked                            -> retry, skip, abort, replay
            skip                              -> do 1.2 await_address
            done 1.2 await_address            -> do 1.2 probe_ready
            done 1.2 probe_ready              -> record workspace.ready
            ready 1.2                         -> wait for a fact or 30m
            stop 1 admin                      -> quiesce 1 within 30s
            quiesced 1                        -> undo 1.2 close_route
        "#]],
    );
}

#[test]
fn a_registration_that_was_made_by_hand_is_not_made_again() {
    check(
        "start 1; done 1.1 prepare_home; parked 1.1 register_task forward",
        WayOut::Skip,
        "done 1.2 grant_lease",
        expect![[r#"
            parked                            -> retry, skip, abort, replay
            skip                              -> do 1.2 grant_lease
            done 1.2 grant_lease              -> do 1.2 run_task
        "#]],
    );
}

#[test]
fn an_abort_of_a_parked_start_takes_everything_back() {
    check(
        &format!("{TO_THE_ROUTE} parked 1.1 open_route forward"),
        WayOut::Abort,
        "undone 1.1 open_route; undone 1.1 run_task; undone 1.1 grant_lease; stopped 1 admin",
        expect![[r#"
            parked                            -> retry, skip, abort, replay
            abort                             -> undo 1.1 close_route
            undone 1.1 open_route             -> undo 1.1 stop_task
            undone 1.1 run_task               -> undo 1.1 revoke_lease
            undone 1.1 grant_lease            -> record workspace.stopped
            stopped 1 admin                   -> wait for a fact
        "#]],
    );
}

#[test]
fn an_abort_of_a_parked_teardown_lifts_the_parking() {
    check(
        &format!(
            "{TO_THE_ROUTE} {UP} stop 1 person; quiesced 1; undone 1.1 open_route;
             parked 1.1 run_task undoing"
        ),
        WayOut::Abort,
        "undone 1.2 open_route; undone 1.2 run_task; undone 1.2 grant_lease; stopped 1 person",
        expect![[r#"
            parked                            -> retry, skip, abort
            abort                             -> undo 1.2 close_route
            undone 1.2 open_route             -> undo 1.2 stop_task
            undone 1.2 run_task               -> undo 1.2 revoke_lease
            undone 1.2 grant_lease            -> record workspace.stopped
            stopped 1 person                  -> wait for a fact
        "#]],
    );
}

#[test]
fn after_a_skipped_undo_the_rest_of_a_teardown_goes_on() {
    check(
        &format!(
            "{TO_THE_ROUTE} {UP} stop 1 person; quiesced 1; undone 1.1 open_route;
             parked 1.1 run_task undoing"
        ),
        WayOut::Skip,
        "undone 1.2 open_route; undone 1.2 grant_lease; stopped 1 person",
        expect![[r#"
            parked                            -> retry, skip, abort
            skip                              -> undo 1.2 close_route
            undone 1.2 open_route             -> undo 1.2 revoke_lease
            undone 1.2 grant_lease            -> record workspace.stopped
            stopped 1 person                  -> wait for a fact
        "#]],
    );
}

#[test]
fn a_skipped_undo_of_a_refused_start_leads_down_and_never_up() {
    let refused = format!("{TO_THE_ROUTE} refused 1.1 open_route; undone 1.1 open_route;");
    check(
        &format!("{refused} parked 1.1 run_task undoing"),
        WayOut::Skip,
        "undone 1.2 open_route; undone 1.2 grant_lease; stopped 1 admin",
        expect![[r#"
            parked                            -> retry, skip, abort, replay
            skip                              -> undo 1.2 close_route
            undone 1.2 open_route             -> undo 1.2 revoke_lease
            undone 1.2 grant_lease            -> record workspace.stopped
            stopped 1 admin                   -> wait for a fact
        "#]],
    );
    check(
        &format!("{refused} parked 1.1 run_task undoing"),
        WayOut::Abort,
        "undone 1.2 open_route; undone 1.2 run_task; undone 1.2 grant_lease; stopped 1 admin",
        expect![[r#"
            parked                            -> retry, skip, abort, replay
            abort                             -> undo 1.2 close_route
            undone 1.2 open_route             -> undo 1.2 stop_task
            undone 1.2 run_task               -> undo 1.2 revoke_lease
            undone 1.2 grant_lease            -> record workspace.stopped
            stopped 1 admin                   -> wait for a fact
        "#]],
    );
}

#[test]
fn a_skipped_undo_before_a_replay_leads_down_and_never_up() {
    check(
        &format!(
            "{TO_THE_ROUTE} parked 1.1 await_address forward; replay 1.2 run_task;
             parked 1.2 run_task undoing"
        ),
        WayOut::Skip,
        "undone 1.3 open_route; undone 1.3 grant_lease; stopped 1 admin",
        expect![[r#"
            parked                            -> retry, skip, abort, replay
            skip                              -> undo 1.3 close_route
            undone 1.3 open_route             -> undo 1.3 revoke_lease
            undone 1.3 grant_lease            -> record workspace.stopped
            stopped 1 admin                   -> wait for a fact
        "#]],
    );
}

#[test]
fn a_start_that_waits_for_a_parked_teardown_comes_up_after_a_skip_and_not_after_an_abort() {
    let waits = format!(
        "{TO_THE_ROUTE} {UP} stop 1 person; start 2; quiesced 1; undone 1.1 open_route;
         parked 1.1 run_task undoing"
    );
    let after = "undone 1.2 open_route; undone 1.2 run_task; undone 1.2 grant_lease;
        stopped 1 person; stopped 2 admin";
    check(
        &waits,
        WayOut::Skip,
        after,
        expect![[r#"
        parked                            -> retry, skip, abort
        skip                              -> undo 1.2 close_route
        undone 1.2 open_route             -> undo 1.2 revoke_lease
        undone 1.2 run_task               -> undo 1.2 revoke_lease
        undone 1.2 grant_lease            -> record workspace.stopped
        stopped 1 person                  -> do 2.1 prepare_home
        stopped 2 admin                   -> wait for a fact
    "#]],
    );
    check(
        &waits,
        WayOut::Abort,
        after,
        expect![[r#"
        parked                            -> retry, skip, abort
        abort                             -> undo 1.2 close_route
        undone 1.2 open_route             -> undo 1.2 stop_task
        undone 1.2 run_task               -> undo 1.2 revoke_lease
        undone 1.2 grant_lease            -> record workspace.stopped
        stopped 1 person                  -> record workspace.stopped
        stopped 2 admin                   -> wait for a fact
    "#]],
    );
}

#[test]
fn a_stop_for_idleness_that_is_aborted_is_not_lifted_by_the_schedule() {
    let mut story = told(&format!(
        "{TO_THE_ROUTE} {UP} wake 1 9h; quiesced 1; stop 1 idle; undone 1.1 open_route;
         parked 1.1 run_task undoing"
    ));
    take(&mut story, WayOut::Abort).expect("open");
    assert_eq!(story.workspace.stop_reason(), Some(&crate::event::StopReason::Admin));
}

#[test]
fn what_later_steps_need_cannot_be_skipped_and_every_refusal_says_what_to_do() {
    for step in STEPS {
        let story = told(&format!("start 1; parked 1.1 {} forward", step.name()));
        let skipped = leave(&story.workspace, WayOut::Skip, None);
        let can = matches!(step, Step::RegisterTask | Step::OpenRoute);
        assert_eq!(skipped.is_ok(), can, "{}", step.name());
        assert_eq!(ways_out(&story.workspace).contains(&WayOut::Skip), can, "{}", step.name());
        if let Err(reason) = skipped {
            assert!(reason.words.starts_with(step.name()) && reason.hint.is_some(), "{reason}");
        }
    }
}

#[test]
fn what_is_not_parked_has_no_way_out() {
    for story in ["", "start 1", "start 1; stopped 1 admin", "start 1; refused 1.1 run_task"] {
        let story = told(story);
        assert_eq!(ways_out(&story.workspace), Vec::new());
        for way in WayOut::ALL {
            let reason = leave(&story.workspace, way, None).expect_err("nothing is parked");
            assert!(reason.words.contains(story.workspace.status().name()), "{reason}");
        }
    }
}

#[test]
fn a_way_is_taken_once() {
    for way in WayOut::ALL {
        let mut story = told(&format!("{TO_THE_ROUTE} parked 1.1 open_route forward"));
        take(&mut story, way).expect("open");
        let again = leave(&story.workspace, way, None);
        assert!(again.is_err(), "{}", way.name());
        assert_ne!(story.workspace, Workspace::default());
    }
}

#[test]
fn a_failed_start_is_replayed_from_the_step_that_failed_in_its_next_try() {
    let failed = "start 1; done 1.1 prepare_home; refused 1.1 register_task; failed 1.1";
    let again = replayable(&told(failed).workspace);
    assert_eq!(again, Some((Gen(1), Attempt(2), Step::RegisterTask)));
    let parked = format!("{TO_THE_ROUTE} parked 1.1 open_route forward");
    let again = replayable(&told(&parked).workspace);
    assert_eq!(again, Some((Gen(1), Attempt(2), Step::OpenRoute)));
    for nothing in ["look", "start 1", &format!("{TO_THE_ROUTE} {UP}")] {
        assert_eq!(replayable(&told(nothing).workspace), None, "{nothing}");
    }
}

#[test]
fn what_a_newer_start_waits_for_has_no_step_to_begin_with() {
    let story =
        format!("{TO_THE_ROUTE} refused 1.1 open_route; parked 1.1 open_route undoing; start 2");
    let story = told(&story);
    assert_eq!(ways_out(&story.workspace), [WayOut::Retry, WayOut::Skip, WayOut::Abort]);
    leave(&story.workspace, WayOut::Replay, None).expect_err("it goes down");
}
