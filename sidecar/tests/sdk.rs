//! The official Python clients of Anthropic and OpenAI through the sidecar to the stand-in, by
//! `sdk_check.py`.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::rig::Rig;

/// The Python with `anthropic` and `openai` that `scripts/test` installs.
fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let python = root.join(".venv/bin/python");
    let clients = Command::new(&python).args(["-c", "import anthropic, openai"]).output();
    assert!(
        clients.is_ok_and(|output| output.status.success()),
        "{} has no anthropic and openai: run scripts/test once, which installs them",
        python.display()
    );
    python
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_clients_work_and_are_counted_to_the_token() {
    let rig = Rig::new(&["sk-pool-one"]).await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk_check.py");
    let output = tokio::process::Command::new(python())
        .arg(script)
        .arg(format!("http://{}", rig.address))
        .arg(&rig.ann)
        .output()
        .await
        .expect("Python starts");
    let told = String::from_utf8_lossy(&output.stdout);
    let trouble = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{trouble}");
    rig.sidecar.flush().await;
    let records = rig.books.records();
    let billed = rig.stand_in.ledger().total();
    assert_eq!(records.len() as u64, billed.answered, "{told}");
    assert_eq!(records.len(), 9);
    let output: u64 = records.iter().map(|record| record.tokens.output).sum();
    let input: u64 = records.iter().map(|record| record.tokens.input()).sum();
    assert_eq!((input, output), (billed.tokens.input(), billed.tokens.output));
}
