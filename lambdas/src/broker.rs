//! What sidecars ask behind API Gateway: `POST /lease` takes a lease's token and gives credentials of one
//! hour, `GET /lease/used?since=TIME` tells what its workspace used. The gateway checks nothing here; the
//! token is what counts.

use aws::broker::wire::{self, USED_PATH};
use aws::broker::{Refusal, StsBroker, used};
use jiff::Timestamp;
use lambda_http::http::header::AUTHORIZATION;
use lambda_http::http::{Method, Response, StatusCode};
use lambda_http::{Body, Request, RequestExt};
use ports::{LeaseLookup, UsageTotals};

use crate::answer;

/// What sidecars are answered from.
pub struct Broker {
    /// Trades leases.
    pub sts: StsBroker,
    /// Whose a token is.
    pub leases: Box<dyn LeaseLookup>,
    /// What was used.
    pub totals: Box<dyn UsageTotals>,
}

/// Answers one request.
pub async fn answer(broker: &Broker, request: &Request) -> Response<Body> {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(token) = header.and_then(wire::bearer) else {
        return answer::error(StatusCode::UNAUTHORIZED, "Say whose lease: Authorization: Bearer.");
    };
    let asks = request.raw_http_path().ends_with(USED_PATH);
    match (request.method(), asks) {
        (&Method::POST, false) => trade(&broker.sts, token).await,
        (&Method::GET, true) => tell(broker, token, request).await,
        _ => {
            let words = "Say POST /lease or GET /lease/used?since=TIME.";
            answer::error(StatusCode::METHOD_NOT_ALLOWED, words)
        }
    }
}

async fn tell(broker: &Broker, token: &str, request: &Request) -> Response<Body> {
    let query = request.query_string_parameters();
    let since = query.first("since").and_then(|text| text.parse::<Timestamp>().ok());
    let Some(since) = since else {
        return answer::error(
            StatusCode::BAD_REQUEST,
            "Say since when: ?since=2026-11-26T00:00:00Z.",
        );
    };
    match used(&*broker.leases, &*broker.totals, token, since).await {
        Ok(spending) => answer::json(StatusCode::OK, &spending),
        Err(refusal) => refused(&refusal),
    }
}

fn refused(refusal: &Refusal) -> Response<Body> {
    let status = StatusCode::from_u16(refusal.status());
    answer::text(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), refusal.body())
}

async fn trade(broker: &StsBroker, token: &str) -> Response<Body> {
    match broker.trade(token).await {
        Ok(traded) => match traded.body() {
            Ok(body) => answer::text(StatusCode::OK, body.expose().to_owned()),
            Err(why) => answer::error(StatusCode::INTERNAL_SERVER_ERROR, &why.to_string()),
        },
        Err(refusal) => refused(&refusal),
    }
}
