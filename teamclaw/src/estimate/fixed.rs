//! The lines of a deployment that nobody uses: each cell has them once.

use super::prices::Prices;
use super::{Counts, HOURS_A_MONTH, Line, Wish, functions, line};

/// Zones, each with a NAT gateway and its address.
const ZONES: f64 = 2.0;
/// Secrets Manager, STS, SQS, the registry's two, logs: see the foundation's stack.
const ENDPOINTS: f64 = 6.0;
/// The router's tasks, at least one in each zone, of this size.
const ROUTERS: f64 = 2.0;
const ROUTER_VCPU: f64 = 0.5;
const ROUTER_GB: f64 = 1.0;
/// The pool and the secret that tokens come from.
const SECRETS: f64 = 2.0;
/// One key of our own, for everything at rest.
const KEYS: f64 = 1.0;
/// Errors and throttles of each function, its queue's age and what was set aside; and what the
/// operator must see: parked, stuck, orphans, late batches, keys used up, budget, the pipe, the bus.
const ALARMS_A_FUNCTION: f64 = 2.0;
const ALARMS_A_QUEUE: f64 = 2.0;
const ALARMS_OF_OPERATOR: f64 = 8.0;
/// Numbers that the functions write into their logs.
const METRICS: f64 = 20.0;
/// Lambda reads an idle queue by five pollers, each in waits of 20 s
/// (docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html).
const POLLERS: f64 = 5.0;
/// How often a look over everything reads, in units of 4 KB.
const READS_A_LOOK: f64 = 20.0;

/// Every line, in order.
pub(super) fn lines(wish: &Wish, counts: &Counts, prices: &Prices) -> Vec<Line> {
    let (cells, hours) = (counts.cells, counts.cells * HOURS_A_MONTH);
    let mut lines = network(wish, hours, prices);
    lines.extend(always(cells, prices));
    lines.extend(watched(cells, prices));
    lines
}

fn network(wish: &Wish, hours: f64, prices: &Prices) -> Vec<Line> {
    let endpoints = if wish.endpoints { ENDPOINTS * ZONES } else { 0.0 };
    let routers = format!("{ROUTERS} routers × {HOURS_A_MONTH} h");
    vec![
        line(
            ("Fargate", "router, vCPU"),
            hours * ROUTERS * ROUTER_VCPU,
            &prices.fargate_vcpu_hour,
            format!("{routers} × {ROUTER_VCPU}"),
        ),
        line(
            ("Fargate", "router, memory"),
            hours * ROUTERS * ROUTER_GB,
            &prices.fargate_gb_hour,
            format!("{routers} × {ROUTER_GB} GB"),
        ),
        line(("ALB", "hours"), hours, &prices.alb_hour, format!("{HOURS_A_MONTH} h")),
        line(
            ("NAT", "gateways"),
            hours * ZONES,
            &prices.nat_hour,
            format!("{ZONES} zones × {HOURS_A_MONTH} h"),
        ),
        line(
            ("NAT", "addresses"),
            hours * ZONES * 2.0,
            &prices.address_hour,
            format!("{ZONES} of NAT and {ZONES} of the ALB × {HOURS_A_MONTH} h"),
        ),
        line(
            ("VPC endpoints", "hours"),
            hours * endpoints,
            &prices.endpoint_hour,
            format!("{endpoints} (endpoints × zones) × {HOURS_A_MONTH} h"),
        ),
    ]
}

fn always(cells: f64, prices: &Prices) -> Vec<Line> {
    let functions = functions::functions();
    let wait = f64::from(u32::try_from(ports::queue::WAIT_MAX.as_secs()).unwrap_or(u32::MAX));
    let polls = functions.queues * POLLERS * HOURS_A_MONTH * 3_600.0 / wait;
    let scheduled = format!("{:.0} invocations by the minute", functions.scheduled);
    vec![
        line(
            ("SQS", "polls of empty queues"),
            cells * polls,
            &prices.sqs_requests,
            format!("{} queues × {POLLERS} pollers, one in {wait} s", functions.queues),
        ),
        line(
            ("Lambda", "by the minute"),
            cells * functions.scheduled_gb_seconds,
            &prices.lambda_gb_seconds,
            scheduled.clone(),
        ),
        line(
            ("EventBridge", "schedules"),
            cells * functions.scheduled,
            &prices.schedules,
            scheduled.clone(),
        ),
        line(
            ("DynamoDB", "looks over everything"),
            cells * functions.scheduled * READS_A_LOOK,
            &prices.dynamo_reads,
            format!("{scheduled} × {READS_A_LOOK} reads"),
        ),
        line(
            ("Secrets Manager", "secrets"),
            cells * SECRETS,
            &prices.secret_month,
            format!("{SECRETS}"),
        ),
        line(("KMS", "key"), cells * KEYS, &prices.key_month, format!("{KEYS}")),
    ]
}

fn watched(cells: f64, prices: &Prices) -> Vec<Line> {
    let functions = functions::functions();
    let alarms = functions.count * ALARMS_A_FUNCTION
        + functions.queues * ALARMS_A_QUEUE
        + ALARMS_OF_OPERATOR;
    vec![
        line(
            ("CloudWatch", "alarms"),
            cells * alarms,
            &prices.alarm_month,
            format!(
                "{ALARMS_A_FUNCTION} a function, {ALARMS_A_QUEUE} a queue, {ALARMS_OF_OPERATOR} more"
            ),
        ),
        line(
            ("CloudWatch", "metrics"),
            cells * METRICS,
            &prices.metric_month,
            format!("{METRICS}"),
        ),
        line(("CloudWatch", "dashboard"), cells, &prices.dashboard_month, "1"),
    ]
}
