//! Which ways to agents a function makes, its settings say: rows for a router, or rules of a load balancer.
//! Tables are a local AWS's, the load balancer the fake's.

#[path = "../../aws/tests/rig/mod.rs"]
mod rig;

use std::net::Ipv4Addr;
use std::sync::Arc;

use aws::Environment;
use aws_config::SdkConfig;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use events::{Attempt, Gen, WorkspaceId};
use fake_aws::Fake;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use lambdas::function::Function;
use lambdas::root::Root;
use lambdas::settings::Settings;
use ports::{Route, Routes};
use serde_json::Value;
use system::{SystemIds, WallClock};

/// The longest request here by far.
const BODY_MAX: usize = 1 << 20;

/// One place for both: ELB's requests are forms, DynamoDB's are not.
async fn in_front_of(tables: String, balancer: String) -> String {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let client = Client::builder(TokioExecutor::new()).build_http();
    let pass = move |request: Request| {
        let (client, tables, balancer) = (client.clone(), tables.clone(), balancer.clone());
        async move {
            let (mut parts, body) = request.into_parts();
            let body: Bytes = to_bytes(body, BODY_MAX).await.expect("a whole request");
            let kind = parts.headers.get("content-type").and_then(|it| it.to_str().ok());
            let is_form = kind.is_some_and(|kind| kind.contains("form-urlencoded"));
            let target = if is_form { balancer } else { tables };
            let path = parts.uri.path_and_query().map_or("/", |it| it.as_str()).to_owned();
            parts.uri = format!("{target}{path}").parse().expect("a URL");
            let answer = client.request(Request::from_parts(parts, Body::from(body))).await;
            answer.expect("an answer").map(Body::new)
        }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(pass)).await });
    url
}

/// The routes that a function has with the example's settings, with its load balancer or without.
fn routes(config: &SdkConfig, environment: &Environment, has_balancer: bool) -> Arc<dyn Routes> {
    let mut settings: Value =
        serde_json::from_str(include_str!("../settings.json")).expect("the example is JSON");
    if !has_balancer {
        settings["loadBalancer"] = Value::Null;
    }
    let root = Root {
        function: Function::Sweeper,
        environment: environment.clone(),
        settings: Settings::parse(&settings.to_string()).expect("settings"),
        config: config.clone(),
        clock: Arc::new(WallClock::default()),
        ids: Arc::new(SystemIds::default()),
    };
    root.sweepers_world().expect("a world").routes
}

#[tokio::test]
async fn settings_say_whether_a_router_or_a_load_balancer_leads_to_agents() {
    let (server, environment) = (rig::ministack(), rig::environment());
    let fake = Fake::start().await.expect("the fake starts");
    let config = server.config().await;
    for table in [aws::routes::ROUTES, aws::alb_routes::ALB_ROUTES] {
        let client = aws_sdk_dynamodb::Client::new(&config);
        aws::tables::create(&client, &environment, &table).await.expect("a table");
    }
    let url = in_front_of(server.url(), fake.url()).await;
    let config = config.to_builder().endpoint_url(url).build();
    let by_router = routes(&config, &environment, false);
    let by_balancer = routes(&config, &environment, true);

    let ann: WorkspaceId = "ann".parse().expect("a good name");
    let address = "10.0.0.7:18789".parse().expect("an address");
    let route = Route { generation: Gen(1), attempt: Attempt(1), address };
    assert!(by_router.open(&ann, &route).await.expect("an answer"));
    assert!(fake.inventory().is_empty(), "a router needs no rule");
    assert_eq!(by_balancer.find(&ann).await.expect("an answer"), None, "each has its own record");
    by_router.close(&ann, Gen(1), Attempt(1)).await.expect("closed");

    assert!(by_balancer.open(&ann, &route).await.expect("an answer"));
    let made = fake.inventory();
    assert!(made.iter().any(|name| name.ends_with(" ann.claw.example.com")), "{made:?}");
    let group = format!("target group {}", environment.named("c-"));
    assert!(made.iter().any(|name| name.starts_with(&group)), "roles are bounded by it: {made:?}");
    assert_eq!(by_router.find(&ann).await.expect("an answer"), None);
    by_balancer.close(&ann, Gen(1), Attempt(1)).await.expect("closed");
    assert!(fake.inventory().is_empty());
}
