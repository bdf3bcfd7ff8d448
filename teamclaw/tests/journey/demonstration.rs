//! The README's first command.

use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

use crate::engine::{PROGRAM, scratch};

/// What the README promises for the journey on the screen.
const PROMISED: Duration = Duration::from_secs(10);

#[test]
fn the_demonstration_makes_its_whole_journey_and_leaves_nothing_running() {
    let data = scratch("demo");
    let began = Instant::now();
    let output = Command::new(PROGRAM)
        .args(["up", "--demo", "--exit", "--listen=127.0.0.1:0"])
        .arg(format!("--data={}", data.display()))
        .stdin(Stdio::null())
        .output()
        .expect("run");
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{error}");
    for promised in ["ready after", "You said:", "tokens in", "stopped after", "was whole"] {
        assert!(text.contains(promised), "no {promised:?} in:\n{text}");
    }
    assert!(began.elapsed() < 3 * PROMISED, "even on a busy machine");
    std::fs::remove_dir_all(&data).expect("removed");
}

#[test]
fn a_second_engine_on_the_same_directory_is_refused_by_name() {
    let data = scratch("twice");
    let arguments = ["up", "--listen=127.0.0.1:0", "--agent=true"];
    let directory = format!("--data={}", data.display());
    let mut first = Command::new(PROGRAM)
        .args(arguments)
        .arg(&directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("started");
    let until = Instant::now() + PROMISED;
    while !data.join("operator.json").exists() {
        assert!(Instant::now() < until, "the first one does not come up");
        std::thread::sleep(Duration::from_millis(20));
    }
    let second = Command::new(PROGRAM).args(arguments).arg(&directory).output().expect("run");
    let error = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success());
    assert!(error.contains("in use by another teamclaw"), "{error}");
    assert!(error.contains(&first.id().to_string()), "it names the process: {error}");
    first.kill().expect("killed");
    first.wait().expect("reaped");
    std::fs::remove_dir_all(&data).expect("removed");
}
