//! Where functions die: at calls that are told by their names, so that every run kills at the same
//! places. A quiet journey says which calls there are.

use std::sync::{Arc, Mutex};

use events::WorkspaceId;

use crate::local::calls::{Fate, Weather};
use crate::weather::{Point, Story};

/// When a process dies of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Before it reaches AWS.
    Before,
    /// When AWS has acted, and before the answer is read.
    After,
}

/// A death: for whom the function works, at which call.
#[derive(Clone, Debug)]
pub(crate) struct Death {
    pub(crate) whose: Option<WorkspaceId>,
    pub(crate) at: Point,
    pub(crate) when: When,
}

/// Deaths that are to come, and those that came.
pub(crate) struct Deaths {
    story: Story,
    pub(crate) to_come: Vec<Death>,
    pub(crate) came: Vec<Death>,
}

impl Deaths {
    /// These, among these people.
    pub(crate) fn new(people: &[WorkspaceId], to_come: Vec<Death>) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { story: Story::of(people), to_come, came: Vec::new() }))
    }
}

/// Kills whoever makes a call at which a death is due: the one with that number, or a later one.
pub(crate) fn deadly(deaths: &Arc<Mutex<Deaths>>) -> Weather {
    let deaths = Arc::clone(deaths);
    Arc::new(move |call| {
        let mut deaths = deaths.lock().expect("unpoisoned");
        let (whose, at) = deaths.story.hears(call);
        let is_due = |death: &Death| {
            let same = death.at.by == at.by && death.at.what == at.what;
            same && death.whose == whose && death.at.time <= at.time
        };
        let Some(place) = deaths.to_come.iter().position(is_due) else { return Fate::GoesOn };
        let death = deaths.to_come.remove(place);
        let fate = match death.when {
            When::Before => Fate::DiesBefore,
            When::After => Fate::DiesAfter,
        };
        deaths.came.push(death);
        fate
    })
}
