//! What may become of functions' calls: they come twice, too often, or are their caller's last.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use events::WorkspaceId;
use serde_json::{Value, json};

use crate::local::calls::{Call, Fate, Weather};

/// A call by its name: of which function, what, and the how manieth such call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Point {
    /// The function.
    pub(crate) by: String,
    /// What is asked of what.
    pub(crate) what: String,
    /// From one.
    pub(crate) time: u32,
}

impl Point {
    /// Whether AWS is another after the call.
    pub(crate) fn changes(&self) -> bool {
        const READS: [&str; 6] = [":BatchGet", ":Describe", ":GET", ":Get", ":List", ":Query"];
        !READS.iter().any(|read| self.what.contains(read))
    }

    /// Whether another journey may do without it: which queue is nudged, whether a message is put off,
    /// whether an append meets another and a timer is taken away follow from who comes first.
    pub(crate) fn is_a_races(&self) -> bool {
        const RACES: [&str; 4] = ["sqs:", "BatchGetItem", "Query journal", "DeleteItem timers"];
        self.time > 1 || RACES.iter().any(|race| self.what.contains(race))
    }
}

/// Which calls were made, in order, and for whom. A call that names nobody is made for whom its process
/// named last.
#[derive(Default)]
pub(crate) struct Story {
    people: Vec<WorkspaceId>,
    of_process: BTreeMap<u32, WorkspaceId>,
    times: BTreeMap<(Option<WorkspaceId>, String, String), u32>,
    /// Whose, and which of theirs.
    pub(crate) calls: Vec<(Option<WorkspaceId>, Point)>,
}

impl Story {
    /// Of the calls for these people.
    pub(crate) fn of(people: &[WorkspaceId]) -> Self {
        Self { people: people.to_vec(), ..Self::default() }
    }

    /// Writes a call down. Gives for whom it is, the how manieth such call of theirs, and of all.
    pub(crate) fn hears(&mut self, call: &Call) -> (Option<WorkspaceId>, Point, Point) {
        let who = self.person(call);
        let all = self.counted(None, call);
        let theirs = who.as_ref().map_or(all.clone(), |who| self.counted(Some(who), call));
        self.calls.push((who.clone(), theirs.clone()));
        (who, theirs, all)
    }

    fn counted(&mut self, who: Option<&WorkspaceId>, call: &Call) -> Point {
        let key = (who.cloned(), call.by.clone(), call.what.clone());
        let time = self.times.entry(key).or_default();
        *time += 1;
        Point { by: call.by.clone(), what: call.what.clone(), time: *time }
    }

    fn person(&mut self, call: &Call) -> Option<WorkspaceId> {
        // What a process asks once, and what is done for everybody at once.
        let once = ["secretsmanager:", "sqs:GetQueueUrl"];
        if call.by == "sequencer" || once.iter().any(|begin| call.what.starts_with(begin)) {
            return None;
        }
        let named = self.people.iter().find(|who| call.body.contains(who.as_str()));
        let process = call.process?;
        if let Some(who) = named {
            self.of_process.insert(process, who.clone());
        }
        self.of_process.get(&process).cloned()
    }
}

/// Writes every call down, and lets it go on.
pub(crate) fn calm(story: &Arc<Mutex<Story>>) -> Weather {
    let story = Arc::clone(story);
    Arc::new(move |call| {
        story.lock().expect("unpoisoned").hears(call);
        Fate::GoesOn
    })
}

/// Every message is sent twice.
pub(crate) fn doubled() -> Weather {
    Arc::new(|call| match call.what.starts_with("sqs:SendMessage") {
        true => Fate::GoesTwice,
        false => Fate::GoesOn,
    })
}

/// What is put off by minutes is put off by a second: for what a queue counts and time does not matter to.
pub(crate) fn hasty() -> Weather {
    Arc::new(|call| {
        if !call.what.starts_with("sqs:ChangeMessageVisibility") {
            return Fate::GoesOn;
        }
        let mut asked: Value = serde_json::from_str(&call.body).expect("JSON");
        asked["VisibilityTimeout"] = json!(1);
        Fate::Says(asked.to_string())
    })
}
