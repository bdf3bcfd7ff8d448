//! Stands between the functions and what they call: writes down which of them asked for what, the
//! evidence for their roles, and lets a test decide what becomes of a call on its way.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::needs::{Asked, Need, needs};
use super::units::{self, Units};

/// The longest request: SQS's and DynamoDB's are far shorter.
const BODY_MAX: usize = 4 << 20;

/// Who needed what: a function's name, and what its role must allow.
pub(crate) type Calls = Arc<Mutex<BTreeSet<(String, Need)>>>;

/// One call of a function on its way to AWS.
#[allow(dead_code, reason = "each test program reads a part of it")]
pub(crate) struct Call {
    /// The function's name.
    pub(crate) by: String,
    /// The process that runs it.
    pub(crate) process: Option<u32>,
    /// What its role must allow.
    pub(crate) needs: Vec<Need>,
    /// What is asked of what: `dynamodb:TransactWriteItems journal`.
    pub(crate) what: String,
    /// As it was sent.
    pub(crate) body: String,
}

/// What becomes of a call.
#[allow(dead_code, reason = "each test program lets a part of it happen")]
pub(crate) enum Fate {
    /// It goes on as it is.
    GoesOn,
    /// It goes on, and what DynamoDB says that it cost is added.
    IsCounted(Cost),
    /// It goes on twice, and the second answer counts.
    GoesTwice,
    /// It goes on with this body.
    Says(String),
    /// It never reaches AWS, and this is what it is answered.
    Refused(Response),
    /// Its process is killed before it reaches AWS.
    DiesBefore,
    /// AWS acts, and its process is killed before it reads the answer.
    DiesAfter,
}

/// What calls cost.
pub(crate) type Cost = Arc<Mutex<Units>>;

/// Decides what becomes of each call.
pub(crate) type Weather = Arc<dyn Fn(&Call) -> Fate + Send + Sync>;

/// Starts it in front of `target`, of which only scheme and authority count. Gives its own URL.
#[allow(dead_code, reason = "each test program uses a part of it")]
pub(crate) async fn in_front_of(target: String, prefix: String, calls: &Calls) -> String {
    let calls = Arc::clone(calls);
    let weather = move |call: &Call| {
        let needs = call.needs.iter().map(|need| (call.by.clone(), need.clone()));
        calls.lock().expect("unpoisoned").extend(needs);
        Fate::GoesOn
    };
    under(Arc::new(weather), target, prefix).await
}

/// The same under a weather.
pub(crate) async fn under(weather: Weather, target: String, prefix: String) -> String {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let client = Client::builder(TokioExecutor::new()).build_http();
    let pass = move |request: Request| {
        let (client, weather) = (client.clone(), Arc::clone(&weather));
        let (target, prefix) = (target.clone(), prefix.clone());
        async move { one(request, (&client, &target), &prefix, &weather).await }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(pass)).await });
    url
}

async fn one(
    request: Request,
    (client, target): (&Client<HttpConnector, Body>, &str),
    prefix: &str,
    weather: &Weather,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let body: Bytes = to_bytes(body, BODY_MAX).await.expect("a whole request");
    let path = parts.uri.path_and_query().map_or("/", |it| it.as_str()).to_owned();
    let call = read(&parts, &path, &body, prefix);
    parts.uri = format!("{target}{path}").parse().expect("a URL");
    let send = async |body: Bytes| {
        let mut parts = parts.clone();
        parts.headers.insert("content-length", body.len().into());
        match client.request(Request::from_parts(parts, Body::from(body))).await {
            Ok(answer) => answer.map(Body::new),
            // The SDK asks again, as it would of AWS.
            Err(_) => StatusCode::BAD_GATEWAY.into_response(),
        }
    };
    match weather(&call) {
        Fate::GoesOn => send(body).await,
        Fate::IsCounted(cost) => {
            let target = parts.headers.get("x-amz-target").and_then(|it| it.to_str().ok());
            let Some(name) = units::call(target).map(str::to_owned) else {
                return send(body).await;
            };
            let (parts, answer) = send(units::asking(&body).into()).await.into_parts();
            let answer = to_bytes(answer, BODY_MAX).await.expect("a whole answer");
            *cost.lock().expect("unpoisoned") += units::told(&name, &answer);
            Response::from_parts(parts, Body::from(answer))
        }
        Fate::GoesTwice => {
            send(body.clone()).await;
            send(body).await
        }
        Fate::Says(other) => send(other.into()).await,
        Fate::Refused(answer) => answer,
        Fate::DiesBefore => kill(&call),
        Fate::DiesAfter => {
            // All of the answer has come before anybody dies.
            let answer = send(body).await;
            to_bytes(answer.into_body(), BODY_MAX).await.expect("a whole answer");
            kill(&call)
        }
    }
}

fn read(parts: &Parts, path: &str, body: &Bytes, prefix: &str) -> Call {
    let target = parts.headers.get("x-amz-target").and_then(|it| it.to_str().ok());
    let body = String::from_utf8_lossy(body).into_owned();
    let asked = Asked { method: parts.method.as_str(), path, target, body: &body };
    let (needs, what) = (needs(&asked, prefix), what(&asked, prefix));
    let (by, process) = caller(&parts.headers);
    Call { by, process, needs, what, body }
}

/// What is asked, in few words.
fn what(asked: &Asked<'_>, prefix: &str) -> String {
    let Some((service, action)) = asked.target.and_then(|target| target.split_once('.')) else {
        if asked.path.starts_with("/2015-02-01/") {
            return format!("elasticfilesystem:{} access-points", asked.method);
        }
        let action = asked.body.split('&').find_map(|field| field.strip_prefix("Action="));
        return format!("iam:{}", action.unwrap_or("?"));
    };
    let service = match service {
        "DynamoDB_20120810" => "dynamodb",
        "AmazonSQS" => "sqs",
        "AmazonEC2ContainerServiceV20141113" => "ecs",
        other => other,
    };
    let json: Value = serde_json::from_str(asked.body).unwrap_or_default();
    let read = json["RequestItems"].as_object().and_then(|all| all.keys().next());
    let written = json["TransactItems"][0].as_object().and_then(|part| part.values().next());
    let named = ["TableName", "QueueUrl", "QueueName"].map(|field| json[field].as_str());
    let on = read.map(String::as_str).or_else(|| written?["TableName"].as_str());
    let on = on.or_else(|| named.into_iter().flatten().next()).unwrap_or_default();
    let on = on.rsplit('/').next().unwrap_or_default();
    let on = on.strip_prefix(prefix).unwrap_or(on);
    format!("{service}:{action} {on} {}", json["IndexName"].as_str().unwrap_or_default())
        .trim_end()
        .to_owned()
}

/// Ends the process that asks, as nothing can prevent. Nobody reads what it is answered.
fn kill(call: &Call) -> Response {
    let process = call.process.expect("a call that says of which process it is").to_string();
    let killed = Command::new("kill").args(["-KILL", &process]).status();
    assert!(killed.expect("kill runs").success(), "{process} of {} is not there", call.by);
    StatusCode::BAD_GATEWAY.into_response()
}

/// The function and its process, by the name that the SDK was told for its User-Agent
/// (docs.aws.amazon.com/sdkref/latest/guide/feature-appid.html).
fn caller(headers: &HeaderMap) -> (String, Option<u32>) {
    let said = headers.get("user-agent").and_then(|it| it.to_str().ok()).unwrap_or_default();
    let name = said.split(' ').find_map(|part| part.strip_prefix("app/")).unwrap_or("nobody");
    let (name, process) = name.split_once('+').unwrap_or((name, ""));
    (name.to_owned(), process.parse().ok())
}
