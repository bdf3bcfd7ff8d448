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
use events::{Class, Event, Policy, Step, Version, WorkspaceId};
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

/// Asks the session function as API Gateway would, for somebody whose token it has checked
/// (docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html).
fn ask(server: &rig::Ministack, environment: &aws::Environment, method: &str) -> Value {
    let claims = json!({ "sub": "ann", "custom:team": "sales" });
    let event = json!({
        "version": "2.0",
        "routeKey": format!("{method} /session"),
        "rawPath": "/session",
        "rawQueryString": "",
        "headers": { "host": "api.example.com" },
        "requestContext": {
            "accountId": rig::ACCOUNT,
            "apiId": "api",
            "domainName": "api.example.com",
            "domainPrefix": "api",
            "authorizer": { "jwt": { "claims": claims, "scopes": null } },
            "http": {
                "method": method,
                "path": "/session",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "a test"
            },
            "requestId": "r1",
            "routeKey": format!("{method} /session"),
            "stage": "$default",
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1_583_348_638_390_i64
        },
        "isBase64Encoded": false
    });
    let path = format!("/2015-03-31/functions/{}/invocations", environment.named("session"));
    let answer = local::call(server, "POST", &path, event.to_string().as_bytes());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {answer}"))
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

#[tokio::test(flavor = "multi_thread")]
async fn a_login_makes_a_home_and_what_cannot_be_read_fails_alone() {
    let server = rig::ministack();
    let (config, environment) = (server.config().await, rig::environment());
    local::stacks(&config, &environment).await;
    let efs = aws_sdk_efs::Client::new(&config);
    let system = efs.create_file_system().creation_token("homes").send().await;
    let system = system.expect("a file system");
    let settings = json!({ "defaultTeam": "all", "fileSystem": system.file_system_id });
    tokio::task::block_in_place(|| {
        for name in ["session", "storage"] {
            local::deploy(server, &environment, name, &settings);
        }
        local::map_queue(server, &environment, "storage");
    });
    let bus = bus(&config, &environment);
    let queue = aws_sdk_sqs::Client::new(&config);
    let url = queue.get_queue_url().queue_name(environment.queue(Class::Storage)).send().await;
    let url = url.expect("a queue").queue_url.expect("its URL");
    let poison = queue.send_message().queue_url(&url).message_body("{").send().await;
    poison.expect("a message that nobody can read");
    let ann: WorkspaceId = "ann".parse().expect("a name");
    let asked = |method| tokio::task::block_in_place(|| ask(server, &environment, method));
    let answer = asked("POST");
    assert_eq!(answer["statusCode"], 202, "{answer}");
    assert_eq!(told(&answer)["status"], "starting", "{answer}");
    let home = |event: &Event| matches!(event, Event::StepDone { step: Step::PrepareHome, .. });
    recorded(&bus, &ann, home).await;
    let standing = told(&asked("GET"));
    assert_eq!((&standing["person"], &standing["step"]), (&json!("ann"), &json!("register_task")));
    assert_eq!(standing["steps"][0]["step"], "prepare_home");
    // The next class is nudged before the message is done with.
    let compute = bus.queue().receive(Class::Compute, 1, LOOK_EVERY, LOOK_EVERY).await;
    let nudge = compute.expect("a queue").pop().and_then(|delivery| delivery.nudge);
    assert_eq!(nudge.expect("a nudge").about, (&ann).into());
    // What nobody can read is still there, and will be set aside after its last receive.
    let poison = queue.get_queue_attributes().queue_url(&url).attribute_names("All".into());
    let counts = poison.send().await.expect("counts").attributes.expect("counts");
    let count = |name: &str| counts.iter().find(|(key, _)| key.as_str() == name).map(|it| it.1);
    let left = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
    let left: Vec<_> = left.iter().filter_map(|name| count(name)).collect();
    assert!(left.iter().any(|count| *count == "1"), "{left:?}");
}
