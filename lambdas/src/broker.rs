//! `POST /lease` behind API Gateway: a lease's token in, credentials of one hour out. The gateway checks
//! nothing here; the token is what counts.

use aws::broker::StsBroker;
use aws::broker::wire;
use lambda_http::http::header::AUTHORIZATION;
use lambda_http::http::{Method, Response, StatusCode};
use lambda_http::{Body, Request};

use crate::answer;

/// Answers one request.
pub async fn answer(broker: &StsBroker, request: &Request) -> Response<Body> {
    if *request.method() != Method::POST {
        return answer::error(StatusCode::METHOD_NOT_ALLOWED, "Say POST.");
    }
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(token) = header.and_then(wire::bearer) else {
        return answer::error(StatusCode::UNAUTHORIZED, "Say whose lease: Authorization: Bearer.");
    };
    match broker.trade(token).await {
        Ok(traded) => match traded.body() {
            Ok(body) => answer::text(StatusCode::OK, body.expose().to_owned()),
            Err(why) => answer::error(StatusCode::INTERNAL_SERVER_ERROR, &why.to_string()),
        },
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.status());
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            answer::text(status, refusal.body())
        }
    }
}
