//! The functions of an environment in a local AWS: the real program, deployed, started by queues.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use aws::Environment;
use aws_config::SdkConfig;
use serde_json::{Value, json};

use crate::rig::{ACCOUNT, Ministack};

/// Where the local AWS says that it is.
const REGION: &str = "eu-central-1";

/// Makes everything that the stacks would have made before the functions.
pub(crate) async fn stacks(config: &SdkConfig, environment: &Environment) {
    let client = aws_sdk_dynamodb::Client::new(config);
    for table in aws::tables::TABLES {
        aws::tables::create(&client, environment, table).await.expect("a table");
    }
    let client = aws_sdk_sqs::Client::new(config);
    aws::queue::create(&client, environment).await.expect("queues");
    let client = aws_sdk_secretsmanager::Client::new(config);
    let secret = client.create_secret().name(environment.token_secret());
    secret.secret_string("a secret of the test").send().await.expect("a secret");
}

/// Deploys a function of the environment; `settings` are its `TEAMCLAW_SETTINGS`.
pub(crate) fn deploy(server: &Ministack, environment: &Environment, name: &str, settings: &Value) {
    let place = format!("tc-lambdas-{}", std::process::id());
    let function = json!({
        "FunctionName": environment.named(name),
        "Runtime": "provided.al2023",
        "Handler": "bootstrap",
        "Role": format!("arn:aws:iam::{ACCOUNT}:role/any"),
        "Timeout": 60,
        "MemorySize": 256,
        "Code": { "S3Bucket": place, "S3Key": "bootstrap.zip" },
        "Environment": { "Variables": {
            "TEAMCLAW_ENV": environment.to_string(),
            "TEAMCLAW_SETTINGS": settings.to_string(),
            "AWS_ENDPOINT_URL": server.url(),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
        } },
    });
    upload(server, &place);
    let made = call(server, "POST", "/2015-03-31/functions", function.to_string().as_bytes());
    assert!(made.contains("FunctionArn"), "{made}");
}

/// Lets a queue start the function of its name, as the stacks do.
pub(crate) fn map_queue(server: &Ministack, environment: &Environment, name: &str) {
    let named = environment.named(name);
    let mapping = json!({
        "FunctionName": named,
        "EventSourceArn": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{named}"),
        "BatchSize": 10,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": { "MaximumConcurrency": 5 },
    });
    let body = mapping.to_string();
    let made = call(server, "POST", "/2015-03-31/event-source-mappings", body.as_bytes());
    assert!(made.contains("UUID"), "{made}");
}

/// Puts the program where functions are made from, once for all tests.
fn upload(server: &Ministack, bucket: &str) {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        let zip = std::fs::read(zipped()).expect("the program");
        call(server, "PUT", &format!("/{bucket}"), b"");
        call(server, "PUT", &format!("/{bucket}/bootstrap.zip"), &zip);
    });
}

/// The program under test in a zip file.
fn zipped() -> PathBuf {
    let directory = std::env::temp_dir().join(format!("tc-lambdas-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let (program, zip) = (directory.join("bootstrap"), directory.join("bootstrap.zip"));
    std::fs::copy(env!("CARGO_BIN_EXE_bootstrap"), &program).expect("a copy");
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python");
    let made = Command::new(python)
        .args(["-m", "zipfile", "-c"])
        .arg(&zip)
        .arg(&program)
        .status()
        .expect("python runs");
    assert!(made.success());
    zip
}

/// One request to the local AWS. Gives the answer's body.
pub(crate) fn call(server: &Ministack, method: &str, path: &str, body: &[u8]) -> String {
    let address = server.url().trim_start_matches("http://").to_owned();
    let scope = format!("20260101/{REGION}/{}/aws4_request", service(path));
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\
         content-type: application/json\r\nconnection: close\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=test/{scope}, SignedHeaders=host, Signature=0\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(&address).expect("the local AWS listens");
    stream.write_all(head.as_bytes()).expect("a head");
    stream.write_all(body).expect("a body");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

fn service(path: &str) -> &'static str {
    if path.starts_with("/2015-03-31/") { "lambda" } else { "s3" }
}
