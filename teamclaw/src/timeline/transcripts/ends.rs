//! Ends: left alone, ended by itself, deleted.

use super::*;

fn idle(last_active: Timestamp) -> StopReason {
    StopReason::Idle { last_active }
}

#[test]
fn leaving_it_alone_gives_notice_and_stops_it_step_by_step() {
    let minutes = |minutes: i64| minutes * 60_000;
    let stop_at = at(minutes(30));
    let timeline = check(
        vec![
            (0, Event::Active { generation: Gen(1), activity: Activity::UserInput }),
            (900, Event::Active { generation: Gen(1), activity: Activity::AgentTurn }),
            (1_900, Event::Active { generation: Gen(1), activity: Activity::AgentTurn }),
            (minutes(28), Event::NoticeGiven { generation: Gen(1), idle_since: at(0), stop_at }),
            (minutes(30), Event::Busy { generation: Gen(1), looks: 2, what: "a tool".into() }),
            (minutes(31), Event::StopRequested { generation: Gen(1), reason: idle(at(0)) }),
            (minutes(31) + 40, Event::Quiesced { generation: Gen(1), forced: false }),
            (minutes(31) + 45, undone(Step::OpenRoute)),
            (minutes(31) + 46, retried(Step::RunTask, true, 1)),
            (minutes(31) + 260, undone(Step::RunTask)),
            (minutes(31) + 262, undone(Step::GrantLease)),
            (minutes(31) + 263, Event::Stopped { generation: Gen(1), reason: idle(at(0)) }),
        ],
        expect![[r#"
            · used: the person sent something
            · used: the agent took a turn
            ! idle for 28 min, stops in 2 min
                → teamclaw snooze ann
            · is busy (2 in a row): a tool
            ■ stop 1: left alone for 31 min
              ✓ quiesce             40 ms
              ↩ close_route          5 ms
              ↻ stop_task                  failed once, is tried again: no port is free
              ↩ stop_task          215 ms
              ↩ revoke_lease         2 ms
            ■ stopped after 263 ms: left alone for 31 min
        "#]],
    );
    assert_eq!(timeline.outcome(), Some(&Outcome::Stopped(Gen(1), idle(at(0)))));
}

#[test]
fn an_agent_that_ends_by_itself_is_told_and_one_that_was_stopped_is_not() {
    let ended = || Event::TaskChanged {
        generation: Gen(1),
        attempt: Attempt(1),
        task: TaskId("task-1".to_owned()),
        version: 3,
        state: TaskState::Stopped { reason: exited() },
    };
    check(
        vec![
            (0, start()),
            (10, ready()),
            (900, ended()),
            (905, refused(Step::RunTask)),
            (915, undone(Step::RunTask)),
        ],
        expect![[r#"
            ▶ start 1: a login
            ✓ ready after 10 ms
            ! the agent ended: exit code 1
                → read its log
              ✗ run_task
              ↩ stop_task           10 ms
        "#]],
    );
    let stop = Event::StopRequested { generation: Gen(1), reason: StopReason::Person };
    check(
        vec![(0, start()), (10, ready()), (900, stop), (950, ended())],
        expect![[r#"
        ▶ start 1: a login
        ✓ ready after 10 ms
        ■ stop 1: the person
    "#]],
    );
}

#[test]
fn a_deletion_is_told_to_its_end() {
    let generation = Gen(1);
    let timeline = check(
        vec![
            (0, Event::PurgeRequested { generation, attempt: Attempt(1) }),
            (20, Event::Stopped { generation, reason: StopReason::Admin }),
            (30, undone(Step::RegisterTask)),
            (90, undone(Step::PrepareHome)),
            (95, Event::Purged { generation }),
        ],
        expect![[r#"
            ■ delete everything up to start 1
            ■ stopped after 20 ms: an administrator
              ↩ deregister_task       30 ms
              ↩ remove_home         60 ms
            ■ deleted after 95 ms: only the ledger remains
        "#]],
    );
    assert_eq!(timeline.outcome(), Some(&Outcome::Deleted(generation)));
}

#[test]
fn the_end_of_an_older_start_is_not_the_outcome_of_the_newer() {
    let newer = Event::StartRequested { generation: Gen(2), cause: StartCause::Request };
    let older = Event::Stopped { generation: Gen(1), reason: StopReason::Superseded };
    let timeline = check(
        vec![(0, newer), (70, older)],
        expect![[r#"
            ▶ start 2: a request to the sleeping agent
            ■ stopped: a later start
        "#]],
    );
    assert_eq!(timeline.outcome(), None);
}
