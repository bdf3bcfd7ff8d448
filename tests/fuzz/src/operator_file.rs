//! The files that the command reads: the first byte says whether it is `up`'s configuration or the
//! operator file. Nothing panics, what is taken is within its bounds, and an operator file that is
//! not one is refused without showing the token.

use std::path::PathBuf;

use clap::Parser;
use jiff::SignedDuration;

use super::settings::Settings;
use crate::cli::{Cli, Command, UpArgs};

/// What stands in an input where a secret would be.
const KEY: &str = "KEY";
/// The secret that is put there.
const CANARY: &str = "tc-canary-0123456789abcdef";
/// The part of it that nothing may show.
const SECRET_PART: &str = "0123456789abcdef";

/// Checks one input.
pub fn check(data: &[u8]) {
    let Some((kind, text)) = data.split_first() else { return };
    match kind {
        b'u' => up_file(text),
        b'o' => operator_file(text),
        _ => {}
    }
}

fn up_file(text: &[u8]) {
    let file = put("teamclaw.toml", text);
    let args = up_args(&file);
    let Ok(settings) = Settings::read(&args) else { return };
    let policy = settings.policy;
    assert!(policy.idle_min <= policy.idle_default && policy.idle_default <= policy.idle_max);
    let times = [policy.idle_min, policy.notice, policy.snooze_max, policy.ready_within];
    assert!(times.iter().all(|time| *time > SignedDuration::ZERO), "{times:?}");
    assert!(settings.agent_ports.is_none_or(|ports| *ports.start() > 0 && !ports.is_empty()));
    let wished = policy.idle_timeout(Some(SignedDuration::MAX));
    assert_eq!(wished, policy.idle_max);
}

fn up_args(file: &std::path::Path) -> UpArgs {
    let words = ["teamclaw", "up", "--data", "/nowhere", "--config"].map(std::ffi::OsString::from);
    let line = words.into_iter().chain([file.as_os_str().to_owned()]);
    match Cli::try_parse_from(line).map(|cli| cli.command) {
        Ok(Command::Up(args)) => *args,
        _ => panic!("the command line of this test is good"),
    }
}

fn operator_file(text: &[u8]) {
    let text = String::from_utf8_lossy(text).replace(KEY, CANARY);
    let file = put(crate::target::OPERATOR_FILE, text.as_bytes());
    let directory = file.parent().expect("it is in a directory");
    match crate::target::find(directory) {
        Ok(target) => assert!(!target.url.ends_with('/'), "{}", target.url),
        Err(problem) => {
            let shown = format!("{problem} {problem:?}");
            assert!(!shown.contains(SECRET_PART), "a secret is told: {shown}");
        }
    }
}

/// A file of this process and this thread that holds just that.
fn put(name: &str, bytes: &[u8]) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("teamclaw-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let file = directory.join(name);
    std::fs::write(&file, bytes).expect("written");
    file
}
