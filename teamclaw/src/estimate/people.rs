//! The lines that grow with people, their hours and their calls.

use jiff::SignedDuration;

use super::counts::per_hour;
use super::journey::journey;
use super::prices::Prices;
use super::{Counts, Line, Wish, functions, line, usage_path, writes};

/// Send, receive, delete.
pub(super) const REQUESTS_A_MESSAGE: f64 = 3.0;
/// EventBridge counts an event once for each 64 KB.
pub(super) const EVENT_CHUNK_KB: f64 = 64.0;
/// How long a sidecar believes its copy of the pool while it is used: what the stacks say.
const KEYS_BELIEVED: SignedDuration = SignedDuration::from_secs(60);
/// A sidecar's credentials live for so many minutes and are renewed after so many hundredths of them.
const LIFE_MINUTES: f64 = 15.0;
const RENEWED_PERCENT: f64 = 50.0;
const TRADES_AN_HOUR: f64 = 60.0 / (LIFE_MINUTES * RENEWED_PERCENT / 100.0);
/// What a start reads of a home: OpenClaw's state and its skills.
const READ_GB_A_START: f64 = 0.2;
/// What an hour of use writes to a home.
const WRITE_GB_AN_HOUR: f64 = 0.05;
/// What a model call sends and receives: a long conversation, an answer.
const GB_A_CALL: f64 = 0.000_15;
/// What an hour of use sends to a browser, and in how many requests.
const PAGE_GB_AN_HOUR: f64 = 0.01;
const PAGE_REQUESTS_AN_HOUR: f64 = 300.0;
/// How many open connections one LCU is good for, at one WebSocket a person who is there.
const CONNECTIONS_A_LCU: f64 = 3_000.0;
/// What an agent, its sidecar and the functions log in an hour awake.
const LOG_GB_AN_HOUR: f64 = 0.000_5;
/// What a workspace leaves in the tables a month: events, folds, sums.
const TABLE_GB_A_PERSON: f64 = 0.005;
/// How much of a month's facts is in the archive, in KB each.
const ARCHIVED_KB: f64 = 0.7;
const KB_A_GB: f64 = 1_024.0 * 1_024.0;
/// Where it stands how often.
const COUNTED: &str = "counted in lambdas/journey.json";

/// Every line, in order.
pub(super) fn lines(wish: &Wish, counts: &Counts, prices: &Prices) -> Vec<Line> {
    let mut lines = tasks(wish, counts, prices);
    lines.extend(homes(wish, counts, prices));
    lines.extend(messages(counts, prices));
    lines.extend(tables(wish, counts, prices));
    lines.extend(secrets(wish, counts, prices));
    lines.extend(network(counts, prices));
    let quantity = counts.awake * LOG_GB_AN_HOUR;
    let formula = format!("hours awake × {LOG_GB_AN_HOUR} GB");
    lines.push(line(("CloudWatch", "logs of agents"), quantity, &prices.log_gb, formula));
    lines
}

/// On Spot the same hours cost a share of the price.
fn tasks(wish: &Wish, counts: &Counts, prices: &Prices) -> Vec<Line> {
    let spot = wish.spot / 100.0;
    let cheaper = spot * prices.fargate_spot_share.usd;
    let parts = [
        ("vCPU on demand", wish.vcpu, &prices.fargate_vcpu_hour, 1.0 - spot, 1.0 - spot),
        ("memory on demand", wish.memory_gb, &prices.fargate_gb_hour, 1.0 - spot, 1.0 - spot),
        ("vCPU on Spot", wish.vcpu, &prices.fargate_vcpu_hour, spot, cheaper),
        ("memory on Spot", wish.memory_gb, &prices.fargate_gb_hour, spot, cheaper),
    ];
    let lines = parts.into_iter().map(|(what, size, price, share, weight)| {
        let formula = format!("{} × {size} × {share} of tasks", counts.awake_formula);
        let mut line = line(("Fargate", what), counts.awake * size * share, price, formula);
        line.usd = price.of(counts.awake * size * weight);
        line
    });
    lines.collect()
}

fn homes(wish: &Wish, counts: &Counts, prices: &Prices) -> Vec<Line> {
    let users = f64::from(wish.users);
    let stored = format!("people × {} GB", wish.home_gb);
    let read = format!("starts × {READ_GB_A_START} GB");
    let written = format!("hours of use × {WRITE_GB_AN_HOUR} GB");
    vec![
        line(("EFS", "homes"), users * wish.home_gb, &prices.efs_gb_month, stored),
        line(("EFS", "read"), counts.starts * READ_GB_A_START, &prices.efs_read_gb, read),
        line(("EFS", "written"), counts.used * WRITE_GB_AN_HOUR, &prices.efs_write_gb, written),
    ]
}

fn messages(counts: &Counts, prices: &Prices) -> Vec<Line> {
    let functions = functions::functions();
    // The dearest case: a person's calls are further apart than the ten seconds that a sidecar waits.
    let batches = counts.calls;
    let messages = counts.nudges + batches;
    let trades = counts.awake * TRADES_AN_HOUR;
    let recorded = counts.facts + counts.activities;
    let invocations = messages + recorded + trades;
    let facts = recorded + batches;
    let sent = format!(
        "(starts × {} messages, {COUNTED}; usage: a batch a call) × {REQUESTS_A_MESSAGE}",
        journey().messages
    );
    let asked = format!("messages + facts (sequencer) + hours awake × {TRADES_AN_HOUR} (broker)");
    let told = format!(
        "starts × {} facts, {COUNTED} + {} + batches of usage",
        journey().facts,
        counts.activities_formula
    );
    let took = format!("the same × {:.4} GB-s", functions.message_gb_seconds);
    let kept = format!("facts × {ARCHIVED_KB} KB");
    vec![
        line(("SQS", "requests"), messages * REQUESTS_A_MESSAGE, &prices.sqs_requests, sent),
        line(
            ("SQS", "fair queues"),
            messages * REQUESTS_A_MESSAGE,
            &prices.sqs_fair_requests,
            "the same, for every message names its team",
        ),
        line(("Lambda", "requests"), invocations, &prices.lambda_requests, asked),
        line(
            ("Lambda", "time"),
            invocations * functions.message_gb_seconds,
            &prices.lambda_gb_seconds,
            took,
        ),
        line(("EventBridge", "facts"), facts, &prices.bus_events, told.clone()),
        line(("EventBridge", "pipe"), facts, &prices.pipe_events, told),
        line(("EventBridge", "archive"), facts * ARCHIVED_KB / KB_A_GB, &prices.archive_gb, kept),
        line(("API Gateway", "lease broker"), trades, &prices.api_requests, "trades of leases"),
    ]
}

fn tables(wish: &Wish, counts: &Counts, prices: &Prices) -> Vec<Line> {
    let (batch, counted) = (writes::batch(1.0), journey());
    let (one_writes, one_reads) = (counted.use_write_units, counted.use_read_units);
    let gb = f64::from(wish.users) * TABLE_GB_A_PERSON;
    let written = counts.starts * counted.write_units + counts.activities * one_writes;
    let read = counts.starts * counted.read_units + counts.activities * one_reads;
    let raw = counts.calls * usage_path::firehose_kb(1.0) / KB_A_GB;
    let lain = counts.calls * writes::RECORD_KB / KB_A_GB;
    let active = &counts.activities_formula;
    let appended = format!(
        "starts × {} units, {COUNTED} + {one_writes} units × {active}",
        counted.write_units
    );
    let loads =
        format!("starts × {} units, {COUNTED} + {one_reads} units × {active}", counted.read_units);
    let kept = format!("people × {TABLE_GB_A_PERSON} GB");
    let name = "DynamoDB";
    vec![
        line((name, "starts and activity"), written, &prices.dynamo_writes, appended),
        line(
            (name, "usage"),
            counts.calls * batch,
            &prices.dynamo_writes,
            format!("{batch} units × calls, a batch each"),
        ),
        line((name, "reads"), read, &prices.dynamo_reads, loads),
        line((name, "storage"), gb, &prices.dynamo_gb_month, kept.clone()),
        line((name, "recovery"), gb, &prices.dynamo_backup_gb_month, kept),
        line(("Firehose, S3", "raw usage"), raw, &prices.firehose_gb, "calls × 5 KB, rounded up"),
        line(("Firehose, S3", "kept"), lain, &prices.s3_gb_month, "calls × a record, each month"),
    ]
}

fn secrets(wish: &Wish, counts: &Counts, prices: &Prices) -> Vec<Line> {
    let looks = counts.used * wish.calls.min(per_hour(KEYS_BELIEVED));
    let formula = format!(
        "hours of use × {} (a look each call, at most one in {})",
        wish.calls.min(per_hour(KEYS_BELIEVED)),
        crate::words::about(KEYS_BELIEVED),
    );
    vec![
        line(
            ("Secrets Manager", "looks at the pool"),
            looks,
            &prices.secret_calls,
            formula.clone(),
        ),
        line(("KMS", "looks at the pool"), looks, &prices.key_requests, formula),
    ]
}

fn network(counts: &Counts, prices: &Prices) -> Vec<Line> {
    let called = counts.calls * GB_A_CALL;
    let seen = counts.used * PAGE_GB_AN_HOUR;
    let open = counts.awake / CONNECTIONS_A_LCU;
    let pages = format!("hours of use × {PAGE_GB_AN_HOUR} GB");
    let asked = format!("hours of use × {PAGE_REQUESTS_AN_HOUR}");
    vec![
        line(("NAT", "model calls"), called, &prices.nat_gb, format!("calls × {GB_A_CALL} GB")),
        line(
            ("ALB", "load"),
            open,
            &prices.alb_lcu_hour,
            format!("hours awake / {CONNECTIONS_A_LCU}"),
        ),
        line(("CloudFront", "pages"), seen, &prices.cloudfront_gb, pages),
        line(
            ("CloudFront", "requests"),
            counts.used * PAGE_REQUESTS_AN_HOUR,
            &prices.cloudfront_requests,
            asked,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The programs that decide it are no libraries of this one, so their own words are read.
    #[test]
    fn what_a_sidecar_does_by_the_clock_is_what_the_programs_and_the_stacks_say() {
        let settings: serde_json::Value =
            serde_json::from_str(include_str!("../../../lambdas/settings.json")).expect("JSON");
        let believed = settings["keysBelieved"].as_str().expect("a text");
        assert_eq!(believed.parse::<SignedDuration>().expect("a time"), KEYS_BELIEVED);
        let stacks = include_str!("../../../infra/lib/control/settings.ts");
        assert!(stacks.contains(&format!("KEYS_BELIEVED = '{believed}'")), "another belief");
        let sidecar = include_str!("../../../sidecar/main/src/on_aws/held.rs");
        let renewed = format!("RENEW_PERCENT: i32 = {RENEWED_PERCENT};");
        assert!(sidecar.contains(&renewed), "renewed at another time");
        let broker = include_str!("../../../aws/src/broker/policy.rs");
        let life = format!("LIFE: Duration = Duration::from_secs({LIFE_MINUTES} * 60);");
        assert!(broker.contains(&life), "credentials live for another time");
    }
}
