//! Whose turn it is, as tables.

use super::*;

fn at(hours: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
}

fn left(name: &str, since: Option<i64>) -> Leftover {
    let mut left = Leftover::of(&name.parse().expect("a good name"), 0);
    left.since = since.map(at);
    left
}

fn names(turns: &Turns) -> Vec<String> {
    turns.waiting.iter().map(Leftover::directory).collect()
}

#[test]
fn each_run_begins_with_another() {
    let all = || ["ann", "bob", "cat"].map(|name| left(name, None)).to_vec();
    let begun = |minute| names(&Turns::of(all(), at(0) + SignedDuration::from_mins(minute)));
    assert_eq!(begun(0), ["ann", "bob", "cat"]);
    assert_eq!(begun(1), ["bob", "cat", "ann"]);
    assert_eq!(begun(2), ["cat", "ann", "bob"]);
    assert_eq!(begun(3), begun(0));
    assert!(names(&Turns::of(Vec::new(), at(7))).is_empty());
}

#[test]
fn who_is_not_done_waits_behind_the_others_and_who_cannot_go_on_waits_for_another_run() {
    let all = ["ann", "bob", "cat"].map(|name| left(name, None)).to_vec();
    let mut turns = Turns::of(all, at(0));
    let ann = turns.waiting.pop_front().expect("ann");
    turns.put(Ok(Became::NotYet(ann)));
    assert_eq!(names(&turns), ["bob", "cat", "ann"]);
    let bob = turns.waiting.pop_front().expect("bob");
    turns.put(Ok(Became::Stuck(bob)));
    turns.waiting.pop_front().expect("cat");
    turns.put(Ok(Became::InUse));
    turns.waiting.pop_front().expect("ann");
    turns.put(Ok(Became::Gone));
    assert_eq!((names(&turns).len(), turns.stuck.len(), turns.emptied), (0, 1, 1));
    assert!(turns.last.is_ok());
    turns.put(Err(Fault::unavailable("DynamoDB", "no answer")));
    assert!(turns.last.is_err(), "Lambda counts it");
}

#[test]
fn a_home_is_late_a_day_after_it_was_found_whether_it_waits_or_is_stuck() {
    for (since, now, late) in [(None, 100, 0), (Some(0), 23, 0), (Some(0), 24, 1), (Some(9), 24, 0)]
    {
        let mut turns = Turns::of(vec![left("ann", since)], at(now));
        assert_eq!(turns.late(at(now)), late, "{since:?} at {now}");
        let ann = turns.waiting.pop_front().expect("ann");
        turns.put(Ok(Became::Stuck(ann)));
        assert_eq!(turns.late(at(now)), late, "{since:?} at {now}");
    }
}
