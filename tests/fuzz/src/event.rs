//! Facts, one a line of JSON, each a second after the one before: a reader and a writer agree on
//! them, their order and number do not matter, and what is next always comes to an end.

use events::{Event, Next, Policy, Workspace, next, workspace};
use jiff::{SignedDuration, Timestamp};

/// When the first fact was recorded.
const DAWN: i64 = 1_780_000_000;
/// A start and a teardown are less; more facts only make one input slower.
const FACTS_MAX: usize = 32;
/// Far more than follow from one another without anything happening outside.
const RECORDED_MAX: usize = 16;
/// Far above any number that a workspace counts to. At the very end of its range a counter stands
/// still, and what is recorded there is no news.
const COUNT_MAX: u64 = u32::MAX as u64 - 64;

/// Checks one input.
pub fn check(data: &[u8]) {
    let lines = data.split(|byte| *byte == b'\n').take(FACTS_MAX);
    let mut facts = Vec::new();
    for (second, line) in (0..).zip(lines) {
        let Ok(event) = serde_json::from_slice::<Event>(line) else { continue };
        survives_its_journey(&event);
        facts.push((after(second), event));
    }
    let folded = fold(&facts);
    let backwards: Vec<_> = facts.iter().rev().chain(&facts).cloned().collect();
    assert_eq!(folded, fold(&backwards), "order or number matters");
    let json = serde_json::to_string(&folded).expect("to JSON");
    let read: Workspace = serde_json::from_str(&json).expect("from our own JSON");
    assert_eq!(folded, read, "a fold changes on its way through a store");
    for hours in [0, 1, 24 * 365] {
        comes_to_an_end(&folded, after(hours * 3600));
    }
}

fn after(seconds: i64) -> Timestamp {
    Timestamp::from_second(DAWN + seconds).expect("in range")
}

fn fold(facts: &[(Timestamp, Event)]) -> Workspace {
    let mut workspace = Workspace::default();
    for (at, event) in facts {
        workspace.absorb(*at, event);
    }
    workspace
}

fn survives_its_journey(event: &Event) {
    let text = serde_json::to_string(event).expect("to JSON");
    let read: Event = serde_json::from_str(&text).expect("from our own JSON");
    assert_eq!(*event, read);
    assert_eq!(text, serde_json::to_string(&read).expect("to JSON"));
    let value = serde_json::to_value(event).expect("to JSON");
    assert_eq!(value["type"], event.name());
}

/// Nothing panics, every look has an answer, and what follows by itself follows a few times only.
fn comes_to_an_end(workspace: &Workspace, now: Timestamp) {
    let policy = Policy::default();
    let mut workspace = workspace.clone();
    ask(&workspace, &policy, now);
    if workspace.generation().0 >= COUNT_MAX || u64::from(workspace.attempt().0) >= COUNT_MAX {
        return;
    }
    for second in 0..RECORDED_MAX {
        let now = now + SignedDuration::from_secs(i64::try_from(second).unwrap_or_default());
        let Next::Record(event) = next(&workspace, &policy, now) else { return };
        let before = workspace.clone();
        workspace.absorb(now, &event);
        assert_ne!(before, workspace, "what is to be recorded is no news: {event:?}");
    }
    panic!("it records for ever");
}

fn ask(of: &Workspace, policy: &Policy, now: Timestamp) {
    let next = next(of, policy, now);
    let due = workspace::due(of, policy, now);
    let moves = !matches!(next, Next::Wait { .. });
    assert!(!moves || due.is_some(), "{next:?} has no end");
    let generation = of.generation();
    let _ = (workspace::class_of(&next), workspace::replayable(of), of.status(), of.trouble());
    let _ = (of.notice(policy, now), of.busy_looks(policy, now), of.address(generation));
    let _ = (of.lease_attempt(generation), of.task(generation), of.current_step());
}
