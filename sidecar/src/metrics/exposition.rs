//! The numbers as a scrape reads them: OpenMetrics 1.0, or Prometheus' older text format for who
//! does not ask for it (prometheus.io/docs/instrumenting/exposition_formats).

use std::collections::BTreeSet;
use std::fmt::{Error, Result};
use std::sync::Arc;
use std::time::Duration;

use events::price::PICO_PER_DOLLAR;
use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::cells::{Count, Histogram};
use super::{Metrics, OfModel, OfProvider};
use crate::pool::{KeyStanding, KeyState};

/// Before every name.
const PREFIX: &str = "teamclaw_sidecar";
/// How statuses are told.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// How a key's standing is told.
const STANDINGS: [(KeyStanding, &str); 4] = [
    (KeyStanding::Works, "works"),
    (KeyStanding::Cooling, "cooling"),
    (KeyStanding::Quarantined, "quarantined"),
    (KeyStanding::HalfOpen, "half_open"),
];

/// In which format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' text format 0.0.4.
    Prometheus,
}

impl Format {
    /// The one that fits an `Accept` header.
    pub(crate) fn accepted(accept: &str) -> Self {
        let wanted = accept.to_ascii_lowercase().contains("application/openmetrics-text");
        if wanted { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// Its `Content-Type`.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// What is read when a scrape comes, and what was counted until then.
#[derive(Debug)]
pub(crate) struct Scrape {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) now: Timestamp,
    pub(crate) keys: Vec<KeyState>,
    /// Provider, and how long ago the store was asked for the keys that serve it.
    pub(crate) key_ages: Vec<(String, Duration)>,
    /// How long all files of the usage journal are, in bytes; `None` without one.
    pub(crate) journal_length: Option<u64>,
}

impl Scrape {
    /// All of it as text.
    ///
    /// # Errors
    /// None that is known: a text has room.
    pub(crate) fn text(self, format: Format) -> std::result::Result<String, Error> {
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        text::encode(&mut text, &registry)?;
        Ok(match format {
            Format::OpenMetrics => text,
            Format::Prometheus => older(&text),
        })
    }

    /// The providers that were asked for something.
    fn providers(&self) -> impl Iterator<Item = (&str, &OfProvider)> {
        let all = self.metrics.providers.iter().map(|(id, of)| (&**id, &**of));
        let all = all.chain([("none", &*self.metrics.nowhere)]);
        all.filter(|(_, of)| of.statuses.iter().any(|count| count.get() > 0))
    }

    fn requests(&self, to: &mut DescriptorEncoder<'_>) -> Result {
        let help = "Answers to clients, by the provider that was named and the status.";
        let mut family = to.encode_descriptor("requests", help, None, MetricType::Counter)?;
        for (id, of) in self.providers() {
            for (class, count) in CLASSES.iter().zip(&of.statuses) {
                counted(&mut family, &[("provider", id), ("status", class)], count)?;
            }
        }
        let help = "Requests that the sidecar itself refused, by the code that their clients got.";
        let mut family = to.encode_descriptor("refusals", help, None, MetricType::Counter)?;
        for (code, count) in self.metrics.refusals.iter() {
            counted(&mut family, &[("code", code)], count)?;
        }
        let help = "Requests sent to the provider, those that were sent again with another key \
                    included.";
        let mut family = to.encode_descriptor("attempts", help, None, MetricType::Counter)?;
        for (id, of) in self.providers() {
            counted(&mut family, &[("provider", id)], &of.attempts)?;
        }
        let help = "Requests sent to the provider again, because a key was refused.";
        let mut family = to.encode_descriptor("retries", help, None, MetricType::Counter)?;
        for (id, of) in self.providers() {
            counted(&mut family, &[("provider", id)], &of.retries)?;
        }
        level(to, "open_requests", "Requests under way.", self.metrics.requests.get())?;
        level(to, "open_streams", "Answers that stream.", self.metrics.streams.get())?;
        let connections = self.metrics.connections.get();
        level(to, "connections", "Connections of clients.", connections)
    }

    fn times(&self, to: &mut DescriptorEncoder<'_>) -> Result {
        let help = "What the sidecar adds: from a request's head to the request to the provider, \
                    the client's body included, and from the head of the answer to ours.";
        let mut family =
            to.encode_descriptor("added_seconds", help, None, MetricType::Histogram)?;
        for (part, took) in [("request", &self.metrics.before), ("answer", &self.metrics.after)] {
            timed(&mut family, &[("part", part)], took)?;
        }
        let help = "From the request to the provider to the head of its answer, a new connection \
                    included.";
        let name = "upstream_first_byte_seconds";
        let mut family = to.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (id, of) in self.providers() {
            timed(&mut family, &[("provider", id)], &of.upstream)?;
        }
        Ok(())
    }

    fn models(&self) -> impl Iterator<Item = ([(&str, &str); 2], &OfModel)> {
        self.providers().flat_map(|(id, of)| {
            of.models.iter().map(move |(model, of)| ([("provider", id), ("model", model)], of))
        })
    }

    fn spending(&self, to: &mut DescriptorEncoder<'_>) -> Result {
        let help = "Tokens by the provider's own numbers; input is what no cache read or wrote.";
        let mut family = to.encode_descriptor("tokens", help, None, MetricType::Counter)?;
        for ([provider, model], of) in self.models() {
            for (kind, count) in [
                ("input", &of.input),
                ("cache_read", &of.cache_read),
                ("cache_write", &of.cache_write),
                ("output", &of.output),
            ] {
                counted(&mut family, &[provider, model, ("kind", kind)], count)?;
            }
        }
        let help = "What it cost as far as that is known, about; the ledger has it exactly.";
        let mut family = to.encode_descriptor("cost_dollars", help, None, MetricType::Counter)?;
        for (labels, of) in self.models() {
            let dollars = of.pico_dollars.get() as f64 / PICO_PER_DOLLAR as f64;
            ConstCounter::new(dollars).encode(family.encode_family(&labels)?)?;
        }
        let help = "Requests whose cost nobody knows.";
        let mut family = to.encode_descriptor("unpriced", help, None, MetricType::Counter)?;
        for (labels, of) in self.models() {
            counted(&mut family, &labels, &of.unpriced)?;
        }
        Ok(())
    }

    fn keys(&self, to: &mut DescriptorEncoder<'_>) -> Result {
        let help = "1 for the state that a key of the pool is in, by its fingerprint.";
        let mut family = to.encode_descriptor("key_state", help, None, MetricType::Gauge)?;
        for key in &self.keys {
            for (standing, state) in STANDINGS {
                let labels = [("provider", &*key.provider), ("key", &*key.key.0), ("state", state)];
                let is = u64::from(key.standing == standing);
                ConstGauge::new(is).encode(family.encode_family(&labels)?)?;
            }
        }
        let help = "Since the pool's store was asked for the keys that are in use.";
        let mut family = to.encode_descriptor("keys_age_seconds", help, None, MetricType::Gauge)?;
        for (provider, age) in &self.key_ages {
            let labels = [("provider", provider.as_str())];
            ConstGauge::new(age.as_secs_f64()).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn usage(&self, to: &mut DescriptorEncoder<'_>) -> Result {
        let usage = &self.metrics.usage;
        let (in_memory, memory_age) = usage.in_memory.read(self.now);
        let (on_disk, disk_age) = usage.on_disk.read(self.now);
        let help = "Usage records that the ledger does not have yet.";
        level(to, "usage_waiting_records", help, in_memory.saturating_add(on_disk))?;
        let help = "How long the oldest of them has waited.";
        let family = to.encode_descriptor("usage_lag_seconds", help, None, MetricType::Gauge)?;
        ConstGauge::new(memory_age.max(disk_age)).encode(family)?;
        if let Some(length) = self.journal_length {
            level(to, "usage_journal_bytes", "The length of the usage journal.", length)?;
        }
        let help = "Batches of usage: handed over, and tries that failed.";
        let mut family = to.encode_descriptor("usage_batches", help, None, MetricType::Counter)?;
        for (outcome, count) in [("sent", &usage.batches_sent), ("failed", &usage.batches_failed)] {
            counted(&mut family, &[("outcome", outcome)], count)?;
        }
        let help = "Usage records: handed over; refused by the ledger for good; not written down \
                    while their request went on, for want of room; and dropped for want of any.";
        let mut family = to.encode_descriptor("usage_records", help, None, MetricType::Counter)?;
        for (outcome, count) in [
            ("sent", &usage.records_sent),
            ("refused", &usage.records_refused),
            ("unkept", &usage.unkept),
            ("dropped", &usage.dropped),
        ] {
            counted(&mut family, &[("outcome", outcome)], count)?;
        }
        Ok(())
    }
}

impl Collector for Scrape {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result {
        self.requests(&mut to)?;
        self.times(&mut to)?;
        self.spending(&mut to)?;
        self.keys(&mut to)?;
        self.usage(&mut to)
    }
}

fn counted<const N: usize>(
    family: &mut MetricEncoder<'_>,
    labels: &[(&str, &str); N],
    count: &Count,
) -> Result {
    ConstCounter::new(count.get()).encode(family.encode_family(labels)?)
}

fn timed(family: &mut MetricEncoder<'_>, labels: &[(&str, &str); 1], took: &Histogram) -> Result {
    let (sum, buckets) = took.read();
    let count = buckets.iter().map(|(_, count)| count).sum();
    family.encode_family(labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
}

fn level(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, now: u64) -> Result {
    ConstGauge::new(now).encode(to.encode_descriptor(name, help, None, MetricType::Gauge)?)
}

/// OpenMetrics as the older format: there a counter's family is called as its line, and nothing
/// tells the end.
fn older(text: &str) -> String {
    let counter =
        |line: &'_ str| line.strip_prefix("# TYPE ")?.strip_suffix(" counter").map(str::to_owned);
    let counters: BTreeSet<String> = text.lines().filter_map(counter).collect();
    let mut older = String::with_capacity(text.len());
    for line in text.lines().filter(|line| *line != "# EOF") {
        let comment = line.strip_prefix("# ").and_then(|rest| rest.split_once(' '));
        let family = comment.and_then(|(word, rest)| Some((word, rest.split_once(' ')?)));
        match family {
            Some((word, (name, rest))) if counters.contains(name) => {
                older += &format!("# {word} {name}_total {rest}\n");
            }
            _ => {
                older += line;
                older.push('\n');
            }
        }
    }
    older
}

#[cfg(test)]
mod tests;
