//! Where functions die: at calls that are told by their names, so that every run kills at the same
//! places. A quiet journey says which calls there are.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};

use events::WorkspaceId;

use crate::local::calls::{Call, Fate, Weather};
use crate::weather::{Point, Story};

/// When a process dies of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Before it reaches AWS.
    Before,
    /// When AWS has acted, and before the answer is read.
    After,
}

/// A death.
#[derive(Clone, Debug)]
pub(crate) struct Death {
    /// For whom the function works then; anybody, if nobody is named.
    pub(crate) whose: Option<WorkspaceId>,
    /// At which call.
    pub(crate) at: Point,
    pub(crate) when: When,
}

impl fmt::Display for Death {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { whose, at: Point { by, what, time }, when } = self;
        let whose = whose.as_ref().map_or("anybody", WorkspaceId::as_str);
        write!(formatter, "{by} dies {when:?} {what} #{time} for {whose}")
    }
}

/// Deaths that are to come, and those that came.
pub(crate) struct Deaths {
    story: Story,
    dead: BTreeSet<u32>,
    pub(crate) to_come: Vec<Death>,
    /// How many have come.
    pub(crate) came: usize,
}

impl Deaths {
    /// These, among these people.
    pub(crate) fn new(people: &[WorkspaceId], to_come: Vec<Death>) -> Arc<Mutex<Self>> {
        let (story, dead) = (Story::of(people), BTreeSet::new());
        Arc::new(Mutex::new(Self { story, dead, to_come, came: 0 }))
    }

    fn fate(&mut self, call: &Call) -> Fate {
        let process = call.process.expect("a call that says of which process it is");
        if self.dead.contains(&process) {
            // It asked several things at once.
            return Fate::GoesOn;
        }
        let (whose, theirs, all) = self.story.hears(call);
        let is_due = |death: &Death| {
            let at = if death.whose.is_some() { &theirs } else { &all };
            let same = death.at.by == at.by && death.at.what == at.what;
            same && death.at.time <= at.time && (death.whose.is_none() || death.whose == whose)
        };
        let Some(place) = self.to_come.iter().position(is_due) else { return Fate::GoesOn };
        let death = self.to_come.remove(place);
        println!("{death}");
        self.dead.insert(process);
        self.came += 1;
        match death.when {
            When::Before => Fate::DiesBefore,
            When::After => Fate::DiesAfter,
        }
    }
}

/// Kills whoever makes a call at which a death is due: the one with that number, or a later one.
pub(crate) fn deadly(deaths: &Arc<Mutex<Deaths>>) -> Weather {
    let deaths = Arc::clone(deaths);
    Arc::new(move |call| deaths.lock().expect("unpoisoned").fate(call))
}

/// Kills whoever asks anything that mentions this.
pub(crate) fn deadly_about(what: &'static str) -> Weather {
    let dead = Mutex::new(BTreeSet::new());
    Arc::new(move |call| {
        let asks = call.body.contains(what) && !call.what.starts_with("sqs:");
        // Of what a process asks at once, one is its last.
        match asks && dead.lock().expect("unpoisoned").insert(call.process) {
            true => Fate::DiesBefore,
            false => Fate::GoesOn,
        }
    })
}
