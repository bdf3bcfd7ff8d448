//! What one workspace used in one hour, day or month, by team, by model and by key, and how that
//! stands in a row. Pure.
//!
//! Each way of adding up has its own lines, and not each combination one: a person has few teams,
//! some models and some keys, but with every key under every model a row would be many times as
//! long, and it is written with every batch. What a person used is the sum over their teams, and
//! what a provider was asked is the sum over its keys.

use std::collections::BTreeMap;

use events::UsageRecord;
use ports::{Fault, Grouping, Spending};
use serde::{Deserialize, Serialize};

use crate::rows::nonsense;

/// How many names a row tells apart in each way of adding up. A model's name is the person's to
/// choose, so without a bound anybody could fill a row, and nothing of theirs would be counted any
/// more. A row with every line at its longest is a quarter of what an item may be.
const NAMES_MAX: usize = 64;
/// Who comes after them is counted under this name: no request is lost and no sum is wrong.
const OTHERS: &str = "others";

/// A provider, and its model or key. A team has no provider, so nothing stands there.
type Name = (String, String);
type Lines = BTreeMap<Name, Spending>;

/// The sums of one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    teams: Lines,
    models: Lines,
    keys: Lines,
}

/// A line as it is written: its name and its numbers, in the order of [`Spending`].
#[derive(Serialize, Deserialize)]
struct Line(String, String, u64, u64, u64, u64, u64, u64, i128, u64);

#[derive(Serialize, Deserialize)]
struct Written {
    teams: Vec<Line>,
    models: Vec<Line>,
    keys: Vec<Line>,
}

impl Sums {
    /// Counts one request.
    pub(crate) fn count(&mut self, record: &UsageRecord) {
        let spending = Spending::of(record);
        let by_provider = |name: &str| (record.provider.clone(), name.to_owned());
        add(&mut self.teams, (String::new(), record.team.to_string()), &spending);
        add(&mut self.models, by_provider(&record.model), &spending);
        add(&mut self.keys, by_provider(&record.key.0), &spending);
    }

    /// All of it together.
    pub(crate) fn total(&self) -> Spending {
        let mut total = Spending::default();
        self.teams.values().for_each(|line| total.add(line));
        total
    }

    /// Its lines by name in a report of the workspace `user`'s and others' rows.
    pub(crate) fn by(&self, grouping: Grouping, user: &str) -> Vec<(String, &Spending)> {
        match grouping {
            Grouping::User => self.teams.values().map(|line| (user.to_owned(), line)).collect(),
            Grouping::Team => named(&self.teams, |(_, team)| team.clone()),
            Grouping::Provider => named(&self.keys, |(provider, _)| provider.clone()),
            Grouping::Model => named(&self.models, slashed),
            Grouping::Key => named(&self.keys, slashed),
        }
    }

    /// As it stands in a row: JSON, whose numbers are as long as they are.
    pub(crate) fn written(&self) -> Result<String, Fault> {
        let [teams, models, keys] = [&self.teams, &self.models, &self.keys].map(lines);
        serde_json::to_string(&Written { teams, models, keys })
            .map_err(|error| nonsense(error.to_string()))
    }

    /// What a row says.
    pub(crate) fn read(json: &str) -> Result<Self, Fault> {
        let written = serde_json::from_str(json);
        let Written { teams, models, keys } =
            written.map_err(|error| nonsense(format!("sums of usage: {error}")))?;
        let [teams, models, keys] = [teams, models, keys].map(understood);
        Ok(Self { teams, models, keys })
    }
}

fn named(lines: &Lines, name: fn(&Name) -> String) -> Vec<(String, &Spending)> {
    lines.iter().map(|(of, line)| (name(of), line)).collect()
}

fn slashed((provider, name): &Name) -> String {
    format!("{provider}/{name}")
}

fn add(lines: &mut Lines, name: Name, spending: &Spending) {
    let room = lines.len() < NAMES_MAX || lines.contains_key(&name);
    // A provider keeps its name: there are as many as an administrator has set up.
    let name = if room { name } else { (name.0, OTHERS.to_owned()) };
    lines.entry(name).or_default().add(spending);
}

fn lines(of: &Lines) -> Vec<Line> {
    let line = |(name, it): (&Name, &Spending)| {
        Line(
            name.0.clone(),
            name.1.clone(),
            it.requests,
            it.aborted,
            it.input,
            it.cache_read,
            it.cache_write,
            it.output,
            it.pico_dollars,
            it.unpriced,
        )
    };
    of.iter().map(line).collect()
}

fn understood(lines: Vec<Line>) -> Lines {
    let line = |line: Line| {
        let spending = Spending {
            name: String::new(),
            requests: line.2,
            aborted: line.3,
            input: line.4,
            cache_read: line.5,
            cache_write: line.6,
            output: line.7,
            pico_dollars: line.8,
            unpriced: line.9,
        };
        ((line.0, line.1), spending)
    };
    lines.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests;
