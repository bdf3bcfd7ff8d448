//! The router as a process, in front of an environment on a local AWS: a person comes in by a link and
//! their workspace is asked for.

#[path = "../../../aws/tests/rig/mod.rs"]
mod rig;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aws::Environment;
use aws::journal::DynamoJournal;
use aws::people::DynamoPeople;
use aws::tables::{TABLES, create};
use events::Status;
use jiff::Timestamp;
use ports::{Journal, People, Person};
use system::SystemIds;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

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

fn router(environment: &Environment) -> Router {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("an address");
    drop(free);
    let mut child = Command::new(env!("CARGO_BIN_EXE_teamclaw-router"))
        .args(["--env", &environment.to_string(), "--listen", &address.to_string()])
        .args(["--origins", &format!("http://{address}")])
        .env("AWS_ENDPOINT_URL", rig::ministack().url())
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

/// What it answers to one request.
fn ask(router: &Router, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(router.address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let length = body.len();
    let request = format!(
        "{head} HTTP/1.1\r\nhost: {0}\r\norigin: http://{0}\r\naccept: application/json\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}",
        router.address
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_comes_in_by_a_link_and_their_workspace_is_asked_for() {
    let (environment, config) = environment().await;
    let router = router(&environment);
    assert!(ask(&router, "GET /teamclaw/health", "").starts_with("HTTP/1.1 200"));
    assert!(ask(&router, "GET /teamclaw/status", "").starts_with("HTTP/1.1 401"));

    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let ids = Arc::new(SystemIds::default());
    let people = DynamoPeople::new(dynamodb.clone(), &environment, ids);
    let id: events::WorkspaceId = "ann".parse().expect("a name");
    let person = Person { id: id.clone(), team: "red".parse().expect("a name"), admin: false };
    let until = Timestamp::MAX;
    let link = people.invite(&person, until).await.expect("a link");
    let come_in = || ask(&router, "POST /teamclaw/login", &format!("once={}", link.expose()));
    let answer = come_in();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"token\""), "{answer}");
    assert!(come_in().starts_with("HTTP/1.1 403"), "a link is good once");

    let journal = DynamoJournal::new(dynamodb, &environment);
    let workspace = journal.load(&id).await.expect("loaded").workspace;
    assert_eq!(workspace.status(), Status::Starting);
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
