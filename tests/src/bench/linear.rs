//! What one login costs in CPU time when there are few and when there are many. A store that
//! searches where it should look up, or a loop that looks at everybody, shows here.

use std::time::Duration;

use super::args::EngineArgs;
use super::herd::at_once;
use super::process::cpu;
use super::report::{Report, ms, number};
use super::{Failure, progress};

/// How much more one of the many may cost than one of the few: indexes get deeper, and caches
/// miss. Whatever grows with the square costs a hundred times as much.
const DEARER_MAX: f64 = 1.5;

/// Measures herds of several sizes.
///
/// # Errors
/// What kept it from being measured.
pub(super) async fn measure(args: &EngineArgs, report: &mut Report) -> Result<(), Failure> {
    let sizes = args.sized([100, 1_000, 10_000], [5, 10, 20]);
    let mut rows = Vec::new();
    let mut costs = Vec::new();
    for size in sizes {
        progress(&format!("linear: {size} logins at once"));
        let (cost, wall) = cost(args, size).await?;
        let first = *costs.first().unwrap_or(&cost);
        costs.push(cost);
        let ratio = cost / first;
        rows.push(vec![format!("{size} at once"), number(cost), number(wall), number(ratio)]);
    }
    let head = ["login to ready", "CPU ms each", "wall ms each", "CPU, as a ratio"];
    report.table("Many logins", &head, rows);
    let (few, many) = (costs[0], costs[costs.len() - 1]);
    let what = format!("CPU for each of {} logins, to each of {}", sizes[2], sizes[0]);
    report.at_most(&what, many / few, DEARER_MAX, "times");
    Ok(())
}

/// Milliseconds of CPU and of waiting for each workspace. Small herds are repeated, because CPU
/// time is counted in hundredths of a second.
async fn cost(args: &EngineArgs, size: usize) -> Result<(f64, f64), Failure> {
    let times = args.sized((1_000 / size).max(1), 1);
    let own = std::process::id();
    let before = cpu(own)?;
    let mut wall = Duration::ZERO;
    for _ in 0..times {
        wall += at_once(args, size).await?.together();
    }
    let spent = cpu(own)? - before;
    let each = |time: Duration| ms(time) / (times * size) as f64;
    // A quick run may end before the first hundredth of a second is counted.
    Ok((each(spent.max(Duration::from_millis(1))), each(wall)))
}
