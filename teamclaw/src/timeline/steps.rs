//! Lines about single steps, forward and back.

use events::step::STEPS;
use events::{Deferral, Output, Reason, Step};
use jiff::Timestamp;

use super::Timeline;
use super::line::{hint, step_line};
use crate::output::{BAD, DIM, GOOD, WARN};
use crate::words;

impl Timeline {
    pub(super) fn done(&mut self, step: Step, output: &Output, at: Timestamp) -> Vec<String> {
        let next = STEPS.into_iter().find(|next| *next > step);
        next.map_or("becoming ready", Step::name).clone_into(&mut self.doing);
        let made = match output {
            Output::Address { address } => address.to_string(),
            // A task's id is for machines, which read it in the event.
            Output::Nothing | Output::Home { .. } | Output::Lease { .. } | Output::Task { .. } => {
                String::new()
            }
        };
        vec![step_line(GOOD, "✓", step.name(), self.lap(at), &made)]
    }

    pub(super) fn refused(&mut self, step: Step, reason: &Reason, at: Timestamp) -> Vec<String> {
        "taking back what was made".clone_into(&mut self.doing);
        let lap = self.lap(at);
        if self.refusal.replace(reason.clone()).as_ref() == Some(reason) {
            return vec![step_line(BAD, "✗", step.name(), lap, "")];
        }
        let line = step_line(BAD, "✗", step.name(), lap, &words::plain(&reason.words));
        std::iter::once(line).chain(hint(reason)).collect()
    }

    pub(super) fn undone(&mut self, step: Step, at: Timestamp) -> Vec<String> {
        vec![step_line(DIM, "↩", name_of(step, true), self.lap(at), "")]
    }

    pub(super) fn skipped(&mut self, step: Step, undoing: bool, at: Timestamp) -> Vec<String> {
        let words = if undoing { "undone by hand" } else { "done by hand" };
        vec![step_line(WARN, "»", name_of(step, undoing), self.lap(at), words)]
    }

    pub(super) fn quiesced(&mut self, forced: bool, at: Timestamp) -> Vec<String> {
        let (style, words) =
            if forced { (WARN, "was still busy when its time was up") } else { (DIM, "") };
        vec![step_line(style, "✓", "quiesce", self.lap(at), words)]
    }
}

/// A step that is tried again: its duration is not over.
pub(super) fn retried(step: Step, undoing: bool, failures: u32, reason: &Reason) -> Vec<String> {
    let times = if failures == 1 { "once".to_owned() } else { format!("{failures} times") };
    let words = format!("failed {times}, is tried again: {}", words::plain(&reason.words));
    vec![step_line(WARN, "↻", name_of(step, undoing), None, &words)]
}

/// A step whose turn comes later: its duration is not over.
pub(super) fn deferred(wait: &Deferral, at: Timestamp) -> Vec<String> {
    let left = words::about(wait.until.duration_since(at));
    let words = format!("is number {} in line, its turn comes in {left}", wait.place);
    vec![step_line(DIM, "…", wait.step.name(), None, &words)]
}

/// What a step is called in its direction.
pub fn name_of(step: Step, undoing: bool) -> &'static str {
    if undoing { step.undo_name().unwrap_or(step.name()) } else { step.name() }
}
