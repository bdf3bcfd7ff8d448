//! Test support: a workspace with the outside that its steps change, to which anything can happen.
//! The outside keeps the ports' promises: what was taken back up to a try does not come again.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::story::{DAWN, event};
use super::{Next, Status, WayOut, Workspace, delete, leave, next, replayable};
use crate::event::{Event, StartCause, StopReason};
use crate::ids::{Attempt, Gen};
use crate::policy::Policy;
use crate::reason::{Reason, ReasonClass};
use crate::step::{STEPS, Step};

/// Something that can happen to a running system.
#[derive(Clone, Copy, Debug)]
pub(super) enum Turn {
    /// What is next is done.
    Act(Ends),
    Start,
    Stop,
    /// From the step that failed, or from the one of this number.
    Replay(Option<usize>),
    /// A human chooses a way out of a parking.
    Leave(WayOut),
    Delete,
    TaskEnds,
    TimePasses(i64),
}

/// How a step ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    Well,
    /// It acts, but the process dies before that is recorded.
    Forgotten,
    Refused,
    /// Neither forward nor back is safe; it may have acted.
    Parked,
    /// It does not act this time.
    Failed,
    /// Its turn comes later.
    Deferred,
}

pub(super) fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        20 => Just(Turn::Act(Ends::Well)),
        2 => Just(Turn::Act(Ends::Forgotten)),
        1 => Just(Turn::Act(Ends::Refused)),
        1 => Just(Turn::Act(Ends::Parked)),
        2 => Just(Turn::Act(Ends::Failed)),
        2 => Just(Turn::Act(Ends::Deferred)),
        2 => Just(Turn::Start),
        1 => Just(Turn::Stop),
        2 => prop::option::of(0..STEPS.len()).prop_map(Turn::Replay),
        3 => prop::sample::select(WayOut::ALL.to_vec()).prop_map(Turn::Leave),
        1 => Just(Turn::Delete),
        1 => Just(Turn::TaskEnds),
        1 => (1..400_i64).prop_map(Turn::TimePasses),
    ]
}

/// A workspace with the things that its steps made in the outside.
pub(super) struct Run {
    pub(super) workspace: Workspace,
    /// Generations that must not go on up.
    pub(super) down: BTreeSet<Gen>,
    policy: Policy,
    now: Timestamp,
    /// What exists: generation, try, step.
    made: BTreeSet<(Gen, Attempt, Step)>,
    /// What outlives its generation: by which it was made last.
    kept: BTreeMap<Step, Gen>,
    /// Up to where each step was taken back.
    fences: BTreeMap<Step, (Gen, Attempt)>,
}

impl Run {
    pub(super) fn begin() -> Self {
        Self {
            workspace: Workspace::default(),
            down: BTreeSet::new(),
            policy: Policy::default(),
            now: Timestamp::from_second(DAWN).expect("in range"),
            made: BTreeSet::new(),
            kept: BTreeMap::new(),
            fences: BTreeMap::new(),
        }
    }

    pub(super) fn take(&mut self, turn: Turn) {
        let generation = self.workspace.generation();
        match turn {
            Turn::Act(ends) => self.act(ends),
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
            Turn::Replay(wish) => {
                if let Some((generation, attempt, from)) = replayable(&self.workspace) {
                    let from = wish.map_or(from, |number| STEPS[number]);
                    let automatic = false;
                    self.record(&Event::ReplayRequested { generation, attempt, from, automatic });
                }
            }
            Turn::Leave(way) => self.leave(way),
            Turn::Delete => {
                for fact in delete(&self.workspace) {
                    self.record(&fact);
                }
                self.down.insert(generation);
            }
            Turn::TaskEnds => {
                let attempt = self.workspace.task_attempt(generation);
                if self.made.contains(&(generation, attempt, Step::RunTask)) {
                    self.tell(&format!("ended {generation}.{attempt}"));
                }
            }
            Turn::TimePasses(seconds) => self.now += SignedDuration::from_secs(seconds),
        }
    }

    /// How many things exist.
    pub(super) fn left(&self) -> usize {
        self.made.len()
    }

    /// How many homes and registrations exist.
    pub(super) fn kept(&self) -> usize {
        self.kept.len()
    }

    /// Lets everything come to rest without letting much time pass. What is parked is replayed as
    /// it would be by a human.
    pub(super) fn finish(&mut self) {
        for _ in 0..400 {
            match next(&self.workspace, &self.policy, self.now) {
                Next::Wait { until: Some(at) } if at.duration_since(self.now).as_secs() <= 5 => {
                    self.now = at;
                }
                Next::Wait { until: Some(at) } if self.workspace.in_line(self.now).is_some() => {
                    self.now = at;
                }
                Next::Wait { .. } if self.workspace.status() == Status::Parked => {
                    self.take(Turn::Leave(WayOut::Retry));
                }
                Next::Wait { .. } => return,
                Next::Do { .. }
                | Next::Undo { .. }
                | Next::Quiesce { .. }
                | Next::AskIdle { .. }
                | Next::Record(_) => self.act(Ends::Well),
            }
        }
        panic!("it never rests: {:?}", next(&self.workspace, &self.policy, self.now));
    }

    /// What a human undid by hand is gone, and what they did by hand is there.
    fn leave(&mut self, way: WayOut) {
        for fact in leave(&self.workspace, way, None).unwrap_or_default() {
            self.record(&fact);
            if let Event::StepSkipped { generation, attempt, step, undoing } = fact {
                if undoing {
                    self.remove(generation, attempt, step);
                    self.down.insert(generation);
                } else {
                    self.make(generation, attempt, step);
                }
            }
            if let Event::StopRequested { generation, .. } = fact {
                self.down.insert(generation);
            }
        }
    }

    fn record(&mut self, event: &Event) {
        self.now += SignedDuration::from_millis(10);
        self.workspace.absorb(self.now, event);
    }

    fn tell(&mut self, line: &str) {
        self.record(&event(&line.split_whitespace().collect::<Vec<_>>(), self.now));
    }

    fn act(&mut self, ends: Ends) {
        let next = next(&self.workspace, &self.policy, self.now);
        match next {
            Next::Do { generation, attempt, step } => self.forward(generation, attempt, step, ends),
            Next::Undo { generation, attempt, step } => self.back(generation, attempt, step, ends),
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
            Next::Record(ref event) => {
                self.record(event);
                let after = super::next(&self.workspace, &self.policy, self.now);
                assert_ne!(after, next, "writing it down changed nothing");
            }
            Next::Wait { .. } => {}
        }
    }

    fn forward(&mut self, generation: Gen, attempt: Attempt, step: Step, ends: Ends) {
        assert!(!self.down.contains(&generation), "a stopped generation starts");
        let it = format!("{generation}.{attempt} {}", step.name());
        if !matches!(ends, Ends::Failed | Ends::Deferred) {
            self.make(generation, attempt, step);
        }
        match ends {
            Ends::Well => self.tell(&format!("done {it}")),
            Ends::Refused => self.tell(&format!("refused {it}")),
            Ends::Parked => self.tell(&format!("parked {it} forward")),
            Ends::Failed => self.fail(generation, step, false),
            // A slot is taken once: who has one is not sent to the end of the line.
            Ends::Deferred if self.workspace.has_turn(generation, step) => {}
            Ends::Deferred => self.tell(&format!("deferred {it} 4m")),
            Ends::Forgotten => {}
        }
    }

    fn back(&mut self, generation: Gen, attempt: Attempt, step: Step, ends: Ends) {
        let of = self.workspace.attempt_at(generation, step, true);
        match ends {
            Ends::Failed => return self.fail(generation, step, true),
            Ends::Parked => {
                return self.tell(&format!("parked {generation}.{of} {} undoing", step.name()));
            }
            Ends::Well | Ends::Refused | Ends::Forgotten | Ends::Deferred => {}
        }
        self.remove(generation, attempt, step);
        if ends != Ends::Forgotten {
            self.record(&Event::StepUndone { generation, attempt, step });
        }
    }

    /// Takes back on the outside.
    fn remove(&mut self, generation: Gen, attempt: Attempt, step: Step) {
        let up_to = (generation, attempt);
        self.made.retain(|(g, a, s)| !((*g, *a) <= up_to && *s == step));
        self.kept.retain(|s, g| !(*g <= generation && *s == step));
        let fence = self.fences.entry(step).or_insert(up_to);
        *fence = (*fence).max(up_to);
    }

    fn fail(&mut self, generation: Gen, step: Step, undoing: bool) {
        let attempt = self.workspace.attempt_at(generation, step, undoing);
        let failures = self.workspace.failures(generation, step, undoing) + 1;
        let reason = Reason::new(ReasonClass::Unavailable, "it does not answer");
        self.record(&Event::StepRetried { generation, attempt, step, undoing, failures, reason });
        assert_eq!(self.workspace.failures(generation, step, undoing), failures, "it counts");
    }

    /// Acts on the outside.
    fn make(&mut self, generation: Gen, attempt: Attempt, step: Step) {
        // A route goes by the try of the lease.
        let lease = self.workspace.lease_attempt(generation).unwrap_or(attempt);
        let attempt = if step == Step::OpenRoute { lease } else { attempt };
        if step == Step::OpenRoute {
            // There is only one for each workspace.
            self.made.retain(|(_, _, other)| *other != step);
        }
        if step == Step::RunTask {
            let other = |(g, a, s): &(Gen, Attempt, Step)| {
                *s == Step::RunTask && (*g, *a) != (generation, attempt)
            };
            assert!(!self.made.iter().any(other), "a second task beside the first");
        }
        let fenced = self.fences.get(&step).is_some_and(|fence| *fence >= (generation, attempt));
        assert!(!fenced, "{} of {generation}.{attempt} was taken back for good", step.name());
        if step.is_kept() {
            let gone = self.fences.get(&step).is_some_and(|(gone, _)| *gone >= generation);
            assert!(!gone, "{} of {generation} was purged for good", step.name());
            self.kept.insert(step, generation);
        }
        if step.is_torn_down() {
            self.made.insert((generation, attempt, step));
        }
    }
}
