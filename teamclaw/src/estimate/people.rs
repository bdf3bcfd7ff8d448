//! The lines that grow with people, their hours and their calls.

use jiff::SignedDuration;

use super::counts::per_hour;
use super::prices::Prices;
use super::{Counts, Line, Wish, functions, line, usage_path, writes};

/// Send, receive, delete.
pub(super) const REQUESTS_A_MESSAGE: f64 = 3.0;
/// EventBridge counts an event once for each 64 KB.
pub(super) const EVENT_CHUNK_KB: f64 = 64.0;
/// How long a sidecar believes its copy of the pool while it is used.
const KEYS_BELIEVED: SignedDuration = SignedDuration::from_secs(30);
/// A sidecar's credentials live for an hour and are renewed at four fifths.
const TRADES_AN_HOUR: f64 = 1.25;
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
    let invocations = messages + counts.appends + trades;
    let facts = counts.appends + batches;
    let sent = format!(
        "(nudges: starts × a step each, up and down; usage: a batch a call) × {REQUESTS_A_MESSAGE}"
    );
    let asked = format!("messages + appends (sequencer) + hours awake × {TRADES_AN_HOUR} (broker)");
    let took = format!("the same × {:.4} GB-s", functions.message_gb_seconds);
    let kept = format!("facts × {ARCHIVED_KB} KB");
    vec![
        line(("SQS", "requests"), messages * REQUESTS_A_MESSAGE, &prices.sqs_requests, sent),
        line(("Lambda", "requests"), invocations, &prices.lambda_requests, asked),
        line(
            ("Lambda", "time"),
            invocations * functions.message_gb_seconds,
            &prices.lambda_gb_seconds,
            took,
        ),
        line(("EventBridge", "facts"), facts, &prices.bus_events, "appends + batches of usage"),
        line(("EventBridge", "pipe"), facts, &prices.pipe_events, "appends + batches of usage"),
        line(("EventBridge", "archive"), facts * ARCHIVED_KB / KB_A_GB, &prices.archive_gb, kept),
        line(("API Gateway", "lease broker"), trades, &prices.api_requests, "trades of leases"),
    ]
}

fn tables(wish: &Wish, counts: &Counts, prices: &Prices) -> Vec<Line> {
    let (append, batch) = (writes::append(), writes::batch(1.0));
    let gb = f64::from(wish.users) * TABLE_GB_A_PERSON;
    let read = counts.nudges * READS_A_NUDGE + counts.appends * READS_AN_APPEND;
    let raw = counts.calls * usage_path::firehose_kb(1.0) / KB_A_GB;
    let lain = counts.calls * writes::RECORD_KB / KB_A_GB;
    let appended = format!("{append} units × ({})", counts.appends_formula);
    let loads = format!("nudges × {READS_A_NUDGE} + appends × {READS_AN_APPEND}");
    let kept = format!("people × {TABLE_GB_A_PERSON} GB");
    let name = "DynamoDB";
    vec![
        line((name, "journal"), counts.appends * append, &prices.dynamo_writes, appended),
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

/// A consistent load of the fold and of what the step touches, in units of 4 KB.
const READS_A_NUDGE: f64 = 4.0;
/// The fold before each append, and what is looked at to order it.
const READS_AN_APPEND: f64 = 3.0;

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
