//! Follows the workspace's journal while the person does something, and tells every fact as it is
//! recorded. Every wait is bounded, and what it waited for is said when it is not met.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;

use events::{Event, Gen, Version, WorkspaceId};

use super::places::{Operator, Trouble};
use super::{Line, PHASE_MAX, broken};
use crate::problem::Problem;
use admin::api::History;

/// How many facts are kept for a later look; a whole journey has about sixty.
const FACTS_MAX: usize = 1_000;

/// The journal of one workspace, as far as it was read.
pub(super) struct Watch<'a> {
    operator: Operator,
    id: WorkspaceId,
    after: Version,
    generation: Gen,
    facts: VecDeque<Event>,
    tell: &'a mut (dyn FnMut(Line) + Send),
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        operator: Operator,
        id: WorkspaceId,
        tell: &'a mut (dyn FnMut(Line) + Send),
    ) -> Self {
        let (after, generation) = (Version::default(), Gen::default());
        Self { operator, id, after, generation, facts: VecDeque::new(), tell }
    }

    /// Leaves out what happened up to this version.
    pub(super) fn begin_after(&mut self, version: Version) {
        self.after = version;
    }

    /// The generation that was ready last.
    pub(super) fn generation(&self) -> Gen {
        self.generation
    }

    pub(super) fn tell(&mut self, line: Line) {
        (self.tell)(line);
    }

    /// Does something, and tells meanwhile what is recorded.
    pub(super) async fn meanwhile<T>(
        &mut self,
        promise: &str,
        doing: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Problem> {
        let mut doing = pin!(doing);
        let mut late = pin!(tokio::time::sleep(PHASE_MAX));
        let done = loop {
            tokio::select! {
                biased;
                done = &mut doing => break done,
                () = &mut late => return Err(too_late(promise)),
                // Dropped unfinished it has taken nothing: what was not read is read next time.
                read = self.operator.events(&self.id, self.after, true) => {
                    self.note(read.map_err(|error| error.broken(promise))?);
                }
            }
        };
        let rest = self.operator.events(&self.id, self.after, false).await;
        // What was done counts; that its last facts are told is no promise.
        if let Ok(rest) = rest {
            self.note(rest);
        }
        done.map_err(|error| error.broken(promise))
    }

    /// Waits for a fact, also among those that were told already. Looks at each fact once: the
    /// next wait goes on behind the one that was found.
    pub(super) async fn until(
        &mut self,
        promise: &str,
        found: impl Fn(&Event) -> Option<Result<(), String>>,
    ) -> Result<(), Problem> {
        let mut late = pin!(tokio::time::sleep(PHASE_MAX));
        loop {
            while let Some(event) = self.facts.pop_front() {
                match found(&event) {
                    Some(Ok(())) => return Ok(()),
                    Some(Err(seen)) => return Err(broken(promise, &seen)),
                    None => {}
                }
            }
            tokio::select! {
                biased;
                () = &mut late => return Err(too_late(promise)),
                read = self.operator.events(&self.id, self.after, true) => {
                    self.note(read.map_err(|error| error.broken(promise))?);
                }
            }
        }
    }

    fn note(&mut self, history: History) {
        for entry in history.events {
            self.after = self.after.max(entry.version);
            if let Event::Ready { generation, .. } = entry.event.event {
                self.generation = self.generation.max(generation);
            }
            if self.facts.len() == FACTS_MAX {
                self.facts.pop_front();
            }
            self.facts.push_back(entry.event.event.clone());
            (self.tell)(Line::Fact(Box::new(entry)));
        }
    }
}

fn too_late(promise: &str) -> Problem {
    broken(promise, &format!("nothing of that was seen within {} seconds", PHASE_MAX.as_secs()))
}
