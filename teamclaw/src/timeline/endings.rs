//! Lines about where a workspace comes to rest.

use events::{Gen, Reason, Step, StopReason};
use jiff::Timestamp;

use super::line::{detail, hint, next_command, told};
use super::steps::name_of;
use super::{Outcome, Timeline, stop_words};
use crate::output::{BAD, BOLD, GOOD};
use crate::words;

impl Timeline {
    pub(super) fn ready(&mut self, generation: Gen, at: Timestamp) -> Vec<String> {
        self.settle(generation, Outcome::Ready(generation));
        // The time in use is no step's.
        self.mark = None;
        vec![told(GOOD.bold(), "✓", &format!("ready{}", self.after(generation, at)))]
    }

    pub(super) fn failed(
        &mut self,
        (generation, step, reason): (Gen, Step, &Reason),
        at: Timestamp,
        user: &str,
    ) -> Vec<String> {
        self.settle(generation, Outcome::Failed(generation, step, reason.clone()));
        let words = format!("failed at {}{}", step.name(), self.after(generation, at));
        let mut lines = vec![told(BAD.bold(), "✗", &words)];
        if self.refusal.as_ref() != Some(reason) {
            lines.push(detail(&reason.words));
            lines.extend(hint(reason));
        }
        lines.push(next_command(&format!("teamclaw replay {user}")));
        lines
    }

    pub(super) fn parked(
        &mut self,
        (generation, step, reason): (Gen, Step, &Reason),
        undoing: bool,
        at: Timestamp,
        user: &str,
    ) -> Vec<String> {
        // Whichever generation it is: nothing goes on past one that is parked.
        let (name, after) = (name_of(step, undoing), self.after(generation, at));
        self.outcome = Some(Outcome::Parked(generation, name, reason.clone()));
        let words = format!("parked at {name}{after}: a human must look");
        let mut lines = vec![told(BAD.bold(), "✗", &words), detail(&reason.words)];
        lines.extend(hint(reason));
        lines.push(next_command(&format!("teamclaw parked retry {user}")));
        lines
    }

    pub(super) fn stopped(
        &mut self,
        generation: Gen,
        reason: &StopReason,
        at: Timestamp,
    ) -> Vec<String> {
        self.settle(generation, Outcome::Stopped(generation, reason.clone()));
        let words = format!("stopped{}: {}", self.after(generation, at), stop_words(reason, at));
        vec![told(BOLD, "■", &words)]
    }

    pub(super) fn deleted(&mut self, generation: Gen, at: Timestamp) -> Vec<String> {
        self.settle(generation, Outcome::Deleted(generation));
        let words = format!("deleted{}: only the ledger remains", self.after(generation, at));
        vec![told(BOLD, "■", &words)]
    }

    fn settle(&mut self, generation: Gen, outcome: Outcome) {
        if generation >= self.generation {
            self.generation = generation;
            self.outcome = Some(outcome);
        }
    }

    /// How long since it was asked for, when that was told.
    fn after(&self, generation: Gen, at: Timestamp) -> String {
        let asked = self.asked.filter(|(of, _)| *of == generation);
        let took = asked.map(|(_, asked)| words::took(at.duration_since(asked)));
        took.map(|took| format!(" after {took}")).unwrap_or_default()
    }
}
