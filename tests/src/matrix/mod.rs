//! The crash matrix: exhaustive where the simulation is random. Every journey dies at every wait and
//! is gone on with once and twice; every call of it goes wrong in every way; every two actors meet in
//! every situation, interleaved at every wait. Each case ends with all in order, as the
//! [`model`](crate::model) says.

mod aws;
pub mod command;
mod crashes;
mod journey;
mod orders;
mod pairs;
mod rotations;
mod stage;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::world::{State, Trace, World};

/// The world that a case was played in, for its story.
type Told = RefCell<Option<Arc<World>>>;

/// How many cases there were, and which failed.
#[derive(Debug, Default)]
pub struct Tally {
    /// By kind.
    pub cases: BTreeMap<&'static str, u64>,
    /// What each that failed is called, and what was broken.
    pub failures: Vec<(String, Vec<String>)>,
    /// Only the case of this name is played.
    only: Option<String>,
    /// What happened in it.
    pub story: Vec<String>,
}

impl Tally {
    /// Plays a case. A panic is a failure like any other.
    fn case(
        &mut self,
        kind: &'static str,
        name: impl Fn() -> String,
        play: impl FnOnce(State, &Told) -> Result<(), Vec<String>>,
    ) {
        if kind != "plain" && self.only.as_ref().is_some_and(|only| *only != name()) {
            return;
        }
        *self.cases.entry(kind).or_default() += 1;
        let told = Told::default();
        let wanted = self.only.is_some() && kind != "plain";
        let trace = if wanted { Trace::told() } else { Trace::default() };
        let state = State::default().noted_by(trace);
        let played = catch_unwind(AssertUnwindSafe(|| play(state, &told)));
        if let Some(world) = told.into_inner().filter(|_| wanted) {
            self.story.extend_from_slice(world.state().trace.lines().0);
        }
        let broken = match played {
            Ok(Ok(())) => return,
            Ok(Err(broken)) => broken,
            Err(_) => vec!["it panicked; what was said stands above".to_owned()],
        };
        self.failures.push((name(), broken));
    }

    /// Adds what another share of the work found.
    fn add(&mut self, other: Self) {
        for (kind, count) in other.cases {
            *self.cases.entry(kind).or_default() += count;
        }
        self.failures.extend(other.failures);
        self.story.extend(other.story);
    }

    /// How many cases there were.
    pub fn count(&self) -> u64 {
        self.cases.values().sum()
    }

    /// The last line.
    pub fn line(&self) -> String {
        format!("{} cases, {} failures", self.count(), self.failures.len())
    }
}

/// A share of the work, which one thread does.
#[derive(Clone, Copy, Debug)]
enum Share {
    Journey(usize),
    Situation(usize),
    Rotation(usize),
}

/// Every share, or those of the journeys whose name has this in it.
fn shares(only: Option<&str>) -> Vec<Share> {
    let journeys = (0..).zip(journey::journeys());
    if let Some(text) = only {
        let named = journeys.filter(|(_, journey)| journey.name.contains(text));
        return named.map(|(number, _)| Share::Journey(number)).collect();
    }
    let pairs = (0..pairs::count()).map(Share::Situation);
    let journeys = journeys.map(|(number, _)| Share::Journey(number));
    pairs.chain(journeys).chain(rotation_shares()).collect()
}

fn rotation_shares() -> impl Iterator<Item = Share> {
    (0..rotations::count()).map(Share::Rotation)
}

/// The rotations' part of the matrix alone, which takes seconds.
pub fn rotations() -> Tally {
    let mut tally = Tally::default();
    rotation_shares().for_each(|share| tally.add(play(share, None)));
    tally
}

fn play(share: Share, only: Option<String>) -> Tally {
    // The handlers' own time-outs want a runtime around them; its time stands still.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime of one thread needs nothing from the machine");
    let _within = runtime.enter();
    let mut tally = Tally { only, ..Tally::default() };
    match share {
        Share::Journey(number) => {
            crashes::play(&journey::journeys().swap_remove(number), &mut tally);
        }
        Share::Situation(number) => pairs::play(number, &mut tally),
        Share::Rotation(number) => rotations::play(number, &mut tally),
    }
    tally
}
