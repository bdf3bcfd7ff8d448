//! The functions of an environment in a local AWS: the real program, deployed, started by queues.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use aws::Environment;
use aws_config::SdkConfig;
use serde_json::{Value, json};

use crate::rig::{ACCOUNT, LocalAws, ministack};

pub(crate) mod bus;
pub(crate) mod calls;
pub(crate) mod gateway;
pub(crate) mod needs;
pub(crate) mod observer;
pub(crate) mod own;
pub(crate) mod roles;
pub(crate) mod stacks;
pub(crate) mod template;
pub(crate) mod units;

/// Where the local AWS says that it is.
const REGION: &str = "eu-central-1";
/// How long a function may take, in seconds, as in `functions.json` at the most.
const TIMEOUT: u32 = 60;
/// The same for the one that goes on for as long as it may: a test starts it again and again.
const CRON_TIMEOUT: u32 = 5;

/// Where a function finds its AWS.
pub(crate) struct Endpoints {
    /// What the local AWS honours.
    pub(crate) local: String,
    /// What it does not: ECS, EFS, IAM.
    pub(crate) fake: String,
}

/// Deploys a function of the environment; `settings` are its `TEAMCLAW_SETTINGS`.
pub(crate) fn deploy(
    server: &LocalAws,
    environment: &Environment,
    name: &str,
    (settings, endpoints): (&Value, &Endpoints),
) {
    let Endpoints { local, fake } = endpoints;
    let function = json!({
        "FunctionName": environment.named(name),
        "Runtime": "provided.al2023",
        "Handler": "bootstrap",
        "Role": format!("arn:aws:iam::{ACCOUNT}:role/any"),
        "Timeout": if name == "cron-wake" { CRON_TIMEOUT } else { TIMEOUT },
        "MemorySize": 256,
        "Code": { "ZipFile": package() },
        "Environment": { "Variables": {
            "TEAMCLAW_ENV": environment.to_string(),
            "TEAMCLAW_SETTINGS": settings.to_string(),
            "AWS_SDK_UA_APP_ID": name,
            "AWS_ENDPOINT_URL": local,
            "AWS_ENDPOINT_URL_ECS": fake,
            "AWS_ENDPOINT_URL_EFS": fake,
            "AWS_ENDPOINT_URL_IAM": fake,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
        } },
    });
    let group = json!({ "logGroupName": format!("/aws/lambda/{}", environment.named(name)) });
    json_call("logs", "Logs_20140328.CreateLogGroup", &group);
    call(server, "functions", &function);
}

/// Lets a queue start the function of its name, as the stacks do.
pub(crate) fn map_queue(server: &LocalAws, environment: &Environment, name: &str) {
    let named = environment.named(name);
    let mapping = json!({
        "FunctionName": named,
        "EventSourceArn": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{named}"),
        "BatchSize": 10,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": { "MaximumConcurrency": 5 },
    });
    call(server, "event-source-mappings", &mapping);
}

/// Lets the journal's stream start the sequencer, as the stacks do.
pub(crate) async fn map_stream(server: &LocalAws, config: &SdkConfig, environment: &Environment) {
    let client = aws_sdk_dynamodb::Client::new(config);
    let table = client.describe_table().table_name(environment.named("journal"));
    let table = table.send().await.expect("the journal").table.expect("a table");
    let mapping = json!({
        "FunctionName": environment.named("sequencer"),
        "EventSourceArn": table.latest_stream_arn.expect("a stream"),
        "BatchSize": 100,
        "StartingPosition": "TRIM_HORIZON",
    });
    tokio::task::block_in_place(|| call(server, "event-source-mappings", &mapping));
}

/// What is deployed: a zip file whose `bootstrap` starts the program under test, base64. The program
/// itself would be read, hashed and unpacked for every function; it runs from where it was built. To
/// whom it calls it says which process it is.
fn package() -> &'static str {
    static DONE: OnceLock<String> = OnceLock::new();
    DONE.get_or_init(|| {
        let script = "import base64, io, sys, zipfile\n\
            file = io.BytesIO()\n\
            with zipfile.ZipFile(file, 'w') as zip:\n    \
                zip.writestr('bootstrap', '#!/bin/sh\\n'\n        \
                'export AWS_SDK_UA_APP_ID=$AWS_SDK_UA_APP_ID+$$\\n'\n        \
                f'exec {sys.argv[1]}\\n')\n\
            print(base64.b64encode(file.getvalue()).decode(), end='')";
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python");
        let program = env!("CARGO_BIN_EXE_bootstrap");
        let made =
            Command::new(python).args(["-c", script, program]).output().expect("python runs");
        assert!(made.status.success(), "{made:?}");
        String::from_utf8(made.stdout).expect("base64")
    })
}

/// One request to the local AWS's Lambda. Gives the answer's body.
pub(crate) fn call(server: &LocalAws, path: &str, body: &Value) -> Value {
    let (path, kind) = (format!("/2015-03-31/{path}"), "content-type: application/json");
    post(&server.url(), (&path, "lambda"), kind, body)
}

/// One request in AWS's JSON protocol, to a service of the local AWS whose SDK nobody needs otherwise.
pub(crate) fn json_call(service: &str, target: &str, body: &Value) -> Value {
    let url = ministack().url();
    tokio::task::block_in_place(|| json_call_at(&url, (service, target), body))
}

/// The same, to whoever listens there.
pub(crate) fn json_call_at(url: &str, (service, target): (&str, &str), body: &Value) -> Value {
    let head = format!("content-type: application/x-amz-json-1.1\r\nx-amz-target: {target}");
    post(url, ("/", service), &head, body)
}

fn post(url: &str, (path, service): (&str, &str), head: &str, body: &Value) -> Value {
    let address = url.trim_start_matches("http://").to_owned();
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n{head}\r\n\
         connection: close\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request, \
         SignedHeaders=host, Signature=0\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(&address).expect("it listens");
    stream.write_all(head.as_bytes()).expect("a head");
    stream.write_all(body.as_bytes()).expect("a body");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 2"), "{path} {head}: {answer}");
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_str(body).unwrap_or_else(|_| panic!("{path}: no JSON: {answer}"))
}

/// Calls a function, as whoever starts it without a queue does. Gives what it answers.
pub(crate) fn invoke(
    server: &LocalAws,
    environment: &Environment,
    name: &str,
    event: &Value,
) -> Value {
    call(server, &format!("functions/{}/invocations", environment.named(name)), event)
}
