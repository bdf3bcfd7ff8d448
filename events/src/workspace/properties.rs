//! What holds for every story, not only for the ones that somebody thought of.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::run::{Run, Turn, turn};
use super::story::{DAWN, event};
use super::{Next, Status, Workspace, due, next};
use crate::event::{Event, StopReason};
use crate::ids::Gen;
use crate::policy::Policy;
use crate::step::STEPS;

/// Any fact at all, with the time in its envelope.
fn fact() -> impl Strategy<Value = (Timestamp, Event)> {
    let mut verbs = OF_GENERATIONS.to_vec();
    verbs.extend(["purge GA", "purged G"]);
    one_of(verbs)
}

/// Any fact but those about what outlives its generation.
fn of_a_generation() -> impl Strategy<Value = (Timestamp, Event)> {
    one_of(OF_GENERATIONS.to_vec())
}

const OF_GENERATIONS: &[&str] = &[
    "login everyone",
    "start G",
    "stop G admin",
    "stop G idle",
    "replay GA STEP",
    "restart GA STEP",
    "done GA STEP",
    "retried GA STEP forward N",
    "retried GA STEP undoing N",
    "deferred GA STEP 5m",
    "refused GA STEP",
    "undone GA STEP",
    "parked GA STEP forward",
    "parked GA STEP undoing",
    "skipped GA STEP forward",
    "skipped GA STEP undoing",
    "quiesced G",
    "ended GA",
    "ready GA",
    "failed GA",
    "stopped G admin",
    "active G",
    "busy G N",
    "snoozed G 10m",
    "wake G 1h",
    "settings N 1h",
];

fn one_of(verbs: Vec<&'static str>) -> impl Strategy<Value = (Timestamp, Event)> {
    let parts = (prop::sample::select(verbs), 1..4_u64, 1..4_u32, 0..7_usize, 1..9_u32);
    (parts, 0..10_i64).prop_map(|((verb, generation, attempt, step, n), second)| {
        let line = verb
            .replace("GA", &format!("{generation}.{attempt}"))
            .replace('G', &generation.to_string())
            .replace("STEP", STEPS[step].name())
            .replace('N', &n.to_string());
        let at = Timestamp::from_second(DAWN + second).expect("in range");
        (at, event(&line.split_whitespace().collect::<Vec<_>>(), at))
    })
}

fn fold(facts: &[(Timestamp, Event)]) -> Workspace {
    let mut workspace = Workspace::default();
    for (at, event) in facts {
        workspace.absorb(*at, event);
    }
    workspace
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_facts_give_the_same_workspace_in_any_order_and_however_often(
        (facts, shuffled) in prop::collection::vec(fact(), 0..30).prop_flat_map(|facts| {
            let doubled: Vec<_> = facts.iter().chain(&facts).cloned().collect();
            (Just(facts), Just(doubled).prop_shuffle())
        })
    ) {
        prop_assert_eq!(fold(&facts), fold(&shuffled));
    }

    #[test]
    fn a_projection_survives_its_journey_through_json(facts in prop::collection::vec(fact(), 0..30)) {
        let workspace = fold(&facts);
        let json = serde_json::to_string(&workspace).expect("to JSON");
        prop_assert_eq!(serde_json::from_str::<Workspace>(&json).expect("from JSON"), workspace);
    }

    #[test]
    fn a_generation_that_is_over_has_no_effect(
        facts in prop::collection::vec(of_a_generation(), 0..30),
        late in prop::collection::vec(of_a_generation(), 1..10),
    ) {
        let mut workspace = fold(&facts);
        let at = Timestamp::from_second(DAWN + 100).expect("in range");
        workspace.absorb(at, &Event::Stopped { generation: Gen(9), reason: StopReason::Admin });
        let policy = Policy { wake_lead: SignedDuration::ZERO, ..Policy::default() };
        let before = next(&workspace, &policy, at);
        for (at, event) in late {
            workspace.absorb(at, &event);
        }
        prop_assert_eq!(next(&workspace, &policy, at), before);
        prop_assert_eq!(workspace.generation(), Gen(9));
    }

    #[test]
    fn every_transitional_state_has_a_time_at_which_it_ends(
        facts in prop::collection::vec(fact(), 0..30),
    ) {
        let workspace = fold(&facts);
        let policy = Policy::default();
        let now = Timestamp::from_second(DAWN + 10).expect("in range");
        if !matches!(next(&workspace, &policy, now), Next::Wait { .. }) {
            prop_assert!(due(&workspace, &policy, now).is_some());
        }
    }

    #[test]
    fn what_nobody_waits_for_is_overdue_by_every_clock(
        facts in prop::collection::vec(fact(), 0..30), behind in 1..3_600i64,
    ) {
        let workspace = fold(&facts);
        let policy = Policy::default();
        let now = Timestamp::from_second(DAWN + 10).expect("in range");
        if matches!(next(&workspace, &policy, now), Next::Record(_) | Next::AskIdle { .. }) {
            let other = Timestamp::from_second(DAWN + 10 - behind).expect("in range");
            prop_assert!(due(&workspace, &policy, now).is_some_and(|due| due <= other));
        }
    }

    #[test]
    fn whatever_happens_a_workspace_ends_well(turns in prop::collection::vec(turn(), 0..80)) {
        let mut run = Run::begin();
        for turn in turns {
            run.take(turn);
        }
        run.finish();
        let status = run.workspace.status();
        prop_assert!(
            matches!(status, Status::Asleep | Status::Ready | Status::Failed),
            "still {status:?}"
        );
        prop_assert_eq!(run.left(), if status == Status::Ready { 3 } else { 0 });
        prop_assert!(!run.workspace.is_deleted() || run.kept() == 0, "something outlived it");
    }

    #[test]
    fn stop_always_wins(turns in prop::collection::vec(turn(), 0..60)) {
        let mut run = Run::begin();
        for turn in turns {
            run.take(turn);
        }
        run.take(Turn::Stop);
        let stopped = run.workspace.generation();
        run.down.insert(stopped);
        run.finish();
        prop_assert_eq!(run.workspace.status(), Status::Asleep);
        prop_assert_eq!(run.left(), 0);
    }

    #[test]
    fn who_is_deleted_leaves_nothing(turns in prop::collection::vec(turn(), 0..60)) {
        let mut run = Run::begin();
        for turn in turns {
            run.take(turn);
        }
        run.take(Turn::Delete);
        run.finish();
        prop_assert!(run.workspace.is_deleted());
        prop_assert_eq!(run.workspace.status(), Status::Asleep);
        prop_assert_eq!((run.left(), run.kept()), (0, 0));
    }
}
