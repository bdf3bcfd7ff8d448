//! What sidecars ask behind API Gateway: `POST /lease` takes a lease's token and gives credentials of a
//! quarter of an hour, `GET /lease/used?since=TIME` tells what its workspace used. The gateway checks
//! nothing here; the token counts, and that the same sidecar shows it each time.

use std::sync::Arc;

use aws::broker::wire::{HOLDER_HEADER, Proof, USED_PATH};
use aws::broker::{HeldLeases, Refusal, StsBroker, used};
use jiff::Timestamp;
use lambda_http::http::header::AUTHORIZATION;
use lambda_http::http::{Method, Response, StatusCode};
use lambda_http::{Body, Request, RequestExt};
use ports::UsageTotals;

use crate::answer;
use crate::metrics::{Metric, Metrics};

/// What sidecars are answered from.
pub struct Broker {
    /// Trades leases.
    pub sts: StsBroker,
    /// Whose a token is.
    pub leases: Arc<dyn HeldLeases>,
    /// What was used.
    pub totals: Box<dyn UsageTotals>,
}

/// Answers one request, at a time.
pub async fn answer(
    broker: &Broker,
    request: &Request,
    now: Timestamp,
    metrics: &Metrics,
) -> Response<Body> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let Some(proof) = Proof::read(header(AUTHORIZATION.as_str()), header(HOLDER_HEADER)) else {
        let words = "Say whose lease, Authorization: Bearer, and who asks, x-teamclaw-holder.";
        return answer::error(StatusCode::UNAUTHORIZED, words);
    };
    let asks = request.raw_http_path().ends_with(USED_PATH);
    match (request.method(), asks) {
        (&Method::POST, false) => trade(&broker.sts, (proof, now), metrics).await,
        (&Method::GET, true) => tell(broker, (proof, now), request, metrics).await,
        _ => {
            let words = "Say POST /lease or GET /lease/used?since=TIME.";
            answer::error(StatusCode::METHOD_NOT_ALLOWED, words)
        }
    }
}

async fn tell(
    broker: &Broker,
    asked: (Proof<'_>, Timestamp),
    request: &Request,
    metrics: &Metrics,
) -> Response<Body> {
    let query = request.query_string_parameters();
    let since = query.first("since").and_then(|text| text.parse::<Timestamp>().ok());
    let Some(since) = since else {
        return answer::error(
            StatusCode::BAD_REQUEST,
            "Say since when: ?since=2026-11-26T00:00:00Z.",
        );
    };
    match used(&*broker.leases, &*broker.totals, asked, since).await {
        Ok(spending) => answer::json(StatusCode::OK, &spending),
        Err(refusal) => refused(&refusal, metrics),
    }
}

/// That two show the same token, somebody must look at: one of them has read it where it should not.
fn refused(refusal: &Refusal, metrics: &Metrics) -> Response<Body> {
    if matches!(refusal, Refusal::Taken) {
        tracing::error!("a lease's token was shown by somebody who does not hold the lease");
        metrics.set(Metric::LeaseContested, 1);
    }
    let status = StatusCode::from_u16(refusal.status());
    answer::text(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), refusal.body())
}

async fn trade(
    broker: &StsBroker,
    (proof, now): (Proof<'_>, Timestamp),
    metrics: &Metrics,
) -> Response<Body> {
    match broker.trade(proof, now).await {
        Ok(traded) => match traded.body() {
            Ok(body) => answer::text(StatusCode::OK, body.expose().to_owned()),
            Err(why) => answer::error(StatusCode::INTERNAL_SERVER_ERROR, &why.to_string()),
        },
        Err(refusal) => refused(&refusal, metrics),
    }
}
