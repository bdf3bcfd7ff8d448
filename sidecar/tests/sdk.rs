//! The official clients of Anthropic, OpenAI and Google, unmodified, through the sidecar to the
//! stand-in: for Python by `sdk_check.py`, for Node by `sdk_check.mjs`. What each answer used is
//! held against the stand-in's own ledger, answer by answer. It must not skip when a client is
//! missing.

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use events::usage::{Completion, Tokens, UsageRecord};
use sidecar::Config;
use sidecar::stand_in::StandIn;
use tokio::process::Command;

use support::rig::{Rig, listener, until};

const KEY: &str = "sk-pool-one";
/// Streams that each script breaks off: Messages, Chat, Responses, Gemini.
const BROKEN_OFF: usize = 4;
/// What the shortest question costs: "hello there" by the stand-in's rule.
const INPUT: u64 = 3;
/// Several times what a script takes, its clients' waits for retries included.
const WITHIN: Duration = Duration::from_secs(120);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

/// A sidecar before a stand-in in the place of all three providers.
async fn rig() -> Rig {
    let stand_in = StandIn::new([events::Secret::new(KEY)]);
    let (listener, provider) = listener().await;
    tokio::spawn(std::sync::Arc::clone(&stand_in).serve(listener, std::future::pending::<()>()));
    let at = |id: &str| (id.to_owned(), format!("http://{provider}"));
    let upstreams = ["anthropic", "openai", "google"].map(at).into();
    let config = Config { upstreams, ..Config::default() };
    Rig::with(config, provider, stand_in, &[KEY]).await
}

/// Runs a script to its end. It gets no environment: no proxy and no credential of this machine.
async fn run(rig: &Rig, program: &Path, before: &[PathBuf]) {
    let mut command = Command::new(program);
    command.env_clear().env("HOME", "/nonexistent").args(before);
    command.args([format!("http://{}", rig.address), format!("http://{}", rig.provider)]);
    let output = command.arg(&rig.ann).kill_on_drop(true).output();
    let output = tokio::time::timeout(WITHIN, output).await.expect("it ends in time");
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let told = String::from_utf8_lossy(&output.stdout);
    let trouble = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{trouble}");
}

fn ended(rig: &Rig, how: Completion) -> Vec<UsageRecord> {
    rig.books.records().into_iter().filter(|record| record.completion == how).collect()
}

/// Every answer that was told to its end is counted as the stand-in bills it, every other attempt
/// once, and nothing else.
async fn counted_as_billed(rig: &Rig) {
    until("the streams that were broken off are counted", || {
        ended(rig, Completion::Aborted).len() == BROKEN_OFF
    })
    .await;
    rig.sidecar.flush().await;
    let ledger = rig.stand_in.ledger();
    let lines = ledger.keys.values().flatten().filter(|(_, billed)| billed.answered > 0);
    let billed: BTreeMap<String, Tokens> =
        lines.map(|(model, billed)| (model.clone(), billed.tokens)).collect();
    assert_eq!(billed.len() as u64, ledger.total().answered, "each answer has a name of its own");
    let complete = ended(rig, Completion::Complete);
    let counted: BTreeMap<String, Tokens> =
        complete.iter().map(|record| (record.model.clone(), record.tokens)).collect();
    assert_eq!(counted, billed);
    assert_eq!(complete.len(), billed.len(), "each once");
    assert!(complete.iter().all(|record| !record.estimated), "by the provider's own words");
    assert_eq!(ended(rig, Completion::Failed).len() as u64, ledger.total().refused);
    for broken in ended(rig, Completion::Aborted) {
        let input = broken.tokens.input();
        assert!(input == INPUT || broken.estimated, "{broken:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_python_clients_work_and_are_counted_to_the_token() {
    let rig = rig().await;
    let python = root().join(".venv/bin/python");
    assert!(
        std::fs::exists(root().join(".venv/installed.txt")).is_ok_and(|there| there),
        "{} has no clients: run scripts/test once, which installs them",
        python.display()
    );
    run(&rig, &python, &[root().join("sidecar/tests/sdk_check.py")]).await;
    counted_as_billed(&rig).await;
}

/// The Node that `scripts/test` installs for the agent; a distribution's is too old for the clients.
fn node() -> PathBuf {
    let packages = root().join(".cache/runtime/node_modules");
    let entries = std::fs::read_dir(&packages).into_iter().flatten().flatten();
    let found = entries.map(|entry| entry.path().join("bin/node")).find(|node| node.is_file());
    found.unwrap_or_else(|| panic!("no Node in {}: run scripts/test once", packages.display()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_node_clients_work_and_are_counted_to_the_token() {
    let rig = rig().await;
    let clients = root().join(".cache/node-clients");
    assert!(
        clients.join("node_modules/openai").is_dir(),
        "{} has no clients: run scripts/test once, which installs them",
        clients.display()
    );
    run(&rig, &node(), &[root().join("sidecar/tests/sdk_check.mjs"), clients]).await;
    counted_as_billed(&rig).await;
}
