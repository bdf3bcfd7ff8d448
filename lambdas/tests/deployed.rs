//! The real program behind a local AWS's event source mappings: what is nudged is done, step by step,
//! and one message that nobody can read fails alone.

#[path = "../../aws/tests/rig/mod.rs"]
mod rig;

mod local;

use std::sync::Arc;
use std::time::Duration;

use aws::journal::DynamoJournal;
use aws::queue::SqsQueue;
use aws::timers::DynamoTimers;
use aws_config::SdkConfig;
use events::step::STEPS;
use events::{Class, Event, Policy, Version, WorkspaceId};
use fake_aws::{Fake, Runs};
use local::Endpoints;
use local::allowed::Allowed;
use local::calls::{self, Calls, Cost};
use producers::Bus;
use serde_json::{Value, json};
use system::{SystemIds, WallClock};

/// How often and how many times a test looks for what a function did: two minutes, for a busy machine.
const LOOK_EVERY: Duration = Duration::from_millis(200);
const LOOKS_MAX: u32 = 600;

fn bus(config: &SdkConfig, environment: &aws::Environment) -> Bus {
    let dynamodb = aws_sdk_dynamodb::Client::new(config);
    let queue = SqsQueue::new(aws_sdk_sqs::Client::new(config), environment);
    Bus::new(
        Arc::new(DynamoJournal::new(dynamodb.clone(), environment)),
        Arc::new(queue),
        Arc::new(DynamoTimers::new(dynamodb, environment)),
        Arc::new(WallClock::default()),
        Arc::new(SystemIds::default()),
        Policy::default(),
    )
}

/// Asks a function as API Gateway would, for somebody whose token it has checked
/// (docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html).
fn ask(environment: &aws::Environment, name: &str, method: &str, path: &str) -> Value {
    let claims = json!({
        "sub": "ann",
        "custom:team": "sales",
        "cognito:groups": "[teamclaw-admins]"
    });
    let event = json!({
        "version": "2.0",
        "routeKey": format!("{method} {path}"),
        "rawPath": path,
        "rawQueryString": "",
        "headers": { "host": "api.example.com", "content-type": "application/json" },
        "requestContext": {
            "accountId": rig::ACCOUNT,
            "apiId": "api",
            "domainName": "api.example.com",
            "domainPrefix": "api",
            "authorizer": { "jwt": { "claims": claims, "scopes": null } },
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "a test"
            },
            "requestId": "r1",
            "routeKey": format!("{method} {path}"),
            "stage": "$default",
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1_583_348_638_390_i64
        },
        "body": if method == "POST" { json!("{}") } else { Value::Null },
        "isBase64Encoded": false
    });
    let invoke = || local::invoke(rig::ministack(), environment, name, &event);
    tokio::task::block_in_place(invoke)
}

/// The body of what a function answered API Gateway.
fn told(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().expect("a body")).expect("JSON")
}

/// Waits until `wanted` is on record.
async fn recorded(bus: &Bus, id: &WorkspaceId, wanted: impl Fn(&Event) -> bool) {
    for _ in 0..LOOKS_MAX {
        let facts = bus.journal().history(id, Version(0), 100).await.expect("a history");
        if facts.iter().any(|(_, fact)| wanted(&fact.event)) {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let facts = bus.journal().history(id, Version(0), 100).await.expect("a history");
    panic!("it is not on record: {:?}", facts.iter().map(|(_, it)| &it.event).collect::<Vec<_>>());
}

/// Hands every event of a task to the observer, in order, as EventBridge would.
async fn hand_on(fake: Arc<Fake>, environment: aws::Environment) {
    let mut next = 0;
    loop {
        for event in &fake.events()[next..] {
            let ask = || local::invoke(rig::ministack(), &environment, "observer", event);
            tokio::task::block_in_place(ask);
            next += 1;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What every task has in common: agents that answer as OpenClaw does.
fn tasks() -> Value {
    json!({
        "region": fake_aws::REGION,
        "subnets": ["subnet-a", "subnet-b"],
        "securityGroups": ["sg-agents"],
        "boundary": "arn:aws:iam::123456789012:policy/boundary",
        "executionRole": "arn:aws:iam::123456789012:role/execution",
        "agentImage": "agent@sha256:a",
        "sidecarImage": "sidecar@sha256:b",
        "logGroup": "/agents"
    })
}

/// What is left in a queue, seen or unseen.
async fn left(queue: &aws_sdk_sqs::Client, url: &str) -> u32 {
    let counts = queue.get_queue_attributes().queue_url(url).attribute_names("All".into());
    let counts = counts.send().await.expect("counts").attributes.expect("counts");
    let count = |name: &str| {
        let found = counts.iter().find(|(key, _)| key.as_str() == name);
        found.map_or(0, |(_, count)| count.parse::<u32>().expect("a number"))
    };
    count("ApproximateNumberOfMessages") + count("ApproximateNumberOfMessagesNotVisible")
}

/// The functions of this journey, and which of them their queues start.
const FUNCTIONS: [&str; 7] =
    ["storage", "compute", "routing", "sequencer", "observer", "session", "operator"];
const QUEUES: [&str; 3] = ["storage", "compute", "routing"];

#[tokio::test(flavor = "multi_thread")]
async fn a_login_becomes_a_ready_agent_and_a_stop_ends_it_within_what_roles_allow() {
    let server = rig::ministack();
    let (config, environment) = (server.config().await, rig::environment());
    local::stacks::make(&config, &environment).await;
    let fake = Arc::new(Fake::start().await.expect("the fake starts"));
    let agent = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/local/agent.py");
    fake.change(|habits| habits.runs = Runs::Command(format!("exec python3 {agent}")));
    let (calls, cost, prefix) = (Calls::default(), Cost::default(), environment.named(""));
    let endpoints = Endpoints {
        local: calls::in_front_of(server.url(), prefix.clone(), (&calls, &cost)).await,
        fake: calls::in_front_of(fake.url(), prefix, (&calls, &cost)).await,
    };
    let settings = json!({ "defaultTeam": "all", "fileSystem": "fs-1", "tasks": tasks() });
    tokio::task::block_in_place(|| {
        for name in FUNCTIONS {
            local::deploy(server, &environment, name, (&settings, &endpoints));
        }
        for class in QUEUES {
            local::map_queue(server, &environment, class);
        }
    });
    local::map_stream(server, &config, &environment).await;
    let events = tokio::spawn(hand_on(Arc::clone(&fake), environment.clone()));

    let queue = aws_sdk_sqs::Client::new(&config);
    let url = queue.get_queue_url().queue_name(environment.queue(Class::Storage)).send().await;
    let url = url.expect("a queue").queue_url.expect("its URL");
    let poison = queue.send_message().queue_url(&url).message_body("{").send().await;
    poison.expect("a message that nobody can read");
    let answer = ask(&environment, "session", "POST", "/session");
    assert_eq!(answer["statusCode"], 202, "{answer}");
    assert_eq!(told(&answer)["status"], "starting", "{answer}");

    let (bus, ann) = (bus(&config, &environment), "ann".parse().expect("a name"));
    recorded(&bus, &ann, |event| matches!(event, Event::Ready { .. })).await;
    let standing = told(&ask(&environment, "session", "GET", "/session"));
    assert_eq!((&standing["person"], &standing["status"]), (&json!("ann"), &json!("ready")));
    let steps = standing["steps"].as_array().expect("a timeline").iter();
    let done = steps.filter(|line| line["became"] == "done").map(|line| line["step"].clone());
    let names = STEPS.map(|step| json!(step.name()));
    assert_eq!(done.collect::<Vec<_>>(), names);
    assert_eq!(fake.living().len(), 1);

    let answer = ask(&environment, "operator", "POST", "/api/v1/workspaces/ann/stop");
    assert_eq!(answer["statusCode"], 200, "{answer}");
    recorded(&bus, &ann, |event| matches!(event, Event::Stopped { .. })).await;
    assert_eq!(fake.living(), []);
    // It comes back until it is set aside, and held up nobody.
    assert_ne!(left(&queue, &url).await, 0);
    events.abort();
    let cost = *cost.lock().expect("unpoisoned");
    costs_as_much_as_it_is_said_to(cost.writes, cost.reads);

    // What another journey needs, or a race that this one may have been spared.
    let listed: Vec<&str> = include_str!("local/unused.txt").lines().collect();
    let allowed = Allowed::to(&FUNCTIONS);
    assert_eq!(
        allowed.unknown(&listed),
        Vec::<&str>::new(),
        "unused.txt names what is not allowed"
    );
    let (missing, mut unused) = allowed.held_against(&calls);
    assert_eq!(missing, Vec::<String>::new(), "functions.json does not allow it");
    unused.retain(|line| !listed.contains(&line.as_str()) && !depends_on_races(line));
    assert_eq!(unused, Vec::<String>::new(), "it is allowed, and neither used nor in unused.txt");
}

/// `teamclaw estimate` makes bills of journey.json. A message that comes twice, or an append that meets
/// another, costs a little more; rows of the feed that hold several facts a little less. How much is
/// read follows from how often queues and the stream start a function, some of them for nothing.
fn costs_as_much_as_it_is_said_to(writes: f64, reads: f64) {
    let said: Value = serde_json::from_str(include_str!("../journey.json")).expect("JSON");
    for (name, counted, most) in [("writeUnits", writes, 1.5), ("readUnits", reads, 3.0)] {
        let said = said[name].as_f64().expect("a number");
        let near = (said * 0.7)..=(said * most);
        assert!(
            near.contains(&counted),
            "{name}: {counted} were counted; journey.json says {said}"
        );
    }
}

/// Which queue is nudged, whether a message is put off, and whether an append meets another or a timer is
/// taken away follows from who comes first, for every function alike.
fn depends_on_races(line: &str) -> bool {
    const RACES: [&str; 4] = [
        " sqs:",
        " dynamodb:BatchGetItem table/journal",
        " dynamodb:Query table/journal",
        " dynamodb:DeleteItem table/timers",
    ];
    RACES.iter().any(|race| line.contains(race))
}
