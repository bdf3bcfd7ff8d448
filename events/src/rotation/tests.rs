//! Rotations told fact by fact, and what is next after each.

use jiff::{SignedDuration, Timestamp};

use super::{
    KeyStep, Next, Number, Policy, RequestedBy, RotationId, Rotations, Standing, Wish, due, next,
    replay, request,
};
use crate::event::Event;
use crate::ids::{Attempt, KeyPrint};
use crate::provider::ProviderId;
use crate::reason::{Reason, ReasonClass};

const ONE: Number = Number(1);

/// A rotation as it goes on.
struct Story {
    rotations: Rotations,
    now: Timestamp,
}

fn provider() -> ProviderId {
    "anthropic".parse().expect("an id")
}

fn print(name: &str) -> KeyPrint {
    KeyPrint(name.to_owned())
}

fn policy() -> Policy {
    Policy::believing(SignedDuration::from_secs(60))
}

fn wish(retire: Option<Vec<KeyPrint>>) -> Wish {
    let (requested_by, new) = (RequestedBy::Command, vec![print("new"), print("new")]);
    Wish { provider: provider(), requested_by, new, retire }
}

fn reason() -> Reason {
    Reason::new(ReasonClass::Unavailable, "it does not answer")
}

impl Story {
    fn begin() -> Self {
        let now = Timestamp::from_second(1_790_000_000).expect("in range");
        let mut story = Self { rotations: Rotations::default(), now };
        let asked = request(&story.rotations, &wish(None), &[print("old")]);
        story.tell(asked.expect("it may begin"));
        story
    }

    fn tell(&mut self, event: Event) {
        self.now += SignedDuration::from_secs(1);
        self.rotations.absorb(self.now, &event);
    }

    fn next(&self) -> Next {
        next(&provider(), &self.rotations, &policy(), self.now)
    }

    fn standing(&self) -> Standing {
        self.rotations.current().expect("a rotation").standing
    }

    /// What is next is done, whatever it is.
    fn act(&mut self) {
        let provider = provider();
        match self.next() {
            Next::Do { rotation, attempt, step } => {
                let keys = vec![print("new")];
                self.tell(Event::RotationStepDone { provider, rotation, attempt, step, keys });
            }
            Next::Undo { rotation, attempt, step } => {
                self.tell(Event::RotationStepUndone { provider, rotation, attempt, step });
            }
            Next::Record(event) => self.tell(*event),
            Next::Wait { until } => self.now = until.expect("it moves").max(self.now),
        }
    }

    fn until(&mut self, step: KeyStep) -> &mut Self {
        for _ in 0..20 {
            if matches!(self.next(), Next::Do { step: at, .. } if at == step) {
                return self;
            }
            self.act();
        }
        panic!("it never comes to {}", step.name());
    }

    fn fail(&mut self, step: KeyStep, undoing: bool) {
        let (provider, attempt) = (provider(), Attempt(1));
        let failures = self.rotations.failures(ONE, step, undoing) + 1;
        let (rotation, reason) = (ONE, reason());
        self.tell(Event::RotationStepRetried {
            provider,
            rotation,
            attempt,
            step,
            undoing,
            failures,
            reason,
        });
    }

    fn refuse(&mut self, step: KeyStep) {
        let (provider, rotation, attempt) = (provider(), ONE, Attempt(1));
        let (undoing, reason) = (false, reason());
        self.tell(Event::RotationStepRefused {
            provider,
            rotation,
            attempt,
            step,
            undoing,
            reason,
        });
    }
}

#[test]
fn the_steps_come_in_order_and_the_waits_are_as_long_as_a_look_at_the_pool_is_believed() {
    let mut story = Story::begin();
    let mut order = Vec::new();
    let mut waited = SignedDuration::ZERO;
    while story.standing() == Standing::Running {
        match story.next() {
            Next::Do { step, .. } => order.push(step),
            Next::Wait { until: Some(until) } => waited += until.duration_since(story.now),
            Next::Wait { until: None } | Next::Undo { .. } | Next::Record(_) => {}
        }
        story.act();
    }
    use KeyStep::{ForgetStaged, RetireOld, TryKeys, WriteVersion};
    assert_eq!(order, [TryKeys, WriteVersion, RetireOld, ForgetStaged]);
    assert_eq!(story.standing(), Standing::Rotated);
    // 60 s, a tenth more, and two for a request that has its key: twice.
    assert_eq!(waited, SignedDuration::from_secs(2 * 68));
    assert_eq!(story.next(), Next::Wait { until: None });
}

#[test]
fn a_failed_step_rests_longer_each_time_and_is_refused_only_past_its_deadline() {
    let mut story = Story::begin();
    let mut pauses = Vec::new();
    for _ in 0..9 {
        story.fail(KeyStep::TryKeys, false);
        let Next::Wait { until: Some(until) } = story.next() else { panic!("it rests") };
        pauses.push(until.duration_since(story.now).as_millis());
        story.now = until;
        assert!(matches!(story.next(), Next::Do { step: KeyStep::TryKeys, .. }));
    }
    assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    // Ten minutes of outage refuse nothing.
    story.now += SignedDuration::from_mins(10);
    assert!(matches!(story.next(), Next::Do { .. }), "nobody has looked for ten minutes");
    story.now += SignedDuration::from_mins(5);
    story.fail(KeyStep::TryKeys, false);
    let Next::Record(refused) = story.next() else { panic!("its time is over") };
    assert!(matches!(*refused, Event::RotationStepRefused { undoing: false, .. }), "{refused:?}");
}

#[test]
fn what_was_done_is_taken_back_in_reverse_and_only_as_far_as_it_came() {
    for (refused, undone) in [
        (KeyStep::TryKeys, &[][..]),
        (KeyStep::WriteVersion, &[KeyStep::WriteVersion]),
        (KeyStep::RetireOld, &[KeyStep::RetireOld, KeyStep::WriteVersion]),
    ] {
        let mut story = Story::begin();
        story.until(refused).refuse(refused);
        let mut order = Vec::new();
        while story.standing() == Standing::Unwinding {
            if let Next::Undo { step, .. } = story.next() {
                order.push(step);
            }
            story.act();
        }
        assert_eq!(order, undone, "{}", refused.name());
        assert_eq!(story.standing(), Standing::Refused);
        assert_eq!(story.next(), Next::Wait { until: None });
    }
}

#[test]
fn a_replay_does_again_what_was_taken_back_whatever_step_it_begins_with() {
    let mut story = Story::begin();
    story.until(KeyStep::RetireOld).refuse(KeyStep::RetireOld);
    while story.standing() != Standing::Refused {
        story.act();
    }
    let id: RotationId = "anthropic-1".parse().expect("a rotation");
    let again = replay(&story.rotations, &id, None).expect("it can be replayed");
    assert!(matches!(again, Event::RotationReplayRequested { from: KeyStep::RetireOld, .. }));
    story.tell(again);
    assert!(matches!(
        story.next(),
        Next::Do { step: KeyStep::WriteVersion, attempt: Attempt(2), .. }
    ));
    story.act();
    assert!(matches!(story.next(), Next::Wait { .. }), "sidecars look at the pool again");
    story.until(KeyStep::RetireOld).until(KeyStep::ForgetStaged).act();
    story.act();
    assert_eq!(story.standing(), Standing::Rotated);
}

#[test]
fn what_cannot_be_taken_back_waits_for_a_human_who_may_replay_it() {
    let mut story = Story::begin();
    story.until(KeyStep::RetireOld).refuse(KeyStep::RetireOld);
    story.now += super::UNDO_DEADLINE;
    story.fail(KeyStep::RetireOld, true);
    story.act();
    assert_eq!(story.standing(), Standing::Parked);
    assert_eq!(due(&provider(), &story.rotations, &policy(), story.now), None);
    let words = request(&story.rotations, &wish(None), &[]).expect_err("it is in the way");
    assert!(words.words.contains("anthropic-1"), "{words}");
    let id = RotationId { provider: provider(), rotation: ONE };
    story.tell(replay(&story.rotations, &id, Some(KeyStep::TryKeys)).expect("a way on"));
    assert!(matches!(story.next(), Next::Do { step: KeyStep::TryKeys, attempt: Attempt(2), .. }));
}

#[test]
fn what_lies_beside_the_pool_and_cannot_be_forgotten_fails_nothing() {
    let mut story = Story::begin();
    story.until(KeyStep::ForgetStaged);
    story.now += SignedDuration::from_mins(6);
    story.fail(KeyStep::ForgetStaged, false);
    story.act();
    assert_eq!(story.standing(), Standing::Rotated);
}

#[test]
fn a_rotation_may_begin_only_when_it_makes_sense_and_says_why_not() {
    let none = Rotations::default();
    let pool = [print("old"), print("other"), print("new")];
    let begun = request(&none, &wish(None), &pool).expect("good");
    let Event::RotationRequested { rotation, new, retire, .. } = begun else { panic!("{begun:?}") };
    assert_eq!((rotation, new), (ONE, vec![print("new")]));
    assert_eq!(retire, [print("old"), print("other")], "all that are not new");
    let named = request(&none, &wish(Some(vec![print("old")])), &pool).expect("good");
    assert!(matches!(named, Event::RotationRequested { retire, .. } if retire == [print("old")]));
    for (retire, word) in [("unknown", "has no key unknown"), ("new", "cannot join the pool and")] {
        let refused = request(&none, &wish(Some(vec![print(retire)])), &pool).expect_err("odd");
        assert!(refused.words.contains(word), "{refused}");
    }
    let empty = Wish { new: Vec::new(), ..wish(None) };
    assert!(request(&none, &empty, &pool).is_err());
    let story = Story::begin();
    let refused = request(&story.rotations, &wish(None), &pool).expect_err("one at a time");
    assert!(refused.words.contains("under way: anthropic-1"), "{refused}");
}

#[test]
fn only_the_newest_rotation_is_replayed_and_only_when_it_was_refused() {
    let mut story = Story::begin();
    let id = |number| RotationId { provider: provider(), rotation: Number(number) };
    let why = |story: &Story, number| replay(&story.rotations, &id(number), None).map(drop);
    assert!(why(&story, 1).expect_err("it runs").words.contains("is running"));
    assert!(why(&story, 2).expect_err("there is none").words.contains("no rotation anthropic-2"));
    story.refuse(KeyStep::TryKeys);
    story.act();
    assert_eq!(story.standing(), Standing::Refused);
    assert_eq!(why(&story, 1), Ok(()));
    story.tell(request(&story.rotations, &wish(None), &[]).expect("a new one may begin"));
    assert!(why(&story, 1).expect_err("it is over").words.contains("followed by anthropic-2"));
}

#[test]
fn a_rotation_is_named_by_its_provider_and_its_number() {
    let id: RotationId = "openai-codex-12".parse().expect("a rotation");
    assert_eq!((id.provider.as_str(), id.rotation), ("openai-codex", Number(12)));
    assert_eq!(id.to_string(), "openai-codex-12");
    for bad in ["anthropic", "anthropic-", "-1", "anthropic-x", ""] {
        assert!(bad.parse::<RotationId>().is_err(), "{bad}");
    }
}
