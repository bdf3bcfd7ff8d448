//! Everything that the fake knows, and how a call is carried out with what it meets.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::answer::{Answer, Form, Trouble};
use crate::ecs::Ecs;
use crate::efs::Efs;
use crate::elb::Elb;
use crate::habits::Habits;
use crate::iam::Iam;
use crate::request::Request;

/// When its clock begins, in milliseconds since 1970: 2026-09-21T13:33:20Z. Nothing depends on it.
const BEGINNING_MS: u64 = 1_790_000_000_000;

/// All of it.
#[derive(Debug)]
pub(crate) struct State {
    began: Instant,
    /// By how much the test set the clock forward.
    pub(crate) skipped: Duration,
    pub(crate) habits: Habits,
    pub(crate) troubles: BTreeMap<String, VecDeque<Trouble>>,
    pub(crate) asked: Vec<(String, Value)>,
    pub(crate) ecs: Ecs,
    pub(crate) iam: Iam,
    pub(crate) efs: Efs,
    pub(crate) elb: Elb,
}

/// What comes of a call.
pub(crate) enum Outcome {
    /// It is answered, after so long if the service says so.
    Answered(Answer, Option<Duration>),
    /// It is not answered.
    Lost,
}

impl State {
    /// Nothing yet. `port` is the server's own, which no other server of this machine has.
    pub(crate) fn new(port: u16) -> Self {
        Self {
            began: began(),
            skipped: Duration::ZERO,
            habits: Habits::default(),
            troubles: BTreeMap::new(),
            asked: Vec::new(),
            ecs: Ecs::new(port),
            iam: Iam::default(),
            efs: Efs::default(),
            elb: Elb::default(),
        }
    }

    /// The time, in milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> u64 {
        let passed = self.began.elapsed() + self.skipped;
        BEGINNING_MS + u64::try_from(passed.as_millis()).unwrap_or(u64::MAX / 2)
    }

    /// Lets everything happen that is due.
    pub(crate) fn tick(&mut self) {
        let now = self.now_ms();
        self.ecs.tick(now);
    }

    /// Carries a call out, or does not.
    pub(crate) fn call(&mut self, request: &Request) -> Outcome {
        self.tick();
        self.asked.push((request.call.clone(), request.body.clone()));
        let form = request.form;
        let trouble = self.troubles.get_mut(&request.call).and_then(VecDeque::pop_front);
        let outcome = match trouble {
            None => Outcome::Answered(self.act(request, None), None),
            Some(Trouble::Failure(reason)) => {
                Outcome::Answered(self.act(request, Some(reason)), None)
            }
            Some(Trouble::Throttled(after)) => Outcome::Answered(Answer::throttled(form), after),
            Some(Trouble::Fails) => Outcome::Answered(Answer::failed(form), None),
            Some(Trouble::Says { status, code, words }) => {
                Outcome::Answered(Answer::error(status, code, words), None)
            }
            Some(Trouble::ActsAndFails) => {
                let _ = self.act(request, None);
                Outcome::Answered(Answer::failed(form), None)
            }
            Some(Trouble::ActsAndIsLost) => {
                let _ = self.act(request, None);
                Outcome::Lost
            }
        };
        self.tick();
        outcome
    }

    fn act(&mut self, request: &Request, failure: Option<&'static str>) -> Answer {
        let now = self.now_ms();
        match request.form {
            Form::Json => self.ecs.call(request, failure, &self.habits, now),
            Form::Rest => self.efs.call(request, &self.habits, now),
            Form::Xml if request.call.starts_with("iam.") => self.iam.call(request, &self.habits),
            Form::Xml => self.elb.call(request, &self.habits),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a server's own clock, which a test sets forward")]
fn began() -> Instant {
    Instant::now()
}
