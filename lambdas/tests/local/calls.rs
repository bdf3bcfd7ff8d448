//! Stands between the functions and what they call, and writes down which of them asked for what: the
//! evidence for their roles; and what DynamoDB says that it cost. It changes nothing else on the way.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;

use super::needs::{Asked, Need, needs};
use super::units::{self, Units};

/// The longest request: SQS's and DynamoDB's are far shorter.
const BODY_MAX: usize = 4 << 20;

/// Who needed what: a function's name, and what its role must allow.
pub(crate) type Calls = Arc<Mutex<BTreeSet<(String, Need)>>>;

/// What all of them cost.
pub(crate) type Cost = Arc<Mutex<Units>>;

/// Starts it in front of `target`, of which only scheme and authority count. Gives its own URL.
pub(crate) async fn in_front_of(
    target: String,
    prefix: String,
    (calls, cost): (&Calls, &Cost),
) -> String {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let client = Client::builder(TokioExecutor::new()).build_http();
    let (calls, cost) = (Arc::clone(calls), Arc::clone(cost));
    let pass = move |request: Request| {
        let (client, calls, cost) = (client.clone(), Arc::clone(&calls), Arc::clone(&cost));
        let (target, prefix) = (target.clone(), prefix.clone());
        async move { one(request, (&client, &target), &prefix, (&calls, &cost)).await }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(pass)).await });
    url
}

async fn one(
    request: Request,
    (client, target): (&Client<HttpConnector, Body>, &str),
    prefix: &str,
    (calls, cost): (&Calls, &Cost),
) -> Response {
    let (mut parts, body) = request.into_parts();
    let body: Bytes = to_bytes(body, BODY_MAX).await.expect("a whole request");
    let path = parts.uri.path_and_query().map_or("/", |it| it.as_str()).to_owned();
    let target_header = parts.headers.get("x-amz-target").and_then(|it| it.to_str().ok());
    let text = String::from_utf8_lossy(&body);
    let asked =
        Asked { method: parts.method.as_str(), path: &path, target: target_header, body: &text };
    let who = caller(&parts.headers);
    let needs = needs(&asked, prefix);
    calls.lock().expect("unpoisoned").extend(needs.into_iter().map(|need| (who.clone(), need)));
    let call = units::call(target_header).map(str::to_owned);
    let body = if call.is_some() { units::asking(&body).into() } else { body };
    parts.headers.remove(CONTENT_LENGTH);
    parts.uri = format!("{target}{path}").parse().expect("a URL");
    let answer = client.request(Request::from_parts(parts, Body::from(body))).await;
    // The SDK asks again, as it would of AWS.
    let Ok(answer) = answer else { return StatusCode::BAD_GATEWAY.into_response() };
    let Some(call) = call else { return answer.map(Body::new) };
    let (parts, body) = answer.map(Body::new).into_parts();
    let body = to_bytes(body, BODY_MAX).await.expect("a whole answer");
    *cost.lock().expect("unpoisoned") += units::told(&call, &body);
    Response::from_parts(parts, Body::from(body))
}

/// The function, by the name that the SDK was told for its User-Agent
/// (docs.aws.amazon.com/sdkref/latest/guide/feature-appid.html).
fn caller(headers: &HeaderMap) -> String {
    let said = headers.get("user-agent").and_then(|it| it.to_str().ok()).unwrap_or_default();
    let name = said.split(' ').find_map(|part| part.strip_prefix("app/"));
    name.unwrap_or("nobody").to_owned()
}
