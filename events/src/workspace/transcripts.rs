//! What happens when, as stories. A change here is a change of the rules.

use expect_test::{Expect, expect};

use super::Status;
use super::story::{Story, transcript};

const UP: &str = "start 1; done 1.1 prepare_home; done 1.1 register_task; done 1.1 grant_lease;
    done 1.1 run_task; done 1.1 await_address; done 1.1 open_route; done 1.1 probe_ready; ready 1.1;";

#[track_caller]
fn check(story: &str, expected: Expect) {
    expected.assert_eq(&transcript(story));
}

/// What follows a workspace that came up.
#[track_caller]
fn check_up(story: &str, expected: Expect) {
    let all = transcript(&format!("{UP}{story}"));
    let rest: String = all.lines().skip(9).map(|line| format!("{line}\n")).collect();
    expected.assert_eq(&rest);
}

#[test]
fn a_login_brings_a_workspace_up_step_by_step() {
    check(
        UP,
        expect![[r#"
        start 1                           -> do 1.1 prepare_home
        done 1.1 prepare_home             -> do 1.1 register_task
        done 1.1 register_task            -> do 1.1 grant_lease
        done 1.1 grant_lease              -> do 1.1 run_task
        done 1.1 run_task                 -> do 1.1 await_address
        done 1.1 await_address            -> do 1.1 open_route
        done 1.1 open_route               -> do 1.1 probe_ready
        done 1.1 probe_ready              -> record workspace.ready
        ready 1.1                         -> wait for a fact or 30m
    "#]],
    );
}

#[test]
fn a_refused_start_unwinds_in_reverse_the_refused_step_included() {
    check(
        "start 1; done 1.1 prepare_home; done 1.1 register_task; done 1.1 grant_lease;
         done 1.1 run_task; refused 1.1 await_address; undone 1.1 run_task; undone 1.1 grant_lease;
         failed 1.1",
        expect![[r#"
            start 1                           -> do 1.1 prepare_home
            done 1.1 prepare_home             -> do 1.1 register_task
            done 1.1 register_task            -> do 1.1 grant_lease
            done 1.1 grant_lease              -> do 1.1 run_task
            done 1.1 run_task                 -> do 1.1 await_address
            refused 1.1 await_address         -> undo 1.1 stop_task
            undone 1.1 run_task               -> undo 1.1 revoke_lease
            undone 1.1 grant_lease            -> record workspace.failed
            failed 1.1                        -> wait for a fact
        "#]],
    );
}

#[test]
fn a_refusal_at_the_first_step_has_nothing_to_unwind() {
    check(
        "start 1; refused 1.1 prepare_home; failed 1.1",
        expect![[r#"
        start 1                           -> do 1.1 prepare_home
        refused 1.1 prepare_home          -> record workspace.failed
        failed 1.1                        -> wait for a fact
    "#]],
    );
}

#[test]
fn a_replay_from_the_failed_step_runs_again_what_was_taken_back() {
    check(
        "start 1; done 1.1 prepare_home; done 1.1 register_task; done 1.1 grant_lease;
         refused 1.1 run_task; undone 1.1 run_task; undone 1.1 grant_lease; failed 1.1;
         replay 1.2 run_task; done 1.2 grant_lease; done 1.2 run_task",
        expect![[r#"
            start 1                           -> do 1.1 prepare_home
            done 1.1 prepare_home             -> do 1.1 register_task
            done 1.1 register_task            -> do 1.1 grant_lease
            done 1.1 grant_lease              -> do 1.1 run_task
            refused 1.1 run_task              -> undo 1.1 stop_task
            undone 1.1 run_task               -> undo 1.1 revoke_lease
            undone 1.1 grant_lease            -> record workspace.failed
            failed 1.1                        -> wait for a fact
            replay 1.2 run_task               -> do 1.2 grant_lease
            done 1.2 grant_lease              -> do 1.2 run_task
            done 1.2 run_task                 -> do 1.2 await_address
        "#]],
    );
}

#[test]
fn a_replay_of_a_parked_start_never_leaves_a_second_task_beside_the_first() {
    check(
        "start 1; done 1.1 prepare_home; done 1.1 register_task; done 1.1 grant_lease;
         done 1.1 run_task; parked 1.1 await_address; replay 1.2 run_task; undone 1.1 run_task;
         done 1.2 run_task",
        expect![[r#"
            start 1                           -> do 1.1 prepare_home
            done 1.1 prepare_home             -> do 1.1 register_task
            done 1.1 register_task            -> do 1.1 grant_lease
            done 1.1 grant_lease              -> do 1.1 run_task
            done 1.1 run_task                 -> do 1.1 await_address
            parked 1.1 await_address          -> wait for a fact
            replay 1.2 run_task               -> undo 1.1 stop_task
            undone 1.1 run_task               -> do 1.2 run_task
            done 1.2 run_task                 -> do 1.2 await_address
        "#]],
    );
}

#[test]
fn stop_wins_over_a_start_on_its_way() {
    check(
        "start 1; done 1.1 prepare_home; done 1.1 register_task; done 1.1 grant_lease; stop 1 admin;
         done 1.1 run_task; undone 1.1 run_task; undone 1.1 grant_lease; stopped 1 admin",
        expect![[r#"
            start 1                           -> do 1.1 prepare_home
            done 1.1 prepare_home             -> do 1.1 register_task
            done 1.1 register_task            -> do 1.1 grant_lease
            done 1.1 grant_lease              -> do 1.1 run_task
            stop 1 admin                      -> undo 1.1 stop_task
            done 1.1 run_task                 -> undo 1.1 stop_task
            undone 1.1 run_task               -> undo 1.1 revoke_lease
            undone 1.1 grant_lease            -> record workspace.stopped
            stopped 1 admin                   -> wait for a fact
        "#]],
    );
}

#[test]
fn stop_wins_over_a_parked_start() {
    check(
        "start 1; done 1.1 prepare_home; parked 1.1 register_task; stop 1 admin; stopped 1 admin",
        expect![[r#"
            start 1                           -> do 1.1 prepare_home
            done 1.1 prepare_home             -> do 1.1 register_task
            parked 1.1 register_task          -> wait for a fact
            stop 1 admin                      -> record workspace.stopped
            stopped 1 admin                   -> wait for a fact
        "#]],
    );
}

#[test]
fn a_start_waits_for_the_teardown_before_it() {
    check_up(
        "stop 1 admin; start 2; quiesced 1; undone 1.1 open_route; undone 1.1 run_task;
         undone 1.1 grant_lease; stopped 1 admin; done 2.1 prepare_home",
        expect![[r#"
            stop 1 admin                      -> quiesce 1 within 30s
            start 2                           -> quiesce 1 within 29s
            quiesced 1                        -> undo 1.1 close_route
            undone 1.1 open_route             -> undo 1.1 stop_task
            undone 1.1 run_task               -> undo 1.1 revoke_lease
            undone 1.1 grant_lease            -> record workspace.stopped
            stopped 1 admin                   -> do 2.1 prepare_home
            done 2.1 prepare_home             -> do 2.1 register_task
        "#]],
    );
}

#[test]
fn an_old_generation_has_no_effect() {
    check_up(
        "stop 1 admin; stopped 1 admin; done 1.1 run_task; ready 1.1; start 1; replay 1.2 run_task",
        expect![[r#"
            stop 1 admin                      -> quiesce 1 within 30s
            stopped 1 admin                   -> wait for a fact
            done 1.1 run_task                 -> wait for a fact
            ready 1.1                         -> wait for a fact
            start 1                           -> wait for a fact
            replay 1.2 run_task               -> wait for a fact
        "#]],
    );
}

#[test]
fn an_idle_workspace_is_asked_told_asked_again_and_stopped() {
    check_up(
        "+29m look; +1m look; notice; +1m look; +1m look; quiesced 1; stop 1 idle; undone 1.1 open_route;
         undone 1.1 run_task; undone 1.1 grant_lease; stopped 1 idle",
        expect![[r#"
            +29m look                         -> wait for a fact or 59s
            +1m look                          -> ask 1 whether it is idle, to tell
            notice                            -> wait for a fact or 2m
            +1m look                          -> wait for a fact or 59s
            +1m look                          -> ask 1 whether it is idle, to stop
            quiesced 1                        -> ask 1 whether it is idle, to stop
            stop 1 idle                       -> undo 1.1 close_route
            undone 1.1 open_route             -> undo 1.1 stop_task
            undone 1.1 run_task               -> undo 1.1 revoke_lease
            undone 1.1 grant_lease            -> record workspace.stopped
            stopped 1 idle                    -> wait for a fact
        "#]],
    );
}

#[test]
fn activity_snooze_and_settings_put_an_idle_stop_off() {
    check_up(
        "+20m active 1; +29m look; +1m look; snoozed 1 10m; +9m look; +1m look; settings 1 2h;
         +1h look",
        expect![[r#"
            +20m active 1                     -> wait for a fact or 30m
            +29m look                         -> wait for a fact or 59s
            +1m look                          -> ask 1 whether it is idle, to tell
            snoozed 1 10m                     -> wait for a fact or 10m
            +9m look                          -> wait for a fact or 59s
            +1m look                          -> ask 1 whether it is idle, to tell
            settings 1 2h                     -> wait for a fact or 1h 19m 54s
            +1h look                          -> wait for a fact or 19m 53s
        "#]],
    );
}

#[test]
fn a_use_after_the_notice_makes_it_void() {
    check_up(
        "+30m look; notice; active 1; +2m look; +28m look",
        expect![[r#"
            +30m look                         -> ask 1 whether it is idle, to tell
            notice                            -> wait for a fact or 2m
            active 1                          -> wait for a fact or 30m
            +2m look                          -> wait for a fact or 27m 59s
            +28m look                         -> ask 1 whether it is idle, to tell
        "#]],
    );
}

#[test]
fn one_busy_answer_is_a_heartbeat_and_three_are_work() {
    check_up(
        "+30m look; busy 1 1; +1m look; busy 1 2; +1m look; busy 1 3; +29m look; +1m look",
        expect![[r#"
            +30m look                         -> ask 1 whether it is idle, to tell
            busy 1 1                          -> wait for a fact or 1m
            +1m look                          -> ask 1 whether it is idle, to tell
            busy 1 2                          -> wait for a fact or 1m
            +1m look                          -> ask 1 whether it is idle, to tell
            busy 1 3                          -> wait for a fact or 30m
            +29m look                         -> wait for a fact or 59s
            +1m look                          -> ask 1 whether it is idle, to tell
        "#]],
    );
}

#[test]
fn an_agent_that_ends_by_itself_is_restarted_once() {
    check_up(
        "ended 1.1; refused 1.1 run_task; undone 1.1 open_route; undone 1.1 run_task;
         undone 1.1 grant_lease; failed 1.1; +5s look; restart 1.2 grant_lease;
         done 1.2 grant_lease; done 1.2 run_task; done 1.2 await_address; done 1.2 open_route;
         done 1.2 probe_ready; ready 1.2; ended 1.2; refused 1.2 run_task; undone 1.2 open_route;
         undone 1.2 run_task; undone 1.2 grant_lease; failed 1.2; +5s look",
        expect![[r#"
            ended 1.1                         -> record step.refused
            refused 1.1 run_task              -> undo 1.1 close_route
            undone 1.1 open_route             -> undo 1.1 stop_task
            undone 1.1 run_task               -> undo 1.1 revoke_lease
            undone 1.1 grant_lease            -> record workspace.failed
            failed 1.1                        -> wait for a fact or 5s
            +5s look                          -> record workspace.replay_requested
            restart 1.2 grant_lease           -> do 1.2 grant_lease
            done 1.2 grant_lease              -> do 1.2 run_task
            done 1.2 run_task                 -> do 1.2 await_address
            done 1.2 await_address            -> do 1.2 open_route
            done 1.2 open_route               -> do 1.2 probe_ready
            done 1.2 probe_ready              -> record workspace.ready
            ready 1.2                         -> wait for a fact or 30m
            ended 1.2                         -> record step.refused
            refused 1.2 run_task              -> undo 1.2 close_route
            undone 1.2 open_route             -> undo 1.2 stop_task
            undone 1.2 run_task               -> undo 1.2 revoke_lease
            undone 1.2 grant_lease            -> record workspace.failed
            failed 1.2                        -> wait for a fact
            +5s look                          -> wait for a fact
        "#]],
    );
}

#[test]
fn scheduled_work_wakes_what_was_stopped_for_idleness_and_nothing_else() {
    check_up(
        "wake 1 1h; quiesced 1; stop 1 idle; stopped 1 idle; +50m look; +8m look; start 2",
        expect![[r#"
            wake 1 1h                         -> wait for a fact or 29m 59s
            quiesced 1                        -> wait for a fact or 29m 58s
            stop 1 idle                       -> undo 1.1 close_route
            stopped 1 idle                    -> wait for a fact or 57m 57s
            +50m look                         -> wait for a fact or 7m 56s
            +8m look                          -> record workspace.start_requested
            start 2                           -> do 2.1 prepare_home
        "#]],
    );
    check_up(
        "wake 1 1h; stop 1 admin; stopped 1 admin; +2h look",
        expect![[r#"
        wake 1 1h                         -> wait for a fact or 29m 59s
        stop 1 admin                      -> quiesce 1 within 30s
        stopped 1 admin                   -> wait for a fact
        +2h look                          -> wait for a fact
    "#]],
    );
}

#[test]
fn a_step_that_fails_too_often_is_refused() {
    check(
        "start 1; retried 1.1 prepare_home forward 7; retried 1.1 prepare_home forward 8",
        expect![[r#"
            start 1                           -> do 1.1 prepare_home
            retried 1.1 prepare_home forward 7-> do 1.1 prepare_home
            retried 1.1 prepare_home forward 8-> record step.refused
        "#]],
    );
}

#[test]
fn the_team_is_that_of_the_last_invitation_or_login() {
    let mut story = Story::begin();
    let mut team = |line: &str| {
        story.tell(line);
        story.workspace.team().map(ToString::to_string)
    };
    let told = ["start 1", "invited red", "login blue", "invited red"].map(&mut team);
    assert_eq!(told, [None, Some("red".into()), Some("blue".into()), Some("red".into())]);
}

#[test]
fn the_status_follows_the_story() {
    let mut story = Story::begin();
    let mut seen = vec![story.workspace.status()];
    let down = "stop 1 admin; undone 1.1 open_route; undone 1.1 run_task; stopped 1 admin; start 2;
        refused 2.1 prepare_home; failed 2.1; replay 2.2 prepare_home; parked 2.2 prepare_home";
    for line in format!("{UP}{down}").split(';').map(str::trim).filter(|line| !line.is_empty()) {
        story.tell(line);
        let status = story.workspace.status();
        if seen.last() != Some(&status) {
            seen.push(status);
        }
    }
    let expected = [
        Status::Asleep,
        Status::Starting,
        Status::Ready,
        Status::Stopping,
        Status::Asleep,
        Status::Starting,
        Status::Failed,
        Status::Starting,
        Status::Parked,
    ];
    assert_eq!(seen, expected);
}
