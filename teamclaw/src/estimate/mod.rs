//! What a deployment costs a month, by line: pure arithmetic over the code's own constants and a
//! dated table of prices. It knows no clock, no network and no AWS account.
//!
//! Free tiers, savings plans, taxes, support and the providers' own bills for models are left out.

mod counts;
mod fixed;
mod functions;
mod journey;
mod people;
pub mod prices;
pub mod usage_path;
mod writes;

use serde::Serialize;

pub use counts::{Counts, PEOPLE_A_CELL};
pub use prices::{Table, built_in};

/// Hours of an average month.
pub const HOURS_A_MONTH: f64 = 730.0;

/// What is planned.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Wish {
    /// People.
    pub users: u32,
    /// Hours of use a person and working day.
    pub hours: f64,
    /// Working days a month.
    pub days: f64,
    /// How often a working day an agent is woken: after each such span of use it stops by itself.
    pub starts: f64,
    /// Model calls an hour of use.
    pub calls: f64,
    /// Gigabytes in a home.
    pub home_gb: f64,
    /// vCPUs of a task.
    pub vcpu: f64,
    /// Gigabytes of memory of a task.
    pub memory_gb: f64,
    /// How many of a hundred tasks run on Spot.
    pub spot: f64,
    /// Whether sidecars reach AWS by interface endpoints.
    pub endpoints: bool,
}

/// When agents run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// They stop when they are left alone.
    IdleStop,
    /// All day and night.
    AlwaysOn,
}

/// One line of the bill.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Whose price it is.
    pub service: &'static str,
    /// What is paid for.
    pub what: &'static str,
    /// How many units a month.
    pub quantity: f64,
    /// What the unit is.
    pub unit: String,
    /// Dollars a month.
    pub usd: f64,
    /// How the quantity comes about.
    pub formula: String,
}

/// All lines of one mode.
#[derive(Clone, Debug, Serialize)]
pub struct Bill {
    /// When agents run.
    pub mode: Mode,
    /// In a fixed order; the same lines for each mode.
    pub lines: Vec<Line>,
}

impl Bill {
    /// What is planned, in this mode, at these prices.
    pub fn of(wish: &Wish, mode: Mode, table: &Table) -> Self {
        let (counts, prices) = (Counts::of(wish, mode), &table.prices);
        let mut lines = people::lines(wish, &counts, prices);
        lines.extend(fixed::lines(wish, &counts, prices));
        Self { mode, lines }
    }

    /// Dollars a month.
    pub fn total(&self) -> f64 {
        self.lines.iter().map(|line| line.usd).sum()
    }

    /// Each service once, in order, with its dollars a month.
    pub fn services(&self) -> Vec<(&'static str, f64)> {
        let mut sums: Vec<(&'static str, f64)> = Vec::new();
        for line in &self.lines {
            match sums.iter_mut().find(|(service, _)| *service == line.service) {
                Some((_, usd)) => *usd += line.usd,
                None => sums.push((line.service, line.usd)),
            }
        }
        sums
    }
}

/// A line at a price.
fn line(
    (service, what): (&'static str, &'static str),
    quantity: f64,
    price: &prices::Price,
    formula: impl Into<String>,
) -> Line {
    let (usd, unit) = (price.of(quantity), price.unit.clone());
    Line { service, what, quantity, unit, usd, formula: formula.into() }
}

#[cfg(test)]
mod tests;
