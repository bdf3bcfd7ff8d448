//! The timeline as an operator reads it. A change here is a change of what people see.

use events::price::Cost;
use events::usage::{Completion, Tokens, UsageRecord};
use events::{Deferral, EventId, KeyPrint, Output, ReasonClass, Stamp, TaskId};
use expect_test::{Expect, expect};

use super::*;

/// 2026-01-01T00:00:00Z.
const DAWN: i64 = 1_767_225_600;

/// Facts with the milliseconds since dawn at which they happened.
#[track_caller]
fn check(story: Vec<(i64, Event)>, expected: Expect) -> Timeline {
    let mut timeline = Timeline::default();
    let mut text = String::new();
    for (place, (millis, event)) in story.into_iter().enumerate() {
        let id = EventId(uuid::Uuid::from_u128(place as u128));
        let time = at(millis);
        let stamp = Stamp { id, time, cause: None };
        let ann = "ann".parse().ok();
        for line in timeline.take(&Envelope::new("/test", ann, stamp, event)) {
            text += &format!("{}\n", anstream::adapter::strip_str(&line));
        }
    }
    expected.assert_eq(&text);
    timeline
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(DAWN * 1_000 + millis).expect("a time")
}

fn start() -> Event {
    Event::StartRequested { generation: Gen(1), cause: StartCause::Login }
}

fn done(step: Step) -> Event {
    let output = match step {
        Step::RunTask => Output::Task { task: TaskId("task-1".to_owned()) },
        Step::AwaitAddress => {
            Output::Address { address: "127.0.0.1:20000".parse().expect("an address") }
        }
        Step::PrepareHome
        | Step::RegisterTask
        | Step::GrantLease
        | Step::OpenRoute
        | Step::ProbeReady => Output::Nothing,
    };
    Event::StepDone { generation: Gen(1), attempt: Attempt(1), step, output }
}

fn undone(step: Step) -> Event {
    Event::StepUndone { generation: Gen(1), attempt: Attempt(1), step }
}

fn retried(step: Step, undoing: bool, failures: u32) -> Event {
    let reason = Reason::new(ReasonClass::Capacity, "no port is free");
    Event::StepRetried { generation: Gen(1), attempt: Attempt(1), step, undoing, failures, reason }
}

fn exited() -> Reason {
    Reason::new(ReasonClass::AgentExited, "the agent ended: exit code 1").with_hint("read its log")
}

fn refused(step: Step) -> Event {
    Event::StepRefused { generation: Gen(1), attempt: Attempt(1), step, reason: exited() }
}

fn failed(step: Step) -> Event {
    Event::Failed { generation: Gen(1), attempt: Attempt(1), step, reason: exited() }
}

fn ready() -> Event {
    Event::Ready { generation: Gen(1), attempt: Attempt(1) }
}

fn idle(last_active: Timestamp) -> StopReason {
    StopReason::Idle { last_active }
}

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

#[test]
fn what_a_human_did_by_hand_is_told() {
    let skipped = |step, undoing| Event::StepSkipped {
        generation: Gen(1),
        attempt: Attempt(2),
        step,
        undoing,
    };
    check(
        vec![
            (0, start()),
            (900, skipped(Step::OpenRoute, false)),
            (950, skipped(Step::RunTask, true)),
        ],
        expect![[r#"
            ▶ start 1: a login
              » open_route         900 ms  done by hand
              » stop_task           50 ms  undone by hand
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

#[test]
fn usage_settings_and_schedules_are_told_in_plain_words() {
    let usage = |cost, completion| {
        Event::UsageRecorded(UsageRecord {
            generation: Gen(1),
            team: "sales".parse().expect("a name"),
            provider: "anthropic".to_owned(),
            model: "claude-sonnet-4-6".to_owned(),
            key: KeyPrint("0123456789ab".to_owned()),
            started: at(0),
            duration_ms: 1_200,
            status: 200,
            completion,
            estimated: false,
            tokens: Tokens {
                uncached_input: 1_000,
                cache_read: 234,
                output: 56,
                ..Tokens::default()
            },
            cost,
            raw: None,
        })
    };
    let known = Cost::Known { pico_dollars: 3_910_200_000, table: "1".to_owned() };
    let unknown = Cost::Unknown { why: "no price for it".to_owned() };
    let hour = SignedDuration::from_hours(1);
    check(
        vec![
            (0, usage(known, Completion::Complete)),
            (0, usage(unknown, Completion::Aborted)),
            (0, Event::SettingsChanged { revision: 1, idle_timeout: Some(hour) }),
            (0, Event::SettingsChanged { revision: 2, idle_timeout: None }),
            (0, Event::Snoozed { generation: Gen(1), until: at(0) + hour }),
            (0, Event::WakePlanned { generation: Gen(1), at: Some(at(0) + hour * 9) }),
            (0, Event::WakePlanned { generation: Gen(1), at: None }),
        ],
        expect![[r#"
            $ anthropic/claude-sonnet-4-6: 1,234 tokens in, 56 out, $0.0039102
            $ anthropic/claude-sonnet-4-6: 1,234 tokens in, 56 out, cost unknown (no price for it), broken off
            • may be left alone for 1 h
            • may be left alone for as long as the default says
            • snoozed: no idle stop for 1 h
            · its next scheduled work is due in 9 h
            · nothing is scheduled
        "#]],
    );
}
