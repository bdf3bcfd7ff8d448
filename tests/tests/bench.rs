//! The benchmarks work: each measurement comes to an end and says what it has to say. How fast
//! anything is on this machine, at this hour, is no test's business.

use std::path::Path;
use std::process::Command;

/// What is measured here: all but the memory of the real program, which a test of this crate would
/// have to have built first, for minutes.
const MEASURED: &str = "journal,queue,herd,linear";

/// What each of these promises to judge, in order.
const GOALS: [&str; 6] = [
    "journal, durable appends with 32 producers",
    "queue, durable round trips with 32 producers",
    "login to ready, one at a time, p50",
    "login to ready, one at a time, p99",
    "logins at once, all ready",
    "CPU for each of",
];

#[test]
fn a_quick_run_says_what_it_measured_and_on_what_and_leaves_nothing_behind() {
    let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench");
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["engine", "--quick", "--only", MEASURED, "--data"])
        .arg(&data)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let progress = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{progress}");
    for word in ["cores", "kernel", "file system", "date", "QUICK", "plain SQLite", "fdatasync"] {
        assert!(said.contains(word), "{word}:\n{said}");
    }
    let judged: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("PASS  ") || line.starts_with("FAIL  "))
        .collect();
    assert_eq!(judged.len(), GOALS.len(), "{said}");
    for (line, goal) in judged.iter().zip(GOALS) {
        assert!(line.contains(goal) && line.contains("(goal: "), "{line}");
    }
    assert!(said.trim_end().ends_with(judged[judged.len() - 1]), "goals come last:\n{said}");
    let left: Vec<_> = std::fs::read_dir(&data).expect("the directory").collect();
    assert!(left.is_empty(), "{left:?}");
}
