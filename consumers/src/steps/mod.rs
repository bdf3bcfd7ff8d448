//! One file a step. In each, `plan` decides everything and touches nothing, `apply` does what was
//! decided, and `undo` takes back what `apply` did or half did: absent is a success, and what is
//! not this workspace's stays.
//!
//! The order they run in is [`events::step::STEPS`].

pub mod await_address;
pub mod grant_lease;
pub mod open_route;
pub mod prepare_home;
pub mod probe_ready;
pub mod quiesce;
pub mod register_task;
pub mod run_task;

use std::time::Duration;

use events::{
    Attempt, Deferral, Event, Gen, Output, Reason, ReasonClass, Step, Workspace, WorkspaceId,
};
use jiff::Timestamp;
use ports::Fault;

use crate::world::World;

/// How one look at a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It reached its goal.
    Done(Output),
    /// What it made is gone.
    Undone,
    /// Nothing to do until a fact arrives or the deadline passes; no message is held.
    Wait,
    /// Not yet; look again after this.
    Later(Duration),
    /// Its turn comes then, after so many others.
    Deferred {
        /// When.
        until: Timestamp,
        /// The place in line.
        place: u32,
    },
}

/// Which step of which try of which workspace, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// Whose.
    pub id: &'a WorkspaceId,
    /// What is known.
    pub workspace: &'a Workspace,
    /// The generation.
    pub generation: Gen,
    /// The try.
    pub attempt: Attempt,
}

impl At<'_> {
    /// A step ran before the ones that it builds on: a broken record, for a human.
    fn lacks(&self, what: &str) -> Fault {
        let words = format!("generation {} has no {what}", self.generation);
        Fault::Nonsense { service: "journal", words }
    }
}

/// Runs a step forward.
///
/// # Errors
/// What the step's service said.
pub async fn apply(world: &World, at: At<'_>, step: Step) -> Result<Outcome, Fault> {
    match step {
        Step::PrepareHome => prepare_home::apply(&prepare_home::plan(at), &*world.homes).await,
        Step::RegisterTask => register_task::apply(&register_task::plan(at), &*world.compute).await,
        Step::GrantLease => {
            grant_lease::apply(&grant_lease::plan(at, &world.default_team), &*world.leases).await
        }
        Step::RunTask => {
            let plan = run_task::plan(at)?;
            let line = world.starts.as_deref().map(|line| (line, world.bus.now()));
            run_task::apply(&plan, line, &*world.compute, &*world.leases).await
        }
        Step::AwaitAddress => {
            await_address::apply(&await_address::plan(at)?, &*world.compute).await
        }
        Step::OpenRoute => open_route::apply(&open_route::plan(at)?, &*world.routes).await,
        Step::ProbeReady => {
            let reach = world.reach(at.id, at.workspace, at.generation);
            let plan = probe_ready::plan(at, reach)?;
            probe_ready::apply(&plan, &*world.routes, &*world.agents).await
        }
    }
}

/// Takes a step back.
///
/// # Errors
/// What the step's service said.
pub async fn undo(world: &World, at: At<'_>, step: Step) -> Result<Outcome, Fault> {
    match step {
        Step::GrantLease => grant_lease::undo(&at.into(), &*world.leases).await,
        Step::RunTask => run_task::undo(&at.into(), &*world.compute).await,
        Step::OpenRoute => open_route::undo(&at.into(), &*world.routes).await,
        // Only a purge takes these two back.
        Step::PrepareHome => prepare_home::undo(&at.into(), &*world.homes).await,
        Step::RegisterTask => register_task::undo(&at.into(), &*world.compute).await,
        // There is nothing to take back.
        Step::AwaitAddress | Step::ProbeReady => Ok(Outcome::Undone),
    }
}

/// What an undo needs to know: names alone, so that it works whatever was or was not recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Whose.
    pub id: WorkspaceId,
    /// The generation.
    pub generation: Gen,
    /// Up to which try.
    pub attempt: Attempt,
}

impl From<At<'_>> for Trace {
    fn from(at: At<'_>) -> Self {
        Self { id: at.id.clone(), generation: at.generation, attempt: at.attempt }
    }
}

/// The fact that a finished step is written down as; `None` when there is none yet.
pub fn fact(trace: &Trace, step: Step, outcome: Outcome) -> Option<Event> {
    let Trace { generation, attempt, .. } = *trace;
    match outcome {
        Outcome::Done(output) => Some(Event::StepDone { generation, attempt, step, output }),
        Outcome::Undone => Some(Event::StepUndone { generation, attempt, step }),
        Outcome::Deferred { until, place } => {
            Some(Event::StepDeferred(Deferral { generation, attempt, step, until, place }))
        }
        Outcome::Wait | Outcome::Later(_) => None,
    }
}

/// A refusal whose reason is known.
fn refused(class: ReasonClass, words: impl AsRef<str>) -> Fault {
    Fault::Refused(Reason::new(class, words))
}
