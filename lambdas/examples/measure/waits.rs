//! Stands between the program and what it calls, and writes down when a call was on its way: what is
//! left of a step's time is ours. It changes nothing on the way but that it has DynamoDB say what each
//! request costs.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use axum::response::{IntoResponse, Response};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;

use crate::units::{self, Units};

/// The longest message: SQS's and DynamoDB's are far shorter.
const BODY_MAX: usize = 4 << 20;

/// The calls since somebody asked last.
#[derive(Clone, Default)]
pub(crate) struct Waits(Arc<Mutex<Vec<Call>>>);

/// One call.
struct Call {
    began: Instant,
    ended: Instant,
    units: Units,
    to_queue: bool,
}

/// What the calls of some time came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waited {
    /// For how long at least one was on its way.
    pub(crate) time: Duration,
    /// How many there were.
    pub(crate) calls: usize,
    /// How many of them were for SQS.
    pub(crate) to_queues: usize,
    /// What they cost at DynamoDB.
    pub(crate) units: Units,
}

impl Waits {
    /// What they came to; forgets them.
    pub(crate) fn take(&self) -> Waited {
        let mut calls = std::mem::take(&mut *self.0.lock().expect("unpoisoned"));
        calls.sort_unstable_by_key(|call| call.began);
        let (mut waited, mut until) = (Waited::default(), None);
        for Call { began, ended, units, to_queue } in calls {
            let from = until.map_or(began, |until| began.max(until));
            waited.time += ended.saturating_duration_since(from);
            until = until.max(Some(ended));
            waited.calls += 1;
            waited.to_queues += usize::from(to_queue);
            waited.units += units;
        }
        waited
    }

    /// One call has come back that began then.
    pub(crate) fn note(&self, began: Instant, units: Units, to_queue: bool) {
        let call = Call { began, ended: Instant::now(), units, to_queue };
        self.0.lock().expect("unpoisoned").push(call);
    }

    /// Starts a server in front of `target`, of which only scheme and authority count. Gives its URL.
    pub(crate) async fn in_front_of(&self, target: String) -> String {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let client = Client::builder(TokioExecutor::new()).build_http();
        let waits = self.clone();
        let pass = move |request: Request| {
            let (client, target, waits) = (client.clone(), target.clone(), waits.clone());
            async move { one(request, &client, &target, &waits).await }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(pass)).await });
        url
    }
}

async fn one(
    request: Request,
    client: &Client<HttpConnector, Body>,
    target: &str,
    waits: &Waits,
) -> Response {
    let began = Instant::now();
    let (mut parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_MAX).await.expect("a whole request");
    let target_header = parts.headers.get("x-amz-target").and_then(|it| it.to_str().ok());
    let target_header = target_header.map(str::to_owned);
    let call = units::call(target_header.as_deref());
    let body = call.map_or(body.clone(), |_| units::asking(&body).into());
    parts.headers.remove(CONTENT_LENGTH);
    let path = parts.uri.path_and_query().map_or("/", |it| it.as_str()).to_owned();
    parts.uri = format!("{target}{path}").parse().expect("a URL");
    let answer = client.request(Request::from_parts(parts, Body::from(body))).await;
    // The SDK asks again, as it would of AWS.
    let Ok(answer) = answer else { return StatusCode::BAD_GATEWAY.into_response() };
    let (parts, body) = answer.map(Body::new).into_parts();
    let body = to_bytes(body, BODY_MAX).await.expect("a whole answer");
    let units = call.map(|call| units::told(call, &body)).unwrap_or_default();
    let to_queue = target_header.is_some_and(|it| it.starts_with("AmazonSQS."));
    waits.note(began, units, to_queue);
    Response::from_parts(parts, Body::from(body))
}
