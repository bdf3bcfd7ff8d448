//! Agents at the addresses of the fake's tasks, all of them in this process: they answer at once what
//! the engine asks of an OpenClaw (agent/FACTS.md), and what it waits for them is no time of ours.

use std::net::Ipv4Addr;
use std::time::Instant;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::units::Units;
use crate::waits::Waits;

/// Where an agent listens (agent/FACTS.md).
const PORT: u16 = 18_789;

/// Starts an agent at each address that the tasks of a fake with this port have.
pub(crate) async fn start(fake: u16, waits: &Waits) {
    let [high, low] = fake.to_be_bytes();
    for host in 1..=254 {
        let address = (Ipv4Addr::new(127, high, low, host), PORT);
        let listener = tokio::net::TcpListener::bind(address).await.expect("nobody else is there");
        let waits = waits.clone();
        let answer = move |request: Request| {
            let waits = waits.clone();
            async move { answer(&request, &waits) }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    }
}

fn answer(request: &Request, waits: &Waits) -> Response {
    let began = Instant::now();
    let (status, body): (_, Value) = match request.uri().path() {
        "/readyz" => (StatusCode::OK, json!({ "ready": true, "failing": [] })),
        // Whoever knows the pass says on whose behalf they ask.
        _ if request.headers().contains_key("x-openclaw-scopes") => {
            (StatusCode::OK, json!({ "ok": true, "payload": { "status": "ready" } }))
        }
        _ => (StatusCode::UNAUTHORIZED, json!({ "ok": false, "error": { "message": "no" } })),
    };
    let answer = (status, body.to_string()).into_response();
    waits.note(began, Units::default(), false);
    answer
}
