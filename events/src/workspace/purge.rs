//! Deleting what outlives every generation: what is known of it, and what is next.
//!
//! A purge ends everything up to a generation and then takes back the home and the registration.
//! What begins later waits for it and finds nothing of what was there.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::absorb::join_max;
use super::next::{FAILURES_MAX, Next, UNDO_DEADLINE};
use super::ways::{WayOut, leave};
use super::{Retried, Trouble, Workspace};
use crate::event::Event;
use crate::ids::{Attempt, Gen};
use crate::step::{STEPS, Step};

/// What is known of purges. Every field is a join.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Purge {
    /// The latest request: up to which generation, in which try.
    asked: Option<(Gen, Attempt)>,
    /// Up to which generation nothing is left.
    over: Option<Gen>,
    /// Up to which generation each step was taken back.
    undone: BTreeMap<Step, Gen>,
    /// The latest failed try.
    retried: Option<(Gen, Retried)>,
    /// The latest parking.
    parked: Option<(Gen, Trouble)>,
    /// When it came further last.
    progressed: Option<Timestamp>,
}

impl Purge {
    pub(super) fn ask(&mut self, at: Timestamp, generation: Gen, attempt: Attempt) {
        join_max(&mut self.asked, (generation, attempt));
        join_max(&mut self.progressed, at);
    }

    pub(super) fn end(&mut self, generation: Gen) {
        join_max(&mut self.over, generation);
    }

    pub(super) fn step_undone(&mut self, at: Timestamp, generation: Gen, step: Step) {
        let undone = self.undone.entry(step).or_default();
        *undone = (*undone).max(generation);
        join_max(&mut self.progressed, at);
    }

    pub(super) fn fail(&mut self, generation: Gen, retried: Retried) {
        join_max(&mut self.retried, (generation, retried));
    }

    pub(super) fn park(&mut self, generation: Gen, parked: Trouble) {
        join_max(&mut self.parked, (generation, parked));
    }

    /// The highest generation that a purge was about.
    pub(super) fn generation(&self) -> Gen {
        self.asked.map(|(generation, _)| generation).max(self.over).unwrap_or_default()
    }

    /// When it came further last.
    pub(super) fn progressed(&self) -> Option<Timestamp> {
        self.progressed
    }

    /// Whether a generation's home is gone, or to go.
    pub(super) fn covers(&self, generation: Gen) -> bool {
        self.asked.is_some_and(|(asked, _)| asked >= generation) || self.over >= Some(generation)
    }

    /// Up to which generation it goes, in which try, while it is not over.
    pub(super) fn under_way(&self) -> Option<(Gen, Attempt)> {
        self.asked.filter(|(generation, _)| self.over < Some(*generation))
    }

    /// Why a human must look, while one must.
    pub(super) fn trouble(&self) -> Option<&Trouble> {
        let (asked, attempt) = self.under_way()?;
        let parked = self.parked.as_ref().filter(|(generation, _)| *generation == asked);
        parked.map(|(_, trouble)| trouble).filter(|trouble| trouble.attempt == attempt)
    }

    /// The last failed try of taking a step back, within this try of the purge.
    pub(super) fn last_failure(&self, step: Step) -> Option<&Retried> {
        let (asked, attempt) = self.under_way()?;
        let retried = self.retried.as_ref().filter(|(generation, _)| *generation == asked);
        retried.map(|(_, by)| by).filter(|by| by.attempt == attempt && by.step == step)
    }
}

impl Workspace {
    /// Up to which generation everything is being deleted; `None` while nothing is.
    pub fn purging(&self) -> Option<Gen> {
        self.purge.under_way().map(|(generation, _)| generation)
    }

    /// Whether nothing is left but what was recorded: it was deleted, and nothing began since.
    pub fn is_deleted(&self) -> bool {
        self.purging().is_none() && self.purge.over.is_some_and(|over| over >= self.generation())
    }

    /// What is next of a purge; `None` when there is none, or it waits for a teardown.
    pub(super) fn next_of_purge(&self, now: Timestamp) -> Option<Next> {
        let (generation, attempt) = self.purge.under_way()?;
        if self.lives.first_key_value().is_some_and(|(oldest, _)| *oldest <= generation) {
            return None;
        }
        if self.purge.trouble().is_some() {
            return Some(Next::Wait { until: None });
        }
        let left = |step: &Step| {
            step.is_kept() && self.purge.undone.get(step).is_none_or(|up_to| *up_to < generation)
        };
        let Some(step) = STEPS.into_iter().rev().find(left) else {
            return Some(Next::Record(Event::Purged { generation }));
        };
        // Time alone parks nothing: after an outage of ours nobody has looked.
        let deadline = self.purge_deadline(now);
        let over = |by: &&Retried| by.failures >= FAILURES_MAX || by.at >= deadline;
        Some(match self.purge.last_failure(step).filter(over) {
            None => Next::Undo { generation, attempt, step },
            Some(retried) => {
                let reason = retried.reason.clone();
                Next::Record(Event::Parked { generation, attempt, step, undoing: true, reason })
            }
        })
    }

    /// Until when the purge's step at hand may fail.
    pub(super) fn purge_deadline(&self, now: Timestamp) -> Timestamp {
        // It begins when the teardown before it is over.
        let ended = self.ended.as_ref().map(|ending| ending.at);
        let base = self.purge.progressed.max(ended).unwrap_or(now);
        base.saturating_add(UNDO_DEADLINE).unwrap_or(base)
    }

    /// The request that tries a parked purge again.
    pub(super) fn purge_again(&self) -> Option<Event> {
        let (generation, attempt) = self.purge.under_way()?;
        self.purge.trouble()?;
        Some(Event::PurgeRequested { generation, attempt: attempt.next() })
    }
}

/// The facts by which everything of a person is to go; none when that was asked for and nothing
/// began since.
pub fn delete(workspace: &Workspace) -> Vec<Event> {
    let generation = workspace.generation();
    if workspace.purge.asked.is_some() && workspace.purge.covers(generation) {
        return Vec::new();
    }
    let mut facts = leave(workspace, WayOut::Abort, None).unwrap_or_default();
    if workspace.idle_wish().is_some() {
        let revision = workspace.settings_revision();
        facts.push(Event::SettingsChanged { revision, idle_timeout: None });
    }
    facts.push(Event::PurgeRequested { generation, attempt: Attempt(1) });
    facts
}

#[cfg(test)]
mod tests;
