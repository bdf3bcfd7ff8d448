//! The real program under ordinary use: sixteen clients ask every provider, and each answer is counted.
//! The shipped program is laid out by this use (`scripts/guided`), so it must go through.

use std::path::Path;
use std::process::Command;

#[test]
fn ordinary_use_of_every_provider_goes_through_and_is_counted() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/practice.py");
    let output = Command::new("python3")
        .arg(script)
        .args([env!("CARGO_BIN_EXE_teamclaw-sidecar"), "1"])
        .output()
        .expect("python3 runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("to 15 providers, all counted"), "{said}");
}
