//! How long each function takes from the start of its process to its first question: Lambda's init, but
//! for what Lambda itself adds.

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::time::Duration;

use lambdas::function::Function;

use crate::waits::Waited;
use crate::world::World;

/// The goal.
const INIT_MAX: Duration = Duration::from_millis(60);

/// Of several starts.
pub(crate) struct Starts {
    pub(crate) median: Duration,
    pub(crate) slowest: Duration,
}

/// Starts it so often.
pub(crate) fn of(times: usize, start: impl FnMut() -> Duration) -> Starts {
    let mut all: Vec<Duration> = std::iter::repeat_with(start).take(times).collect();
    all.sort_unstable();
    Starts { median: all[all.len() / 2], slowest: all[all.len() - 1] }
}

/// One function's starts.
pub(crate) struct Line {
    name: &'static str,
    starts: Starts,
    /// How many calls it makes before its first question, and how long these take in the median.
    calls: usize,
    waited: Duration,
}

/// Every function.
pub(crate) fn measure(world: &World, times: usize) -> Vec<Line> {
    let line = |function: Function| {
        let name = function.name();
        world.waits.take();
        let mut waits = Vec::new();
        let starts = of(times, || {
            let (_, took) = world.function(name);
            waits.push(world.waits.take());
            took
        });
        waits.sort_unstable_by_key(|waited| waited.time);
        let Waited { time, calls, .. } = waits[waits.len() / 2];
        Line { name, starts, calls, waited: time }
    };
    Function::ALL.into_iter().map(line).collect()
}

pub(crate) fn print(lines: &[Line]) {
    println!(
        "{:<12} {:>10} {:>10} {:>22}   goal {INIT_MAX:?}",
        "function", "median ms", "slowest", "of it waiting for AWS"
    );
    for Line { name, starts, calls, waited } in lines {
        let [median, slowest, waited] = [starts.median, starts.slowest, *waited].map(ms);
        let calls = format!("{waited:.1} in {calls}");
        let kept = if starts.median <= INIT_MAX { "" } else { "   MORE" };
        println!("{name:<12} {median:>10.1} {slowest:>10.1} {calls:>22}{kept}");
    }
    println!();
}

/// In milliseconds.
pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
