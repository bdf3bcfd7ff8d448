//! The README's commands are real: every `teamclaw` line in a shell block parses, every script and
//! picture is there, every test that it names exists.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_teamclaw");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).expect("the README")
}

/// The lines of all shell blocks, without comments.
fn shell_lines(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            _ if inside => {
                let command = line.split(" #").next().unwrap_or_default().trim();
                lines.push(command.to_owned());
            }
            _ => {}
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

#[test]
fn every_command_of_the_readme_is_one() {
    let text = readme();
    let lines = shell_lines(&text);
    assert!(lines.len() >= 10, "the README shows how to use it: {lines:?}");
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let arguments = match words.as_slice() {
            ["teamclaw", arguments @ ..] => arguments,
            ["cargo", "run", "-p", "teamclaw", "--", arguments @ ..] => arguments,
            ["cargo", "install", "--path", place] => {
                assert!(root().join(place).join("Cargo.toml").exists(), "{line}");
                continue;
            }
            [script] => {
                assert!(root().join(script).exists(), "{line}");
                continue;
            }
            _ => panic!("who checks {line:?}?"),
        };
        // With --help at the end everything before it is parsed, and nothing is done.
        let mut command = Command::new(PROGRAM);
        let output = command.args(arguments).arg("--help").stdin(Stdio::null()).output();
        let output = output.expect("run");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {error}");
    }
}

#[test]
fn the_table_of_costs_is_what_the_command_prints() {
    let asked = "teamclaw estimate --users 10,100,1000,10000,100000";
    let text = readme();
    assert!(text.contains(&format!("`{asked}`")));
    let mut command = Command::new(PROGRAM);
    let output = command.args(asked.split(' ').skip(1)).output().expect("run");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.contains(&format!("```\n{}\n```", printed.trim_end())), "it prints:\n{printed}");
}

#[test]
fn every_picture_and_page_of_the_readme_is_there() {
    let text = readme();
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files: Vec<&str> = links.filter(|link| !link.starts_with("http")).collect();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        assert!(root().join(file).exists(), "{file} is not there");
    }
}

#[test]
fn every_test_that_the_readme_names_exists() {
    let text = readme();
    let mut named = 0;
    for command in text.split('`').filter(|code| code.starts_with("cargo test -p ")) {
        let words: Vec<&str> = command.split_whitespace().collect();
        // The sidecar's own program lies in the sidecar's room.
        let folder = if words[3] == "teamclaw-sidecar" { "sidecar/main" } else { words[3] };
        let package = root().join(folder);
        assert!(package.join("Cargo.toml").exists(), "{command}");
        if let Some(at) = words.iter().position(|word| *word == "--test") {
            let tests = package.join("tests");
            let name = words[at + 1];
            let there = tests.join(format!("{name}.rs")).exists()
                || tests.join(name).join("main.rs").exists();
            assert!(there, "{command}");
        }
        named += 1;
    }
    assert!(named >= 10);
}
