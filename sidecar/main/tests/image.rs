//! The definition of the image: what it may not lack, and that the program understands how it is
//! called. `scripts/package` runs the program as it says.

use std::path::Path;
use std::process::Command;

fn definition() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Containerfile");
    std::fs::read_to_string(path).expect("the definition")
}

/// The instructions with what follows each, comments and line breaks gone.
fn instructions(text: &str) -> Vec<(String, String)> {
    let text = text.replace("\\\n", " ");
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let pairs = lines.filter_map(|line| line.trim().split_once(' '));
    pairs.map(|(name, rest)| (name.to_ascii_uppercase(), rest.trim().to_owned())).collect()
}

/// What is wrong with it.
fn objections(text: &str) -> Vec<String> {
    let all = instructions(text);
    let last = |name: &str| {
        all.iter().rev().find(|(found, _)| found == name).map(|(_, rest)| rest.as_str())
    };
    let mut wrong = Vec::new();
    for (name, rest) in &all {
        let image = rest.split(' ').next().unwrap_or_default();
        match name.as_str() {
            "FROM" if image != "scratch" && !image.contains("@sha256:") => {
                wrong.push(format!("{image} may be another tomorrow"));
            }
            "ADD" => wrong.push("ADD fetches and unpacks; use COPY".to_owned()),
            "ENV" | "ARG" if ["KEY", "TOKEN", "SECRET"].iter().any(|it| rest.contains(it)) => {
                wrong.push("a secret in a layer is everybody's".to_owned());
            }
            "COPY" if rest.contains(" . ") || rest.contains("keys") => {
                wrong.push("copies more than the program".to_owned());
            }
            _ => {}
        }
    }
    let user = last("USER").and_then(|user| user.split(':').next()?.parse::<u32>().ok());
    if user.is_none_or(|user| user == 0) {
        wrong.push("USER is no number, or root's".to_owned());
    }
    for (name, form) in [("ENTRYPOINT", last("ENTRYPOINT")), ("HEALTHCHECK", last("HEALTHCHECK"))] {
        if form.is_none_or(|form| exec(form).is_empty()) {
            wrong.push(format!("{name} is missing or needs a shell"));
        }
    }
    wrong
}

/// The words of an instruction in exec form.
fn exec(form: &str) -> Vec<String> {
    let list = form.find('[').map_or("", |at| &form[at..]);
    serde_json::from_str(list).unwrap_or_default()
}

#[test]
fn the_image_has_no_root_no_shell_and_no_secret() {
    assert_eq!(objections(&definition()), Vec::<String>::new());
}

#[test]
fn the_check_of_the_image_notices_each_flaw() {
    let good = definition();
    for (part, flaw) in [
        ("FROM scratch", "FROM docker.io/library/alpine:3"),
        ("USER 65532:65532", "USER root"),
        ("USER 65532:65532", "USER 0:0"),
        ("USER 65532:65532\n", ""),
        ("COPY --chmod=0755 teamclaw-sidecar", "COPY . ."),
        ("COPY --chmod=0755 teamclaw-sidecar", "ADD https://x.example/teamclaw-sidecar"),
        ("VOLUME /data", "ENV TEAMCLAW_TOKEN=tc_1"),
        ("ENTRYPOINT [", "ENTRYPOINT exec ("),
        ("HEALTHCHECK ", "# "),
    ] {
        let bad = good.replacen(part, flaw, 1);
        assert_ne!(bad, good, "{part}");
        assert_ne!(objections(&bad), Vec::<String>::new(), "{flaw}");
    }
}

#[test]
fn the_program_understands_how_the_image_calls_it() {
    for (name, rest) in instructions(&definition()) {
        let words = match name.as_str() {
            "ENTRYPOINT" => [exec(&rest), vec!["--check".to_owned()]].concat(),
            // Nobody listens there in a test: what counts is that it asks.
            "HEALTHCHECK" => {
                [exec(&rest), ["--listen", "127.0.0.1:1"].map(str::to_owned).to_vec()].concat()
            }
            _ => continue,
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_teamclaw-sidecar"));
        command.args(&words[1..]).env("TEAMCLAW_TOKEN", format!("tc_{}", "0".repeat(64)));
        let output = command.output().expect("it ran");
        let (said, error) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if name == "ENTRYPOINT" {
            assert!(output.status.success(), "{error}");
            assert!(
                said.contains("/data/usage.jsonl.journal"),
                "what it writes is in its volume: {said}"
            );
        } else {
            assert_eq!(output.status.code(), Some(2));
            assert!(error.contains("127.0.0.1:1 does not answer"), "{error}");
        }
    }
}
