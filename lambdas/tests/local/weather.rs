//! What may become of functions' calls: they come twice, too often, or are their caller's last.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use events::WorkspaceId;
use serde_json::{Value, json};

use crate::local::calls::{Call, Fate, Weather};

/// A call by its name: of which function, what, and the how manieth such call for this person.
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
        const READS: [&str; 5] = [":BatchGet", ":Describe", ":Get", ":List", ":Query"];
        !READS.iter().any(|read| self.what.contains(read))
    }
}

/// Whose calls were made, in order. A call that names nobody is made for whom its process named last.
#[derive(Default)]
pub(crate) struct Story {
    people: Vec<WorkspaceId>,
    of_process: BTreeMap<u32, WorkspaceId>,
    times: BTreeMap<(Option<WorkspaceId>, String, String), u32>,
    /// Whose, and which.
    pub(crate) calls: Vec<(Option<WorkspaceId>, Point)>,
}

impl Story {
    /// Of the calls for these people.
    pub(crate) fn of(people: &[WorkspaceId]) -> Self {
        Self { people: people.to_vec(), ..Self::default() }
    }

    /// Writes a call down.
    pub(crate) fn hears(&mut self, call: &Call) -> (Option<WorkspaceId>, Point) {
        let who = self.person(call);
        let key = (who.clone(), call.by.clone(), call.what.clone());
        let time = self.times.entry(key).or_default();
        *time += 1;
        let point = Point { by: call.by.clone(), what: call.what.clone(), time: *time };
        self.calls.push((who.clone(), point.clone()));
        (who, point)
    }

    fn person(&mut self, call: &Call) -> Option<WorkspaceId> {
        // It works for everybody at once.
        if ["sequencer", "sweeper"].contains(&call.by.as_str()) {
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
