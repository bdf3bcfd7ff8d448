//! Starts, from the login to what they come to.

use events::Deferral;

use super::*;

#[test]
fn a_login_shows_each_step_with_its_duration() {
    let timeline = check(
        vec![
            (0, Event::LoggedIn { team: "sales".parse().expect("a name") }),
            (2, start()),
            (14, done(Step::PrepareHome)),
            (15, done(Step::RegisterTask)),
            (18, done(Step::GrantLease)),
            (900, retried(Step::RunTask, false, 1)),
            (2_900, retried(Step::RunTask, false, 2)),
            (3_120, done(Step::RunTask)),
            (7_330, done(Step::AwaitAddress)),
            (7_335, done(Step::OpenRoute)),
            (16_202, done(Step::ProbeReady)),
            (16_204, ready()),
        ],
        expect![[r#"
            • logged in, team sales
            ▶ start 1: a login
              ✓ prepare_home        12 ms
              ✓ register_task        1 ms
              ✓ grant_lease          3 ms
              ↻ run_task                   failed once, is tried again: no port is free
              ↻ run_task                   failed 2 times, is tried again: no port is free
              ✓ run_task           3.10 s
              ✓ await_address      4.21 s  127.0.0.1:20000
              ✓ open_route           5 ms
              ✓ probe_ready        8.86 s
            ✓ ready after 16.20 s
        "#]],
    );
    assert_eq!(timeline.outcome(), Some(&Outcome::Ready(Gen(1))));
}

#[test]
fn a_failed_start_says_why_what_is_taken_back_and_how_to_go_on() {
    let timeline = check(
        vec![
            (0, start()),
            (10, done(Step::PrepareHome)),
            (11, done(Step::GrantLease)),
            (20, done(Step::RunTask)),
            (500, refused(Step::AwaitAddress)),
            (520, undone(Step::RunTask)),
            (521, undone(Step::GrantLease)),
            (522, failed(Step::AwaitAddress)),
        ],
        expect![[r#"
            ▶ start 1: a login
              ✓ prepare_home        10 ms
              ✓ grant_lease          1 ms
              ✓ run_task             9 ms
              ✗ await_address      480 ms  the agent ended: exit code 1
                → read its log
              ↩ stop_task           20 ms
              ↩ revoke_lease         1 ms
            ✗ failed at await_address after 522 ms
                → teamclaw replay ann
        "#]],
    );
    let expected = Outcome::Failed(Gen(1), Step::AwaitAddress, exited());
    assert_eq!(timeline.outcome(), Some(&expected));
}

#[test]
fn who_comes_late_is_told_the_reason_all_the_same() {
    check(
        vec![(0, failed(Step::RunTask))],
        expect![[r#"
        ✗ failed at run_task
            the agent ended: exit code 1
            → read its log
            → teamclaw replay ann
    "#]],
    );
}

#[test]
fn a_replay_begins_anew() {
    let replay = |automatic| Event::ReplayRequested {
        generation: Gen(1),
        attempt: Attempt(2),
        from: Step::RunTask,
        automatic,
    };
    let timeline = check(
        vec![(0, failed(Step::RunTask)), (9_000, replay(false)), (9_100, done(Step::RunTask))],
        expect![[r#"
            ✗ failed at run_task
                the agent ended: exit code 1
                → read its log
                → teamclaw replay ann
            ▶ replay of start 1, try 2, from run_task
              ✓ run_task           100 ms
        "#]],
    );
    assert_eq!(timeline.outcome(), None);
    assert_eq!(timeline.doing(), "await_address");
    check(
        vec![(0, replay(true))],
        expect![[r#"
        ▶ replay of start 1, try 2, from run_task, because the agent ended
    "#]],
    );
}

#[test]
fn a_parked_workspace_asks_for_a_human() {
    let parked = Event::Parked {
        generation: Gen(1),
        attempt: Attempt(1),
        step: Step::RunTask,
        undoing: true,
        reason: Reason::new(ReasonClass::Unavailable, "the process\u{1b}[2J does not end"),
    };
    let timeline = check(
        vec![(0, start()), (300_000, parked)],
        expect![[r#"
            ▶ start 1: a login
            ✗ parked at stop_task after 5 min 00 s: a human must look
                the process[2J does not end
                → teamclaw parked retry ann
        "#]],
    );
    assert!(matches!(timeline.outcome(), Some(Outcome::Parked(..))));
}

#[test]
fn who_waits_in_line_is_told_their_place_and_when_their_turn_comes() {
    let (generation, attempt, step) = (Gen(1), Attempt(1), Step::RunTask);
    let wait = Deferral { generation, attempt, step, until: at(17_900), place: 340 };
    let expected = expect![[r#"
        ▶ start 1: a login
          … run_task                   is number 340 in line, its turn comes in 17 s
    "#]];
    check(vec![(0, start()), (900, Event::StepDeferred(wait))], expected);
}
