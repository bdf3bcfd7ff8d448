//! The image's entrypoint, run for real: what it lets through, and that it takes its own place. And
//! what can be known of the images without building them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A runner in the place of ours, which tells its environment and who it is.
const RUNNER: &str = "#!/bin/sh\ntr '\\0' '\\001' </proc/$$/environ; printf '\\002%s\\002' \"$$\"\nprintf '%s' \"$#\"\n";

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What the runner told: its environment, its process, how many arguments it had.
struct Told {
    environment: BTreeMap<String, String>,
    process: u32,
    arguments: u32,
}

fn run(name: &str, variables: &[(&str, &str)]) -> Told {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).expect("a folder");
    let runner = folder.join("teamclaw-agent");
    fs::write(&runner, RUNNER).expect("written");
    fs::set_permissions(&runner, fs::Permissions::from_mode(0o755)).expect("executable");
    let child = Command::new("/bin/sh")
        .arg(here("entrypoint"))
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", folder.display()))
        .envs(variables.iter().copied())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("a shell");
    let started = child.id();
    let Output { status, stdout, .. } = child.wait_with_output().expect("it ends");
    assert!(status.success(), "{status}");
    let text = String::from_utf8(stdout).expect("UTF-8");
    let parts: Vec<&str> = text.split('\u{2}').collect();
    let [environment, process, arguments] = parts[..] else { panic!("{text:?}") };
    let pairs = environment.split('\u{1}').filter_map(|pair| pair.split_once('='));
    let told = Told {
        environment: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        process: process.parse().expect("a number"),
        arguments: arguments.parse().expect("a number"),
    };
    assert_eq!(told.process, started, "it took its own place");
    told
}

#[test]
fn no_key_of_a_provider_and_no_way_to_credentials_goes_on() {
    let secret = "sk-real";
    let told = run(
        "keys",
        &[
            ("ANTHROPIC_API_KEY", secret),
            ("OPENAI_API_KEY", secret),
            ("GEMINI_API_KEY", secret),
            ("SOME_NEW_PROVIDER_KEY", secret),
            ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/sk-real"),
            ("ECS_CONTAINER_METADATA_URI_V4", "http://169.254.170.2/v4/1"),
            ("NODE_OPTIONS", "--require /evil.js"),
            ("LD_PRELOAD_NOT", "/evil.so"),
            ("OPENCLAW_GATEWAY_PASSWORD", secret),
            ("BASH_ENV", "/evil.sh"),
            ("MANY_LINES", "one\nPATH=/evil\nTEAMCLAW_TOKEN=forged"),
            ("TEAMCLAW_TOKEN", "lease"),
        ],
    );
    let mut names: Vec<&str> = told.environment.keys().map(String::as_str).collect();
    // The shell's own.
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
    assert_eq!(names, ["PATH", "TEAMCLAW_LISTEN", "TEAMCLAW_PORT", "TEAMCLAW_TOKEN"]);
    assert_eq!(told.environment["TEAMCLAW_TOKEN"], "lease");
    assert!(!told.environment["PATH"].contains("/evil"));
    assert_eq!(told.arguments, 0, "nothing secret is an argument");
}

#[test]
fn what_the_runner_knows_goes_on_as_it_is() {
    let kept = [
        ("HOME", "/home/agent"),
        ("LANG", "C.UTF-8"),
        ("TZ", "Africa/Kigali"),
        ("NODE_EXTRA_CA_CERTS", "/etc/ssl/own.pem"),
        ("TEAMCLAW_WORKSPACE", "amina"),
        ("TEAMCLAW_PASS", "x-teamclaw-\"quoted\" $HOME `id`\nand more"),
        ("TEAMCLAW_ORIGINS", "https://agents.example.com"),
    ];
    let told = run("kept", &kept);
    for (name, value) in kept {
        assert_eq!(told.environment[name], value, "{name}");
    }
}

#[test]
fn the_tasks_port_is_the_relays_and_the_agent_has_the_next() {
    let said = run("port", &[("TEAMCLAW_PORT", "20000")]);
    assert_eq!(said.environment["TEAMCLAW_LISTEN"], "0.0.0.0:20000");
    assert_eq!(said.environment["TEAMCLAW_PORT"], "20001");
    let unsaid = run("no-port", &[]);
    assert_eq!(unsaid.environment["TEAMCLAW_LISTEN"], "0.0.0.0:18789");
    assert_eq!(unsaid.environment["TEAMCLAW_PORT"], "18790");
}

/// The instructions of an image's definition, with continued lines in one.
fn instructions(path: &str) -> Vec<String> {
    let text = fs::read_to_string(here(path)).expect("a file").replace("\\\n", " ");
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn images_bring_in_nothing_that_can_change_and_run_as_nobody() {
    for path in ["Containerfile", "../sidecar/aws.Containerfile", "../sidecar/Containerfile"] {
        let all = instructions(path);
        let says = |start: &str| all.iter().filter(|one| one.starts_with(start)).count();
        for from in all.iter().filter_map(|one| one.strip_prefix("FROM ")) {
            assert!(["scratch", "${BASE}"].contains(&from), "{path} begins with {from}");
        }
        assert_eq!(says("USER 65532:65532"), 1, "{path}");
        assert_eq!((says("ADD "), says("ENTRYPOINT [\"/")), (0, 1), "{path}");
        let secret = |one: &&String| one.contains("_KEY") || one.contains("TOKEN=");
        assert_eq!(all.iter().find(secret), None, "{path}");
    }
}

#[test]
fn the_agents_image_refuses_a_base_without_a_digest() {
    let all = instructions("Containerfile");
    assert_eq!(all[..2], ["ARG BASE", "FROM ${BASE}"], "no default");
    let check = all.iter().find_map(|one| one.strip_prefix("RUN case")).expect("a check");
    for (base, good) in [
        ("docker.io/library/debian@sha256:0123", true),
        ("docker.io/library/debian:12-slim", false),
        ("debian", false),
        ("", false),
    ] {
        let mut shell = Command::new("/bin/sh");
        let outcome = shell.args(["-c", &format!("case{check}")]).env("BASE", base).output();
        assert_eq!(outcome.expect("a shell").status.success(), good, "{base}");
    }
}

#[test]
fn openclaws_version_stands_in_one_place() {
    let package = fs::read_to_string(here("runtime/package.json")).expect("a file");
    let package: serde_json::Value = serde_json::from_str(&package).expect("JSON");
    let version = package["dependencies"]["openclaw"].as_str().expect("a version");
    for path in ["Containerfile", "entrypoint", "../scripts/images", "../sidecar/aws.Containerfile"]
    {
        let text = fs::read_to_string(here(path)).expect("a file");
        assert!(!text.contains(version), "{path} repeats {version}");
    }
}
