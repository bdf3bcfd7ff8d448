//! What each run of a function tells in numbers: one line in CloudWatch's embedded metric format
//! (docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html),
//! which costs no call. The names stand here and in `functions.json`, where alarms take them from.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::batch::Ended;
use crate::message::Message;

/// Under which the numbers lie.
pub const NAMESPACE: &str = "TeamClaw";

/// A number that a function tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Messages that are done with.
    Handled,
    /// Messages that come back because somebody must be waited for or asked again.
    CameBack,
    /// Messages whose handling did not finish or panicked.
    Lost,
    /// How old the oldest message of a batch was, in milliseconds.
    Lag,
    /// Batches of usage that were refused: somebody sends in another's name, or nonsense.
    UsageRefused,
    /// Who showed a lease's token and does not hold the lease.
    LeaseContested,
    /// Workspaces that are parked now.
    Parked,
    /// Workspaces and rotations that were late and are nudged again.
    Late,
    /// Things that nobody seems to own, or that nobody seems to run, now.
    Suspected,
    /// Left-over things that were removed.
    Removed,
    /// Facts that were put into the one order.
    Sequenced,
    /// Purged homes whose files are gone now.
    Emptied,
    /// Purged homes whose files are still there, a day after they were to go.
    HomesLate,
    /// OAuth tokens that were renewed.
    Renewed,
    /// OAuth tokens whose provider refuses to renew them: somebody must sign in again.
    RenewalsRefused,
    /// OAuth tokens that could not be renewed now, or not written down.
    RenewalsFailed,
}

impl Metric {
    /// Every one.
    pub const ALL: [Self; 16] = [
        Self::Handled,
        Self::CameBack,
        Self::Lost,
        Self::Lag,
        Self::UsageRefused,
        Self::LeaseContested,
        Self::Parked,
        Self::Late,
        Self::Suspected,
        Self::Removed,
        Self::Sequenced,
        Self::Emptied,
        Self::HomesLate,
        Self::Renewed,
        Self::RenewalsRefused,
        Self::RenewalsFailed,
    ];

    /// Its name in CloudWatch.
    pub fn name(self) -> &'static str {
        match self {
            Self::Handled => "Handled",
            Self::CameBack => "CameBack",
            Self::Lost => "Lost",
            Self::Lag => "Lag",
            Self::UsageRefused => "UsageRefused",
            Self::LeaseContested => "LeaseContested",
            Self::Parked => "Parked",
            Self::Late => "Late",
            Self::Suspected => "Suspected",
            Self::Removed => "Removed",
            Self::Sequenced => "Sequenced",
            Self::Emptied => "Emptied",
            Self::HomesLate => "HomesLate",
            Self::Renewed => "Renewed",
            Self::RenewalsRefused => "RenewalsRefused",
            Self::RenewalsFailed => "RenewalsFailed",
        }
    }

    /// Its unit in CloudWatch.
    pub fn unit(self) -> &'static str {
        if self == Self::Lag { "Milliseconds" } else { "Count" }
    }
}

/// The numbers of one run.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<BTreeMap<Metric, i64>>);

impl Metrics {
    /// Tells a number; what does not fit is the most there is.
    pub fn set(&self, metric: Metric, value: impl TryInto<i64>) {
        let value = value.try_into().unwrap_or(i64::MAX);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(metric, value);
    }

    /// Tells how old the oldest message of a batch is.
    pub fn lag(&self, messages: &[Message], now: Timestamp) {
        if let Some(oldest) = messages.iter().filter_map(|message| message.sent).min() {
            self.set(Metric::Lag, now.duration_since(oldest).as_millis());
        }
    }

    /// Tells what became of a batch.
    pub fn batch(&self, ended: &Ended) {
        self.set(Metric::Handled, ended.done);
        self.set(Metric::CameBack, ended.again.len());
        self.set(Metric::Lost, ended.lost.len());
    }

    /// The line; `None` when there is nothing to tell.
    pub fn line(&self, environment: &str, function: &str, now: Timestamp) -> Option<String> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_empty() {
            return None;
        }
        let names: Vec<Value> = told
            .keys()
            .map(|metric| json!({ "Name": metric.name(), "Unit": metric.unit() }))
            .collect();
        let mut line = json!({
            "_aws": {
                "Timestamp": now.as_millisecond(),
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": [["Environment", "Function"]],
                    "Metrics": names,
                }],
            },
            "Environment": environment,
            "Function": function,
        });
        for (metric, value) in &*told {
            line[metric.name()] = json!(value);
        }
        Some(line.to_string())
    }
}

#[cfg(test)]
mod told;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_one_line_in_the_embedded_format() {
        let metrics = Metrics::default();
        metrics.set(Metric::Handled, 9_usize);
        metrics.set(Metric::Lag, 1_250_i128);
        let now = Timestamp::from_millisecond(1_790_000_000_123).expect("in range");
        let line = metrics.line("prod", "storage", now).expect("something to tell");
        assert!(!line.contains('\n'));
        let line: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(line["_aws"]["Timestamp"], 1_790_000_000_123_i64);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "TeamClaw");
        assert_eq!(directive["Metrics"][1], json!({ "Name": "Lag", "Unit": "Milliseconds" }));
        for dimension in directive["Dimensions"][0].as_array().expect("a list") {
            assert!(line[dimension.as_str().expect("a name")].is_string(), "a root field each");
        }
        assert_eq!((&line["Handled"], &line["Lag"]), (&json!(9), &json!(1_250)));
    }

    #[test]
    fn a_run_that_did_nothing_tells_nothing() {
        assert_eq!(Metrics::default().line("prod", "storage", Timestamp::UNIX_EPOCH), None);
    }
}
