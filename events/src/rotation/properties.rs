//! What holds of every rotation, whatever happens to it and in whatever order it is heard of.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{
    KeyStep, Next, Policy, RequestedBy, RotationId, Rotations, Standing, Wish, next, replay,
    request,
};
use crate::event::Event;
use crate::ids::KeyPrint;
use crate::provider::ProviderId;
use crate::reason::{Reason, ReasonClass};

/// How a step ends.
#[derive(Clone, Copy, Debug)]
enum Ends {
    Well,
    /// It acts, but the process dies before that is recorded.
    Forgotten,
    /// It acts, or not, and the answer is that it can never work.
    Refused(bool),
    /// It does not act this time.
    Failed,
}

#[derive(Clone, Copy, Debug)]
enum Turn {
    Act(Ends),
    Request,
    Replay(Option<usize>),
    Passes(i64),
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = prop_oneof![
        12 => Just(Turn::Act(Ends::Well)),
        2 => Just(Turn::Act(Ends::Forgotten)),
        2 => any::<bool>().prop_map(|acts| Turn::Act(Ends::Refused(acts))),
        3 => Just(Turn::Act(Ends::Failed)),
        2 => Just(Turn::Request),
        2 => prop::option::of(0..super::KEY_STEPS.len()).prop_map(Turn::Replay),
        2 => (1..1_200_i64).prop_map(Turn::Passes),
    ];
    prop::collection::vec(turn, 0..60)
}

/// A pool of numbered keys: each rotation brings the next.
struct Run {
    facts: Vec<(Timestamp, Event)>,
    rotations: Rotations,
    now: Timestamp,
    pool: BTreeSet<u64>,
    /// What the rotation took out and may put back.
    previous: BTreeSet<u64>,
}

fn provider() -> ProviderId {
    "p".parse().expect("an id")
}

fn print(number: u64) -> KeyPrint {
    KeyPrint(format!("{number:012x}"))
}

impl Run {
    fn begin() -> Self {
        let now = Timestamp::from_second(1_790_000_000).expect("in range");
        let (facts, rotations) = (Vec::new(), Rotations::default());
        Self { facts, rotations, now, pool: [0].into(), previous: BTreeSet::new() }
    }

    fn next(&self) -> Next {
        let policy = Policy::believing(SignedDuration::from_secs(60));
        next(&provider(), &self.rotations, &policy, self.now)
    }

    fn record(&mut self, event: Event) {
        self.now += SignedDuration::from_millis(10);
        self.rotations.absorb(self.now, &event);
        self.facts.push((self.now, event));
    }

    fn take(&mut self, turn: Turn) {
        match turn {
            Turn::Act(ends) => self.act(ends),
            Turn::Request => {
                let new = vec![print(self.rotations.newest().0 + 1)];
                let requested_by = RequestedBy::Schedule;
                let wish = Wish { provider: provider(), requested_by, new, retire: None };
                let pool: Vec<KeyPrint> = self.pool.iter().map(|key| print(*key)).collect();
                if let Ok(asked) = request(&self.rotations, &wish, &pool) {
                    self.previous.clear();
                    self.record(asked);
                }
            }
            Turn::Replay(from) => {
                let rotation = self.rotations.newest();
                let id = RotationId { provider: provider(), rotation };
                let from = from.map(|place| super::KEY_STEPS[place]);
                if let Ok(again) = replay(&self.rotations, &id, from) {
                    self.record(again);
                }
            }
            Turn::Passes(seconds) => self.now += SignedDuration::from_secs(seconds),
        }
    }

    fn act(&mut self, ends: Ends) {
        let provider = provider();
        let next = self.next();
        let (rotation, attempt, step, undoing) = match next {
            Next::Wait { until } => {
                self.now = until.unwrap_or(self.now).max(self.now);
                return;
            }
            Next::Record(ref event) => {
                self.record((**event).clone());
                assert_ne!(self.next(), next, "writing it down changed nothing");
                return;
            }
            Next::Do { rotation, attempt, step } => (rotation, attempt, step, false),
            Next::Undo { rotation, attempt, step } => (rotation, attempt, step, true),
        };
        if matches!(ends, Ends::Well | Ends::Forgotten | Ends::Refused(true)) {
            self.effect(rotation.0, step, undoing);
        }
        let reason = Reason::new(ReasonClass::Unavailable, "no");
        match ends {
            Ends::Forgotten => {}
            Ends::Well if undoing => {
                self.record(Event::RotationStepUndone { provider, rotation, attempt, step });
            }
            Ends::Well => {
                let keys = Vec::new();
                self.record(Event::RotationStepDone { provider, rotation, attempt, step, keys });
            }
            // By then nothing may be taken back: its consumer says that it failed.
            Ends::Refused(_) if step != KeyStep::ForgetStaged => {
                self.record(Event::RotationStepRefused {
                    provider,
                    rotation,
                    attempt,
                    step,
                    undoing,
                    reason,
                });
            }
            Ends::Failed | Ends::Refused(_) => {
                let failures = self.rotations.failures(rotation, step, undoing) + 1;
                self.record(Event::RotationStepRetried {
                    provider,
                    rotation,
                    attempt,
                    step,
                    undoing,
                    failures,
                    reason,
                });
            }
        }
    }

    fn effect(&mut self, number: u64, step: KeyStep, undoing: bool) {
        match (step, undoing) {
            (KeyStep::WriteVersion, false) => {
                self.pool.insert(number);
            }
            (KeyStep::WriteVersion, true) => {
                self.pool.remove(&number);
            }
            (KeyStep::RetireOld, false) => {
                assert!(self.pool.contains(&number), "the old keys go with nothing in their place");
                let old: BTreeSet<u64> =
                    self.pool.iter().copied().filter(|k| *k != number).collect();
                self.pool = [number].into();
                self.previous.extend(old);
            }
            (KeyStep::RetireOld, true) => self.pool.append(&mut self.previous),
            (KeyStep::ForgetStaged, false) => self.previous.clear(),
            _ => {}
        }
        assert!(!self.pool.is_empty(), "no key is in force");
    }
}

proptest! {
    #[test]
    fn whatever_happens_it_ends_and_the_right_keys_are_in_force(turns in turns()) {
        let mut run = Run::begin();
        for turn in turns {
            run.take(turn);
        }
        for _ in 0..100 {
            let standing = run.rotations.current().map(|current| current.standing);
            match standing {
                None => return Ok(()),
                Some(Standing::Running | Standing::Unwinding) => run.take(Turn::Act(Ends::Well)),
                // A human mends what is in the way.
                Some(Standing::Parked) => run.take(Turn::Replay(None)),
                Some(Standing::Rotated) => {
                    prop_assert_eq!(run.pool, BTreeSet::from([run.rotations.newest().0]));
                    return Ok(());
                }
                Some(Standing::Refused) => {
                    let newest = run.rotations.newest().0;
                    prop_assert!(!run.pool.contains(&newest), "what was refused is in force");
                    prop_assert!(run.previous.is_empty(), "an old key is not in force");
                    return Ok(());
                }
            }
        }
        prop_assert!(false, "it never ends: {:?}", run.next());
    }

    #[test]
    fn the_same_facts_in_any_order_are_the_same_rotations(
        turns in turns(), places in prop::collection::vec(any::<prop::sample::Index>(), 0..80),
    ) {
        let mut run = Run::begin();
        for turn in turns {
            run.take(turn);
        }
        let mut left = run.facts.clone();
        let mut rotations = Rotations::default();
        for place in places {
            if left.is_empty() {
                break;
            }
            let (at, event) = left.swap_remove(place.index(left.len()));
            rotations.absorb(at, &event);
            rotations.absorb(at, &event);
        }
        for (at, event) in left.iter().chain(&run.facts).rev() {
            rotations.absorb(*at, event);
        }
        prop_assert_eq!(rotations, run.rotations);
    }
}
