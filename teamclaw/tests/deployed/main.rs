//! The commands against a deployed environment: a small server stands for AWS and for the operator's
//! API, and small scripts for Node and the CDK. The real program runs.
//!
//! What AWS itself says is tested where its adapters are (`aws/tests/operator.rs`).

mod cloud;
mod deploying;
mod doctoring;
mod operating;

use std::process::{Command, Output};

use cloud::Cloud;

/// The program, alone in the world but for this cloud.
fn teamclaw(cloud: &Cloud) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_teamclaw"));
    command
        .env_clear()
        .env("AWS_ENDPOINT_URL", cloud.url())
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("HOME", "/nonexistent")
        .env("TEAMCLAW_TOKEN", "a.jwt.of-the-issuer");
    command
}

/// What it printed, and how it ended.
fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}
