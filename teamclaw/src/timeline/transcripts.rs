//! The timeline as an operator reads it. A change here is a change of what people see. Starts and ends
//! have files of their own; here is what is told beside them.

mod ends;
mod starts;

use events::price::Cost;
use events::usage::{Completion, Tokens, UsageRecord};
use events::{EventId, KeyPrint, Output, ReasonClass, Stamp, TaskId};
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
