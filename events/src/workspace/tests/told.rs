//! What a workspace tells about itself at the moments of its life: what people see, what searches
//! find by, and what the steps build on.

use jiff::SignedDuration;

use super::super::story::{DAWN, Story};
use super::super::{Status, Workspace};
use crate::event::{StartCause, StopReason};
use crate::ids::{Attempt, Gen, TaskId};
use crate::step::Step;

const UP: &str = "start 1; done 1.1 prepare_home; done 1.1 register_task; done 1.1 grant_lease;
    done 1.1 run_task; done 1.1 await_address; done 1.1 open_route; done 1.1 probe_ready;
    ready 1.1";

fn story(lines: &str) -> Story {
    let mut story = Story::begin();
    for line in lines.split(';').map(str::trim).filter(|line| !line.is_empty()) {
        story.tell(line);
    }
    story
}

fn after(lines: &str) -> Workspace {
    story(lines).workspace
}

#[test]
fn of_whom_nobody_has_spoken_there_is_nothing_to_tell() {
    let nobody = Workspace::default();
    let (now, policy) = (Story::begin().now, Story::begin().policy);
    assert_eq!((nobody.generation(), nobody.attempt()), (Gen(0), Attempt(1)));
    assert_eq!(nobody.attempt_of(Gen(1)), Attempt(1));
    assert_eq!((nobody.team(), nobody.idle_wish(), nobody.settings_revision()), (None, None, 1));
    assert_eq!((nobody.ending(), nobody.last_active(), nobody.next_wake()), (None, None, None));
    assert_eq!(nobody.known_wake(Gen(0)), None);
    assert_eq!((nobody.status(), nobody.current_step()), (Status::Asleep, None));
    assert_eq!((nobody.trouble(), nobody.last_retry()), (None, None));
    assert_eq!((nobody.task(Gen(1)), nobody.lease_attempt(Gen(1))), (None, None));
    assert_eq!((nobody.address(Gen(1)), nobody.output(Gen(1), Step::RunTask)), (None, None));
    assert_eq!((nobody.wants_up(Gen(0)), nobody.wants_up(Gen(1))), (false, false));
    assert_eq!(
        (nobody.stop_reason(), nobody.requested(), nobody.ready_since()),
        (None, None, None)
    );
    assert_eq!((nobody.busy_looks(&policy, now), nobody.notice(&policy, now)), (0, None));
}

#[test]
fn where_it_stands_at_each_moment_of_its_life() {
    use Status::{Asleep, Failed, Parked, Ready, Starting, Stopping};
    let refused = "start 1; done 1.1 prepare_home; refused 1.1 register_task;";
    let table = [
        ("login sales".to_owned(), Asleep, None),
        ("start 1".to_owned(), Starting, Some(Step::PrepareHome)),
        ("start 1; done 1.1 prepare_home".to_owned(), Starting, Some(Step::RegisterTask)),
        (UP.to_owned(), Ready, None),
        (format!("{UP}; stop 1 admin"), Stopping, None),
        ("start 1; stop 1 admin".to_owned(), Stopping, None),
        (format!("{UP}; stop 1 admin; stopped 1 admin"), Asleep, None),
        // A stop whose beginning has not arrived yet, and a fact of which neither has.
        ("stop 1 admin".to_owned(), Stopping, None),
        ("done 1.1 prepare_home".to_owned(), Asleep, Some(Step::RegisterTask)),
        (refused.to_owned(), Starting, None),
        (format!("{refused} failed 1.1"), Failed, None),
        (
            format!("{refused} failed 1.1; replay 1.2 register_task"),
            Starting,
            Some(Step::RegisterTask),
        ),
        ("start 1; parked 1.1 prepare_home".to_owned(), Parked, Some(Step::PrepareHome)),
        // The teardown of an older generation comes before the start of the newest.
        (format!("{UP}; stop 1 admin; start 2"), Starting, Some(Step::PrepareHome)),
        (format!("{UP}; start 2"), Starting, Some(Step::PrepareHome)),
        (format!("{UP}; start 2; parked 1.1 run_task undoing"), Parked, Some(Step::PrepareHome)),
    ];
    for (lines, status, step) in table {
        let workspace = after(&lines);
        assert_eq!((workspace.status(), workspace.current_step()), (status, step), "{lines}");
    }
}

#[test]
fn what_a_start_has_made_is_told_while_it_is_in_effect() {
    let up = after(UP);
    assert_eq!(up.task(Gen(1)), Some(&TaskId("task-1".to_owned())));
    assert_eq!(up.lease_attempt(Gen(1)), Some(Attempt(1)));
    assert_eq!(up.address(Gen(1)), Some("127.0.0.1:20000".parse().expect("an address")));
    assert_eq!((up.task(Gen(2)), up.address(Gen(2)), up.lease_attempt(Gen(2))), (None, None, None));
    let down = after(&format!("{UP}; undone 1.1 run_task; undone 1.1 grant_lease"));
    assert_eq!((down.task(Gen(1)), down.lease_attempt(Gen(1))), (None, None));
    assert!(down.output(Gen(1), Step::PrepareHome).is_some(), "a home outlives its task");
}

#[test]
fn the_try_of_a_task_is_the_one_that_started_it_and_else_the_one_at_hand() {
    let lines = "start 1; done 1.1 grant_lease; replay 1.3 run_task";
    assert_eq!(after(lines).attempt(), Attempt(3));
    assert_eq!(after(lines).attempt_of(Gen(1)), Attempt(3));
    assert_eq!(after(lines).task_attempt(Gen(1)), Attempt(3));
    assert_eq!(after(&format!("{lines}; done 1.2 run_task")).task_attempt(Gen(1)), Attempt(2));
    assert_eq!(
        after(&format!("{lines}; done 1.2 grant_lease")).lease_attempt(Gen(1)),
        Some(Attempt(2))
    );
}

#[test]
fn only_the_newest_generation_is_wanted_and_only_until_it_is_asked_to_stop() {
    assert!(after("start 1").wants_up(Gen(1)));
    assert!(!after("start 1").wants_up(Gen(2)));
    assert!(!after("start 1; start 2").wants_up(Gen(1)));
    assert!(after("start 1; start 2").wants_up(Gen(2)));
    assert!(!after("start 1; stop 1 person").wants_up(Gen(1)));
    assert!(!after("done 1.1 prepare_home").wants_up(Gen(1)), "nobody asked for it yet");
    assert!(!after("stop 1 person").wants_up(Gen(1)));
}

#[test]
fn why_and_since_when_is_told_of_the_newest_generation() {
    let up = story(UP);
    let (requested, cause) = up.workspace.requested().expect("asked for");
    assert_eq!((requested.as_second(), cause), (DAWN + 1, StartCause::Login));
    assert_eq!(up.workspace.ready_since(), Some(up.now));
    assert_eq!(up.workspace.stop_reason(), None);
    let stopped = after(&format!("{UP}; stop 1 person"));
    assert_eq!(stopped.stop_reason(), Some(&StopReason::Person));
    let over = after(&format!("{UP}; stop 1 person; stopped 1 person"));
    assert_eq!((over.requested(), over.ready_since(), over.stop_reason()), (None, None, None));
    let ending = over.ending().expect("it is over");
    assert_eq!((ending.generation, &ending.reason), (Gen(1), &StopReason::Person));
    let refused = after(&format!("{UP}; refused 1.1 run_task"));
    assert_eq!(refused.ready_since(), None, "an agent that ended is not ready");
}

#[test]
fn a_trouble_is_told_while_it_stands_and_a_failed_try_while_its_try_goes_on() {
    let refused = after("start 1; refused 1.1 grant_lease");
    assert_eq!(refused.trouble().map(|trouble| trouble.step), Some(Step::GrantLease));
    let again = after("start 1; refused 1.1 grant_lease; replay 1.2 grant_lease");
    assert_eq!(again.trouble(), None);
    let both = "start 1; refused 1.1 grant_lease; parked 1.1 run_task undoing";
    assert_eq!(after(both).trouble().map(|trouble| trouble.step), Some(Step::RunTask));
    let retried = "start 1; retried 1.1 prepare_home forward 3";
    let told = |lines: &str| after(lines).last_retry().map(|(step, failures, _)| (step, failures));
    assert_eq!(told(retried), Some((Step::PrepareHome, 3)));
    assert_eq!(told(&format!("{retried}; replay 1.2 prepare_home")), None);
    let counted = |step, undoing| after(retried).failures(Gen(1), step, undoing);
    assert_eq!(counted(Step::PrepareHome, false), 3);
    assert_eq!(counted(Step::PrepareHome, true), 0, "going back is counted apart");
    assert_eq!(counted(Step::RunTask, false), 0, "each step is counted apart");
    assert_eq!(after(retried).failures(Gen(2), Step::PrepareHome, false), 0);
}

#[test]
fn who_and_how_is_told_as_it_was_said_last() {
    let workspace = after("invited red; login sales; settings 4 1h; settings 3 2h; active 1");
    assert_eq!(workspace.team().map(ToString::to_string).as_deref(), Some("sales"));
    assert_eq!(workspace.idle_wish(), Some(SignedDuration::from_hours(1)));
    assert_eq!(workspace.settings_revision(), 5);
    assert_eq!(workspace.last_active().map(|at| at.as_second()), Some(DAWN + 5));
}

#[test]
fn a_schedule_is_known_of_the_generation_that_told_it() {
    let planned = story("start 1; wake 1 9h");
    let due = planned.now + SignedDuration::from_hours(9);
    assert_eq!(planned.workspace.next_wake(), Some(due));
    assert_eq!(planned.workspace.known_wake(Gen(1)), Some(Some(due)));
    assert_eq!(planned.workspace.known_wake(Gen(2)), None);
    let nothing = after("start 1; wake 1 9h; wake 1 never");
    assert_eq!((nothing.next_wake(), nothing.known_wake(Gen(1))), (None, Some(None)));
}

#[test]
fn busy_answers_are_a_row_while_each_comes_within_two_looks_of_the_one_before() {
    let busy = story(&format!("{UP}; busy 1 2"));
    let row = busy.policy.busy_again + busy.policy.busy_again;
    let looks = |later| busy.workspace.busy_looks(&busy.policy, busy.now + later);
    assert_eq!(looks(SignedDuration::ZERO), 2);
    assert_eq!(looks(row), 2);
    assert_eq!(looks(row + SignedDuration::from_nanos(1)), 0);
}

#[test]
fn a_notice_stands_until_somebody_is_active_or_the_stop_is_asked_for() {
    let told = |lines: &str| {
        let story = story(&format!("{UP}; {lines}"));
        let notice = story.workspace.notice(&story.policy, story.now);
        notice.map(|notice| notice.stop_at.duration_since(story.now).as_secs())
    };
    assert_eq!(told("+31m notice"), Some(120));
    assert_eq!(told("+31m notice; active 1"), None);
    assert_eq!(told("+31m notice; snoozed 1 10m"), None);
    assert_eq!(told("+31m notice; stop 1 idle"), None);
    assert_eq!(told("+31m notice; refused 1.1 run_task"), None, "what ended is not stopped");
    assert_eq!(told("+31m look"), None);
    // Another time-out, chosen after the notice, makes it void.
    assert_eq!(told("+31m notice; settings 1 2h"), None);
}
