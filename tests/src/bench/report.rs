//! What is printed: a table for each measurement, and last the machine and a line for each goal.

use std::io::{self, Write};
use std::time::Duration;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::facts::Facts;

/// A number that was promised, and what it turned out to be.
struct Goal {
    what: String,
    measured: String,
    goal: String,
    met: bool,
}

/// Collects what is to be printed, so that progress and results do not mix.
pub(super) struct Report {
    facts: Vec<String>,
    tables: Vec<(&'static str, Table)>,
    goals: Vec<Goal>,
}

impl Report {
    /// An empty one.
    pub(super) fn new(facts: &Facts) -> Self {
        Self { facts: facts.lines(), tables: Vec::new(), goals: Vec::new() }
    }

    /// Adds a table. All columns but the first hold numbers.
    pub(super) fn table(&mut self, title: &'static str, head: &[&str], rows: Vec<Vec<String>>) {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(head.iter().copied());
        table.add_rows(rows);
        for (place, column) in table.column_iter_mut().enumerate() {
            column.set_padding((2, 0));
            if place > 0 {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        self.tables.push((title, table));
    }

    /// A goal that is met by at least so much.
    pub(super) fn at_least(&mut self, what: &str, measured: f64, goal: f64, unit: &str) {
        let (measured_text, goal_text) = (number(measured), number(goal));
        self.goals.push(Goal {
            what: what.to_owned(),
            measured: format!("{measured_text} {unit}"),
            goal: format!(">= {goal_text} {unit}"),
            met: measured >= goal,
        });
    }

    /// A goal that is met by at most so much.
    pub(super) fn at_most(&mut self, what: &str, measured: f64, goal: f64, unit: &str) {
        let (measured_text, goal_text) = (number(measured), number(goal));
        self.goals.push(Goal {
            what: what.to_owned(),
            measured: format!("{measured_text} {unit}"),
            goal: format!("<= {goal_text} {unit}"),
            met: measured <= goal,
        });
    }

    /// Whether a goal was missed.
    pub(super) fn missed(&self) -> bool {
        self.goals.iter().any(|goal| !goal.met)
    }

    /// Prints everything.
    ///
    /// # Errors
    /// The reader has gone away, or the disk is full.
    pub(super) fn print(&self, out: &mut impl Write, quick: bool) -> io::Result<()> {
        for (title, table) in &self.tables {
            writeln!(out, "{title}\n{table}\n")?;
        }
        for line in &self.facts {
            writeln!(out, "{line}")?;
        }
        if quick {
            writeln!(out, "QUICK: it works; its numbers mean nothing")?;
        }
        writeln!(out)?;
        for Goal { what, measured, goal, met } in &self.goals {
            let sign = if *met { "PASS" } else { "FAIL" };
            writeln!(out, "{sign}  {what}: {measured} (goal: {goal})")?;
        }
        out.flush()
    }
}

/// A number as people write it: thousands set apart, decimals only where they matter.
pub(super) fn number(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration as a count of milliseconds.
pub(super) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!(
            [0.4267, 12.34, 123.4, 12_345.6, 1e6].map(number),
            ["0.43", "12.3", "123", "12,346", "1,000,000"]
        );
    }

    #[test]
    fn a_goal_is_met_at_its_very_value_and_one_missed_is_told() {
        let mut report = Report { facts: Vec::new(), tables: Vec::new(), goals: Vec::new() };
        report.at_least("appends", 10_000.0, 10_000.0, "/s");
        report.at_most("ready", 50.0, 50.0, "ms");
        assert!(!report.missed());
        report.at_most("ready", 50.1, 50.0, "ms");
        assert!(report.missed());
        let mut text = Vec::new();
        report.print(&mut text, false).expect("printed");
        expect_test::expect![[r#"

            PASS  appends: 10,000 /s (goal: >= 10,000 /s)
            PASS  ready: 50.0 ms (goal: <= 50.0 ms)
            FAIL  ready: 50.1 ms (goal: <= 50.0 ms)
        "#]]
        .assert_eq(&String::from_utf8(text).expect("UTF-8"));
    }
}
