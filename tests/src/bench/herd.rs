//! From the login until the agent is ready, with agents that are ready at once: what the engine
//! itself adds. One at a time, and a thousand at the same moment.

use std::time::Duration;

use super::args::EngineArgs;
use super::machine::Machine;
use super::report::{Report, ms, number};
use super::samples::{Samples, middle};
use super::scratch::Scratch;
use super::{Failure, progress};

/// One at a time: a person does not notice it.
const READY_P50_MAX: Duration = Duration::from_millis(50);
/// And hardly ever does.
const READY_P99_MAX: Duration = Duration::from_millis(200);
/// A thousand at nine o'clock: the last one waits five seconds for the engine, and far longer for
/// the machines on which the agents start.
const READY_A_SECOND_MIN: f64 = 200.0;

/// Measures both, in turns.
///
/// # Errors
/// What kept it from being measured.
pub(super) async fn measure(args: &EngineArgs, report: &mut Report) -> Result<(), Failure> {
    let (one_by_one, herd) = (args.sized(200, 5), args.sized(1_000, 20));
    let (mut alone, mut together) = (Vec::new(), Vec::new());
    for round in 1..=args.rounds() {
        progress(&format!("herd, round {round}: {one_by_one} one by one, {herd} at once"));
        alone.push(one_at_a_time(args, one_by_one).await?);
        together.push(at_once(args, herd).await?);
    }
    let (alone, together) = (middle(alone), middle(together));
    let row = |how: &str, samples: &Samples| {
        let times = [50, 99, 100].map(|percent| number(ms(samples.percentile(percent))));
        [vec![how.to_owned(), number(samples.rate())], times.to_vec()].concat()
    };
    let rows = vec![
        row(&format!("{one_by_one} one at a time"), &alone),
        row(&format!("{herd} at once"), &together),
    ];
    let head = ["login to ready", "workspaces/s", "p50 ms", "p99 ms", "last ms"];
    report.table("Logins", &head, rows);
    let (p50, p99) = (ms(alone.percentile(50)), ms(alone.percentile(99)));
    report.at_most("login to ready, one at a time, p50", p50, ms(READY_P50_MAX), "ms");
    report.at_most("login to ready, one at a time, p99", p99, ms(READY_P99_MAX), "ms");
    let what = format!("{herd} logins at once, all ready");
    report.at_least(&what, together.rate(), READY_A_SECOND_MIN, "workspaces/s");
    Ok(())
}

async fn one_at_a_time(args: &EngineArgs, people: usize) -> Result<Samples, Failure> {
    let scratch = Scratch::new(&args.data)?;
    let mut machine = Machine::start(scratch.path())?;
    let mut each = Vec::with_capacity(people);
    for number in 0..people {
        each.push(machine.log_in(number).await?);
    }
    machine.end().await;
    let together = each.iter().sum();
    Ok(Samples::new(each, together))
}

/// So many logins at once on a fresh machine.
///
/// # Errors
/// What kept it from being measured.
pub(super) async fn at_once(args: &EngineArgs, people: usize) -> Result<Samples, Failure> {
    let scratch = Scratch::new(&args.data)?;
    let mut machine = Machine::start(scratch.path())?;
    let each = machine.log_all_in(people).await?;
    machine.end().await;
    let together = each.iter().max().copied().unwrap_or_default();
    Ok(Samples::new(each, together))
}
