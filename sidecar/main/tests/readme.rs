//! The sidecar's own page shows what works: its configuration, and the command of its quick start.

use std::path::PathBuf;
use std::process::Command;

const README: &str = include_str!("../../README.md");

/// The block of this kind.
fn block(kind: &str) -> &'static str {
    let begin = format!("```{kind}\n");
    let rest = README.split(begin.as_str()).nth(1).expect("a block");
    rest.split("```").next().expect("its end")
}

/// A directory of its own, gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("readme-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    /// Runs it with these words and `--check`.
    fn check(&self, words: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_teamclaw-sidecar"));
        command.current_dir(&self.0).env_clear().args(words).arg("--check");
        let output = command.env("TEAMCLAW_TOKEN", format!("tc_{}", "0".repeat(64))).output();
        let output = output.expect("it ran");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[test]
fn the_configuration_that_it_shows_is_one() {
    let scratch = Scratch::new("config");
    let text = block("toml")
        .replace("token_sha256 = \"...\"", &format!("token_sha256 = \"{}\"", "0".repeat(64)));
    std::fs::write(scratch.0.join("sidecar.toml"), text).expect("written");
    scratch.check(&["--config", "sidecar.toml"]);
}

#[test]
fn the_quick_start_has_five_lines_and_its_command_is_one() {
    let lines: Vec<&str> = block("sh").lines().collect();
    assert_eq!(lines.len(), 5, "{lines:?}");
    let command = lines.iter().find_map(|line| line.strip_prefix("teamclaw-sidecar "));
    let words = command.expect("it is started").trim_end_matches('&').split_whitespace();
    Scratch::new("start").check(&words.collect::<Vec<_>>());
}
