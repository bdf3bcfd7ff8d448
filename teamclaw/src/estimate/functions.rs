//! The functions as they are deployed: `lambdas/functions.json`, as far as their cost needs it.

use serde::Deserialize;

/// The list that the stacks read as well.
const LIST: &str = include_str!("../../../lambdas/functions.json");

/// Minutes of an average month.
const MINUTES_A_MONTH: f64 = super::HOURS_A_MONTH * 60.0;
/// How long one message takes a consumer, in seconds: our own work is under 5 ms, the rest is what a
/// call to AWS takes.
const SECONDS_A_MESSAGE: f64 = 0.15;
/// How long a look over everything takes, in seconds.
const SECONDS_A_LOOK: f64 = 1.0;
/// The function that waits for timers stays for the minute until the next one comes.
const STAYS: &str = "cron-wake";
const SECONDS_A_STAY: f64 = 60.0;

#[derive(Deserialize)]
struct List {
    functions: Vec<Function>,
}

/// One function.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Function {
    name: String,
    trigger: Trigger,
    memory_mb: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Trigger {
    #[serde(default)]
    every_minutes: Option<u32>,
    #[serde(default)]
    queue: Option<String>,
}

/// What the list means for the bill.
pub(super) struct Functions {
    /// How many there are.
    pub(super) count: f64,
    /// How many read a queue.
    pub(super) queues: f64,
    /// Invocations by a schedule, a month and cell.
    pub(super) scheduled: f64,
    /// Gigabyte-seconds of those.
    pub(super) scheduled_gb_seconds: f64,
    /// Gigabyte-seconds of one message.
    pub(super) message_gb_seconds: f64,
}

/// Reads the list; a broken one counts for nothing, which a test rules out.
pub(super) fn functions() -> Functions {
    let list = serde_json::from_str::<List>(LIST).map(|list| list.functions).unwrap_or_default();
    let gb = |function: &Function| f64::from(function.memory_mb) / 1_024.0;
    let mut sum = Functions {
        count: 0.0,
        queues: 0.0,
        scheduled: 0.0,
        scheduled_gb_seconds: 0.0,
        message_gb_seconds: 0.0,
    };
    for function in &list {
        sum.count += 1.0;
        if let Some(minutes) = function.trigger.every_minutes {
            let runs = MINUTES_A_MONTH / f64::from(minutes.max(1));
            let seconds = if function.name == STAYS { SECONDS_A_STAY } else { SECONDS_A_LOOK };
            sum.scheduled += runs;
            sum.scheduled_gb_seconds += runs * seconds * gb(function);
        }
        if function.trigger.queue.is_some() {
            sum.queues += 1.0;
            // They are all of one size; the largest counts.
            let each = SECONDS_A_MESSAGE * gb(function);
            sum.message_gb_seconds = sum.message_gb_seconds.max(each);
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_functions_is_read_as_it_is_deployed() {
        let list: List = serde_json::from_str(LIST).expect("a sound list");
        assert!(list.functions.iter().any(|function| function.name == STAYS));
        let sum = functions();
        assert!(sum.count >= 10.0 && sum.queues >= 4.0, "{} {}", sum.count, sum.queues);
        assert!(sum.scheduled >= MINUTES_A_MONTH && sum.message_gb_seconds > 0.0);
    }
}
