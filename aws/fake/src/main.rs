//! The fake as a program of its own, for journeys whose functions run in other processes: prints its
//! address, and hands every event of a task on, as EventBridge would.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use fake_aws::{Fake, Runs};
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// How often is looked for events.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often an event is handed over again that nobody took, and how long after: EventBridge tries
/// for a day, a journey lasts minutes.
const TRIES_MAX: u32 = 20;
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// What local AWSs do not honour: ECS, IAM's roles, EFS's access points, ELBv2's rules
#[derive(Debug, Parser)]
#[command(name = "fake-aws")]
struct Cli {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where each "ECS Task State Change" is POSTed to, such as a function's invocations
    #[arg(long, value_name = "URL")]
    events: Option<Uri>,
    /// What runs in a task, for `sh -c`: it listens at FAKE_AWS_ADDRESS. Without one, something
    /// takes connections there and says nothing
    #[arg(long)]
    command: Option<String>,
    /// How long Describe and List miss a fresh task, in milliseconds
    #[arg(long, default_value_t = 0)]
    unseen: u64,
    /// How many items a page of a list has at the most
    #[arg(long, default_value_t = 100)]
    page: usize,
}

#[tokio::main]
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that is read by another")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let fake = match Fake::start_at(cli.listen).await {
        Ok(fake) => fake,
        Err(error) => {
            eprintln!("{}: {error}", cli.listen);
            return ExitCode::FAILURE;
        }
    };
    fake.change(|habits| {
        habits.unseen = Duration::from_millis(cli.unseen);
        habits.page = cli.page;
        if let Some(command) = &cli.command {
            habits.runs = Runs::Command(command.clone());
        }
    });
    println!("{}", fake.url());
    let ended = async {
        match cli.events {
            Some(url) => hand_on(&fake, &url).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => {}
        () = terminated() => {}
        () = ended => {}
    }
    ExitCode::SUCCESS
}

/// Until it is told to end; its tasks end with it.
async fn terminated() {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}

/// Hands events over in order, each until somebody takes it.
async fn hand_on(fake: &Fake, url: &Uri) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut next = 0;
    loop {
        let events = fake.events();
        for event in &events[next..] {
            for _ in 0..TRIES_MAX {
                let request = post(url, event);
                let taken = match client.request(request).await {
                    Ok(answer) => answer.status().is_success() && drained(answer).await,
                    Err(_) => false,
                };
                if taken {
                    break;
                }
                tokio::time::sleep(AGAIN_AFTER).await;
            }
        }
        next = events.len();
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn post(url: &Uri, event: &Value) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(Bytes::from(event.to_string())));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = url.clone();
    let json = http::HeaderValue::from_static("application/json");
    request.headers_mut().insert(http::header::CONTENT_TYPE, json);
    request
}

/// Reads an answer to its end, so that the connection serves the next.
async fn drained(answer: http::Response<hyper::body::Incoming>) -> bool {
    answer.into_body().collect().await.is_ok()
}
