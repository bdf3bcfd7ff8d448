//! What holds for every story, not only for the ones that somebody thought of.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::story::{DAWN, event};
use super::{Next, Status, Workspace, due, next};
use crate::event::{Event, StartCause, StopReason};
use crate::ids::{Attempt, Gen};
use crate::policy::Policy;
use crate::step::{STEPS, Step};

/// Any fact at all, with the time in its envelope.
fn fact() -> impl Strategy<Value = (Timestamp, Event)> {
    let verbs = [
        "login everyone",
        "start G",
        "stop G admin",
        "stop G idle",
        "replay GA STEP",
        "restart GA STEP",
        "done GA STEP",
        "retried GA STEP forward N",
        "retried GA STEP undoing N",
        "refused GA STEP",
        "undone GA STEP",
        "parked GA STEP forward",
        "parked GA STEP undoing",
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
    let parts = (prop::sample::select(verbs.to_vec()), 1..4_u64, 1..4_u32, 0..7_usize, 1..9_u32);
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
        facts in prop::collection::vec(fact(), 0..30),
        late in prop::collection::vec(fact(), 1..10),
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
    }

    #[test]
    fn stop_always_wins(turns in prop::collection::vec(turn(), 0..60)) {
        let mut run = Run::begin();
        for turn in turns {
            run.take(turn);
        }
        run.take(Turn::Stop);
        let stopped = run.workspace.generation();
        run.no_start_of = Some(stopped);
        run.finish();
        prop_assert_eq!(run.workspace.status(), Status::Asleep);
        prop_assert_eq!(run.left(), 0);
    }
}

/// Something that can happen to a running system.
#[derive(Clone, Copy, Debug)]
enum Turn {
    /// What is next is done.
    Succeed,
    /// What is next is done, but the process dies before it is recorded.
    Forget,
    /// What is next is refused.
    Refuse,
    Start,
    Stop,
    Replay,
    TaskEnds,
    TimePasses(i64),
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        20 => Just(Turn::Succeed),
        2 => Just(Turn::Forget),
        1 => Just(Turn::Refuse),
        2 => Just(Turn::Start),
        1 => Just(Turn::Stop),
        2 => Just(Turn::Replay),
        1 => Just(Turn::TaskEnds),
        1 => (1..400_i64).prop_map(Turn::TimePasses),
    ]
}

/// A workspace with the things that its steps made in the outside.
struct Run {
    workspace: Workspace,
    policy: Policy,
    now: Timestamp,
    /// What exists: generation, try, step.
    made: BTreeSet<(Gen, Attempt, Step)>,
    no_start_of: Option<Gen>,
}

impl Run {
    fn begin() -> Self {
        Self {
            workspace: Workspace::default(),
            policy: Policy::default(),
            now: Timestamp::from_second(DAWN).expect("in range"),
            made: BTreeSet::new(),
            no_start_of: None,
        }
    }

    fn record(&mut self, event: &Event) {
        self.now += SignedDuration::from_millis(10);
        self.workspace.absorb(self.now, event);
    }

    fn left(&self) -> usize {
        self.made.len()
    }

    fn take(&mut self, turn: Turn) {
        let generation = self.workspace.generation();
        match turn {
            Turn::Succeed => self.act(true, false),
            Turn::Forget => self.act(false, false),
            Turn::Refuse => self.act(true, true),
            Turn::Start => {
                let down = [Status::Asleep, Status::Stopping, Status::Failed];
                if down.contains(&self.workspace.status()) {
                    let generation = generation.next();
                    self.record(&Event::StartRequested { generation, cause: StartCause::Login });
                }
            }
            Turn::Stop => {
                if generation > Gen(0) {
                    self.record(&Event::StopRequested { generation, reason: StopReason::Admin });
                }
            }
            Turn::Replay => {
                if let Some((generation, attempt, from)) = super::replayable(&self.workspace) {
                    let automatic = false;
                    self.record(&Event::ReplayRequested { generation, attempt, from, automatic });
                }
            }
            Turn::TaskEnds => {
                let attempt = self.workspace.task_attempt(generation);
                if self.made.contains(&(generation, attempt, Step::RunTask)) {
                    let line = format!("ended {generation}.{attempt}");
                    let words: Vec<&str> = line.split_whitespace().collect();
                    self.record(&event(&words, self.now));
                }
            }
            Turn::TimePasses(seconds) => self.now += SignedDuration::from_secs(seconds),
        }
    }

    fn act(&mut self, remembered: bool, refused: bool) {
        match next(&self.workspace, &self.policy, self.now) {
            Next::Do { generation, attempt, step } => {
                assert_ne!(Some(generation), self.no_start_of, "a stopped generation starts");
                self.make(generation, attempt, step);
                let verb = if refused { "refused" } else { "done" };
                let line = format!("{verb} {generation}.{attempt} {}", step.name());
                if remembered {
                    self.record(&event(&line.split_whitespace().collect::<Vec<_>>(), self.now));
                }
            }
            Next::Undo { generation, attempt, step } => {
                self.made.retain(|(g, a, s)| !(*g == generation && *a <= attempt && *s == step));
                if remembered {
                    self.record(&Event::StepUndone { generation, attempt, step });
                }
            }
            Next::Quiesce { generation, .. } => {
                self.record(&Event::Quiesced { generation, forced: false });
            }
            Next::AskIdle { generation, idle_since, stop } => {
                let stop_at = self.now + self.policy.notice;
                let event = if stop {
                    let reason = StopReason::Idle { last_active: idle_since };
                    Event::StopRequested { generation, reason }
                } else {
                    Event::NoticeGiven { generation, idle_since, stop_at }
                };
                self.record(&event);
            }
            Next::Record(event) => self.record(&event),
            Next::Wait { .. } => {}
        }
    }

    fn make(&mut self, generation: Gen, attempt: Attempt, step: Step) {
        if step == Step::RunTask {
            let other = |(g, a, s): &(Gen, Attempt, Step)| {
                *s == Step::RunTask && (*g, *a) != (generation, attempt)
            };
            assert!(!self.made.iter().any(other), "a second task beside the first");
        }
        if step.undo_name().is_some() {
            self.made.insert((generation, attempt, step));
        }
    }

    /// Lets everything come to rest without letting much time pass.
    fn finish(&mut self) {
        for _ in 0..200 {
            match next(&self.workspace, &self.policy, self.now) {
                Next::Wait { until: Some(at) } if at.duration_since(self.now).as_secs() <= 5 => {
                    self.now = at;
                }
                Next::Wait { .. } => return,
                _ => self.act(true, false),
            }
        }
        panic!("it never rests: {:?}", next(&self.workspace, &self.policy, self.now));
    }
}
