//! "Too often", as each service says it, for calls that are told by their number: nothing is left to
//! chance. What is refused has not reached AWS.
//!
//! Sources: the "Errors" of each service's API reference, and docs.aws.amazon.com/sdkref/latest/guide/
//! feature-retry-behavior.html.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::local::calls::{Call, Fate, Weather};

/// How many calls were carried out and how many refused, but for the sweeper's: how often it comes
/// depends on how long the journeys take.
#[derive(Default)]
pub(crate) struct Tally {
    made: AtomicU32,
    refused: AtomicU32,
}

impl Tally {
    /// How many calls AWS has carried out.
    pub(crate) fn carried_out(&self) -> u32 {
        self.made.load(Ordering::Relaxed) - self.refused()
    }

    /// How many it has refused.
    pub(crate) fn refused(&self) -> u32 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// Whether the call with this number is one of `some` in `of` that are scattered over all calls: always
/// the same, and in no step with what asks again.
pub(crate) fn is_one_of(number: u32, (some, of): (u32, u32)) -> bool {
    // Knuth's multiplicative hash.
    (number.wrapping_mul(2_654_435_761) >> 16) % of < some
}

/// Whether a call is refused, given its number, the first being 0. The sweeper's have numbers of their own.
pub(crate) type Refuses = fn(&Call, u32) -> bool;

/// Whether it is made for an operator's command. Who asks for the same again has no news, and nudges
/// nobody.
pub(crate) fn is_an_operators(call: &Call) -> bool {
    call.by == "operator"
}

/// Whether it nudges.
pub(crate) fn is_a_nudge(call: &Call) -> bool {
    call.what.starts_with("sqs:SendMessage")
}

/// Refuses these calls.
pub(crate) fn throttled(refuses: Refuses, tally: &Arc<Tally>) -> Weather {
    let (tally, sweepers) = (Arc::clone(tally), Tally::default());
    Arc::new(move |call| {
        let tally = if call.by == "sweeper" { &sweepers } else { &*tally };
        if !refuses(call, tally.made.fetch_add(1, Ordering::Relaxed)) {
            return Fate::GoesOn;
        }
        tally.refused.fetch_add(1, Ordering::Relaxed);
        Fate::Refused(too_often(call))
    })
}

fn too_often(call: &Call) -> Response {
    let (service, _) = call.what.split_once(':').expect("a call of a service");
    match service {
        "dynamodb" => json(
            "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for the table was exceeded.",
        ),
        "sqs" => json("com.amazonaws.sqs#RequestThrottled", "Request is throttled."),
        "ecs" | "secretsmanager" => json("ThrottlingException", "Rate exceeded"),
        "elasticfilesystem" => {
            let headers =
                [("content-type", "application/json"), ("x-amzn-errortype", "ThrottlingException")];
            let body = r#"{"ErrorCode":"ThrottlingException","Message":"Rate exceeded"}"#;
            (StatusCode::TOO_MANY_REQUESTS, headers, body).into_response()
        }
        "iam" => {
            let body = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code>\
                        <Message>Rate exceeded</Message></Error></ErrorResponse>";
            (StatusCode::BAD_REQUEST, [("content-type", "text/xml")], body).into_response()
        }
        _ => panic!("nobody knows how {service} says it"),
    }
}

fn json(code: &str, words: &str) -> Response {
    let body = format!(r#"{{"__type":"{code}","message":"{words}"}}"#);
    let headers = [("content-type", "application/x-amz-json-1.0")];
    (StatusCode::BAD_REQUEST, headers, body).into_response()
}
