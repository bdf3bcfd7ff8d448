//! The router as a process, in front of an environment on a local AWS: a person comes in by a link, their
//! workspace is asked for, they reach it and leave. Its role allows what that needs and nothing else.

#[path = "../../../lambdas/tests/local/bus.rs"]
mod bus;
#[path = "../../../lambdas/tests/local/calls.rs"]
mod calls;
#[path = "../../../lambdas/tests/local/needs.rs"]
mod needs;
#[path = "../../../aws/tests/rig/mod.rs"]
mod rig;
#[path = "../../../lambdas/tests/local/roles.rs"]
mod roles;
#[path = "../../../lambdas/tests/local/template.rs"]
mod template;
#[path = "../../../lambdas/tests/local/units.rs"]
mod units;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aws::Environment;
use aws::people::DynamoPeople;
use aws::routes::DynamoRoutes;
use aws::tables::{TABLES, create};
use calls::Calls;
use events::{Attempt, Event, Gen, Status, WorkspaceId};
use jiff::Timestamp;
use ports::{People, Person, Route, Routes};
use system::SystemIds;
use template::Stacks;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Which queue is nudged, whether a timer is taken away and how much of a list is read follows from where
/// the workspace stands.
const BY_STANDING: [&str; 4] = [
    " sqs:",
    " dynamodb:BatchGetItem table/tc-ENV-journal",
    " dynamodb:Query table/tc-ENV-journal",
    " dynamodb:DeleteItem table/tc-ENV-timers",
];

/// An environment with its tables, queues and secret.
async fn environment() -> (Environment, aws_config::SdkConfig) {
    let (config, environment) = (rig::ministack().config().await, rig::environment());
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    for table in TABLES {
        create(&dynamodb, &environment, table).await.expect("a table");
    }
    aws::queue::create(&aws_sdk_sqs::Client::new(&config), &environment).await.expect("queues");
    let secrets = aws_sdk_secretsmanager::Client::new(&config);
    let secret = secrets.create_secret().name(environment.token_secret());
    secret.secret_string("a secret that nobody guesses").send().await.expect("a secret");
    (environment, config)
}

/// The process, which ends with the test.
struct Router {
    child: Child,
    address: SocketAddr,
}

impl Drop for Router {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn router(environment: &Environment, aws: &str) -> Router {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("an address");
    drop(free);
    let mut child = Command::new(env!("CARGO_BIN_EXE_teamclaw-router"))
        .args(["--env", &environment.to_string(), "--listen", &address.to_string()])
        .args(["--origins", &format!("http://{address}")])
        .env("AWS_ENDPOINT_URL", aws)
        .env("AWS_SDK_UA_APP_ID", "router")
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let log = BufReader::new(child.stdout.take().expect("its log"));
    let opened = log.lines().map_while(Result::ok).any(|line| line.contains("door is open"));
    assert!(opened, "it ended before it was open");
    Router { child, address }
}

/// What it answers to one request; `token` is the person's session, if there is one.
fn ask(router: &Router, head: &str, token: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(router.address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let length = body.len();
    let session =
        if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
    let request = format!(
        "{head} HTTP/1.1\r\nhost: {0}\r\norigin: http://{0}\r\naccept: application/json\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n{session}\
         connection: close\r\n\r\n{body}",
        router.address
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

/// An agent that answers one request. Gives its address, and what it was asked.
fn agent() -> (SocketAddr, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a request");
        let mut asked = [0; 4_096];
        let length = stream.read(&mut asked).expect("a head");
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
        stream.write_all(answer.as_bytes()).expect("answered");
        String::from_utf8_lossy(&asked[..length]).into_owned()
    });
    (address, answering)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_comes_in_by_a_link_reaches_their_agent_and_leaves_within_what_the_role_allows() {
    let (environment, config) = environment().await;
    let (calls, prefix) = (Calls::default(), environment.named(""));
    let aws = calls::in_front_of(rig::ministack().url(), prefix, &calls).await;
    let starting = || router(&environment, &aws);
    let router = tokio::task::block_in_place(starting);
    let ask = |head: &str, token: &str, body: &str| {
        tokio::task::block_in_place(|| ask(&router, head, token, body))
    };
    assert!(ask("GET /teamclaw/health", "", "").starts_with("HTTP/1.1 200"));
    assert!(ask("GET /teamclaw/status", "", "").starts_with("HTTP/1.1 401"));

    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let ids = Arc::new(SystemIds::default());
    let people = DynamoPeople::new(dynamodb.clone(), &environment, ids);
    let id: WorkspaceId = "ann".parse().expect("a name");
    let person = Person { id: id.clone(), team: "red".parse().expect("a name"), admin: false };
    let link = people.invite(&person, Timestamp::MAX).await.expect("a link");
    let come_in = || ask("POST /teamclaw/login", "", &format!("once={}", link.expose()));
    let answer = come_in();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    let told: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let token = told["token"].as_str().expect("a token");
    assert!(come_in().starts_with("HTTP/1.1 403"), "a link is good once");
    let bus = bus::bus(&config, &environment);
    let loaded = bus.journal().load(&id).await.expect("loaded");
    assert_eq!(loaded.workspace.status(), Status::Starting);

    // What the consumers do.
    let (generation, attempt) = (Gen(1), Attempt(1));
    let ready = vec![Event::Ready { generation, attempt }];
    bus.append("/test", &id, loaded, None, ready).await.expect("recorded");
    let (address, answering) = agent();
    let routes = DynamoRoutes::new(dynamodb, &environment);
    routes.open(&id, &Route { generation, attempt, address }).await.expect("opened");
    let answer = ask("POST /hello", token, "");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer}");
    let asked = answering.join().expect("it was asked");
    assert!(asked.contains("x-teamclaw-") && !asked.contains(token), "{asked}");

    let stopped = ask("POST /teamclaw/stop", token, "");
    assert!(stopped.contains("stopping"), "{stopped}");
    assert!(ask("POST /teamclaw/logout", token, "").starts_with("HTTP/1.1 200"));
    assert!(ask("GET /teamclaw/status", token, "").starts_with("HTTP/1.1 401"));
    its_role_is_what_was_needed(&environment, &calls);
}

fn its_role_is_what_was_needed(environment: &Environment, calls: &Calls) {
    let name = environment.to_string();
    let grants = roles::grants(&Stacks::of(&name), &environment.named("router"), "router");
    let (missing, unused) = roles::held_against(grants, calls, &name);
    assert_eq!(missing, Vec::<String>::new(), "the role does not allow it");
    let unused = unused.iter().map(|grant| grant.line(&name));
    let unused = unused.filter(|line| !BY_STANDING.iter().any(|it| line.contains(it)));
    assert_eq!(unused.collect::<Vec<_>>(), Vec::<String>::new(), "allowed, and not needed");
}

#[test]
fn what_is_not_there_is_said_in_plain_words() {
    let output = Command::new(env!("CARGO_BIN_EXE_teamclaw-router"))
        .args(["--env", "Prod!", "--origins", "http://x"])
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("an environment's name is"), "{said}");
}
