//! The command line of the herd.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};
use events::admission::Rate;
use jiff::SignedDuration;

use super::{Crowd, Report, quantile, run};
use crate::world::ecs::Quota;

const EXAMPLES: &str = "\
Examples:
  herd                                   3,000 and 10,000 people, with the line
  herd --people 3000 --no-line           what the line is good for
  herd --people 4000 --line 20/20        another rate: 20 at once, 20 a second";

/// Lets a company log in within a minute, on a simulated clock, and tells how long each waited.
#[derive(Debug, Parser)]
#[command(name = "herd", after_help = EXAMPLES)]
struct Arguments {
    /// How many people log in; may be given several times
    #[arg(long, value_name = "N", default_values_t = [3_000, 10_000])]
    people: Vec<usize>,
    /// Within how many seconds
    #[arg(long, value_name = "S", default_value_t = 60)]
    within: u64,
    /// At which rate the line lets them through: at once, and a second
    #[arg(long, value_name = "BURST/RATE", default_value = "10/20", value_parser = quota)]
    line: Quota,
    /// Without a line: everybody calls the compute and is throttled
    #[arg(long)]
    no_line: bool,
    /// The account's launch rate
    #[arg(long, value_name = "BURST/RATE", default_value = "100/20", value_parser = quota)]
    launches: Quota,
    /// How often the account may call RunTask
    #[arg(long, value_name = "BURST/RATE", default_value = "20/20", value_parser = quota)]
    calls: Quota,
    /// How many functions of one queue run at the same time
    #[arg(long, value_name = "N", default_value_t = 10)]
    concurrency: usize,
}

fn quota(text: &str) -> Result<Quota, String> {
    let both = text.split_once('/').and_then(|(burst, rate)| {
        Some(Quota { burst: burst.parse().ok()?, per_second: rate.parse().ok()? })
    });
    both.filter(|quota| quota.burst > 0 && quota.per_second > 0)
        .ok_or_else(|| "two numbers, such as 100/20".to_owned())
}

/// Reads the command line and does what it says.
#[expect(clippy::print_stdout, reason = "this is a command's output")]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let line = Rate::per_second(arguments.line.burst, arguments.line.per_second);
    let mut table = table();
    let mut broken = Vec::new();
    for people in arguments.people {
        let crowd = Crowd {
            people,
            within: Duration::from_secs(arguments.within),
            line: (!arguments.no_line).then_some(line),
            launches: arguments.launches,
            calls: arguments.calls,
            concurrency: arguments.concurrency,
        };
        let report = run(&crowd);
        table.add_row(row(people, &report));
        broken.extend(report.broken);
    }
    println!("{table}");
    broken.iter().take(20).for_each(|words| println!("BROKEN: {words}"));
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "people",
        "started p50",
        "p99",
        "the last, after the first login",
        "ready p99",
        "in line",
        "late p99",
        "at most",
        "RunTask each",
        "throttled",
        "line asked each",
        "messages each",
        "retries",
        "dead letters",
    ]);
    for column in table.column_iter_mut() {
        column.set_padding((2, 0));
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn row(people: usize, report: &Report) -> Vec<String> {
    let seconds = |time: SignedDuration| format!("{:.2} s", time.as_secs_f64());
    vec![
        people.to_string(),
        seconds(quantile(&report.started, 500)),
        seconds(quantile(&report.started, 990)),
        seconds(report.last),
        seconds(quantile(&report.ready, 990)),
        report.in_line.to_string(),
        seconds(quantile(&report.late, 990)),
        seconds(quantile(&report.late, 1_000)),
        format!("{:.3}", report.amplification()),
        report.throttled.to_string(),
        format!("{:.3}", report.asked_each()),
        format!("{:.2}", report.messages_each()),
        report.retries.to_string(),
        report.dead.to_string(),
    ]
}
