//! The real OpenClaw: does it take what we write, and does it answer as FACTS.md says?
//!
//! Needs the runtime: TEAMCLAW_TEST_RUNTIME, or .cache/runtime in the workspace's root.

#![expect(clippy::disallowed_methods, reason = "a test reads the environment that cargo gives it")]
#![expect(clippy::unwrap_used, reason = "outside of the tests themselves clippy does not see one")]

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use agent::environment::environment;
use agent::offer::Provider;
use agent::run::programs;
use agent::{OpenClaw, Settings, configure, run};
use events::{Attempt, Gen, Secret};
use ports::{Agents, Probe, Quiesce, Reach};
use rustix::process::{Signal, getpid, kill_process};
use serde_json::{Value, json};

const PASS: &str = "x-teamclaw-0123456789abcdef0123456789abcdef";

/// A start takes 10 to 20 seconds on an idle machine with two cores.
const READY_TIMEOUT: Duration = Duration::from_secs(180);

fn runtime() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let given = std::env::var_os("TEAMCLAW_TEST_RUNTIME").map(PathBuf::from);
    let runtime = given.unwrap_or_else(|| root.join(".cache/runtime"));
    assert!(
        programs(&runtime).is_some(),
        "no OpenClaw in {}; install it with:\n  mkdir -p .cache/runtime && cp agent/runtime/package*.json .cache/runtime/ && cd .cache/runtime \\\n  && npm ci --ignore-scripts --omit=dev --no-audit --no-fund \\\n  && node_modules/.bin/node node_modules/openclaw/openclaw.mjs --version",
        runtime.display()
    );
    runtime.canonicalize().unwrap()
}

fn home(name: &str) -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    match fs::remove_dir_all(&home) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
        Ok(()) | Err(_) => {}
    }
    fs::create_dir_all(home.join(".openclaw")).unwrap();
    home
}

fn settings(home: &Path, port: u16, changes: &[(&str, &str)]) -> Settings {
    let mut env: BTreeMap<&str, String> = BTreeMap::from([
        ("TEAMCLAW_WORKSPACE", "amina".into()),
        ("TEAMCLAW_PORT", port.to_string()),
        ("TEAMCLAW_HOME", home.display().to_string()),
        ("TEAMCLAW_TOKEN", "lease-token".into()),
        ("TEAMCLAW_PASS", PASS.into()),
        ("TEAMCLAW_SIDECAR", "http://127.0.0.1:9".into()),
        ("TEAMCLAW_ORIGINS", "http://127.0.0.1:7070".into()),
        ("TEAMCLAW_RUNTIME", runtime().display().to_string()),
        ("PATH", "/usr/bin:/bin".into()),
        ("ANTHROPIC_API_KEY", "sk-ant-real".into()),
    ]);
    env.extend(changes.iter().map(|(name, value)| (*name, (*value).to_owned())));
    Settings::from_env(&|name| env.get(name).cloned()).unwrap_or_else(|error| panic!("{error}"))
}

/// What `openclaw config validate` says of a configuration, or nothing when it accepts it.
fn objection(settings: &Settings, config: &Value) -> Option<String> {
    let file = settings.home.join(".openclaw/openclaw.json");
    fs::write(&file, serde_json::to_vec_pretty(config).unwrap()).unwrap();
    fs::create_dir_all(settings.home.join("tmp")).unwrap();
    let (node, entry) = programs(&runtime()).unwrap();
    let output = Command::new(node)
        .arg(entry)
        .args(["config", "validate"])
        .env_clear()
        .envs(environment(settings))
        .current_dir(&settings.home)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (!output.status.success()).then(|| String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn openclaw_accepts_what_we_write() {
    let home = home("validate");
    let admin = json!({
        "agents": { "defaults": { "heartbeat": { "every": "2h" }, "timeoutSeconds": 900 } },
        "gateway": { "controlUi": { "environment": { "label": "Acme", "color": "teal" } } },
        "models": { "providers": { "openrouter": { "api": "openai-completions", "apiKey": "sk-real", "models": [{ "id": "m", "name": "M" }] } } },
    });
    let own = json!({ "agents": { "defaults": { "model": "openai/gpt-5.6-sol", "thinkingDefault": "low" } }, "plugins": { "deny": ["ollama", "admin-http-rpc"] } });
    let hostile = json!({
        "gateway": "open", "models": 7, "plugins": [], "update": true, "discovery": null,
        "env": "mine", "logging": [], "$include": "./evil.json",
    });
    let table = [
        ("plain", settings(&home, 18811, &[]), json!({}), json!({})),
        (
            "a new model",
            settings(&home, 18811, &[("TEAMCLAW_MODEL", "openai/gpt-9")]),
            json!({}),
            json!({}),
        ),
        ("every provider", all_offered(settings(&home, 18811, &[])), json!({}), json!({})),
        ("both layers", settings(&home, 18811, &[]), admin, own),
        ("hostile", settings(&home, 18811, &[]), json!({}), hostile),
    ];
    for (name, settings, admin, own) in table {
        let config = configure(&settings, &admin, &own).unwrap();
        assert_eq!(objection(&settings, &config), None, "{name}: {config:#}");
    }
    // And the question itself is a real one.
    let settings = settings(&home, 18811, &[]);
    assert!(objection(&settings, &json!({ "gateway": { "port": "many" } })).is_some());
}

/// As if the pool had keys for all that the sidecar knows, and one of the company's own.
fn all_offered(mut settings: Settings) -> Settings {
    let one = |(id, path, api): (&str, &str, &'static str)| Provider {
        id: id.to_owned(),
        path: path.to_owned(),
        api,
    };
    let more = [
        ("anthropic-token", "/anthropic-token", "anthropic-messages"),
        ("google", "/google/v1beta", "google-generative-ai"),
        ("openrouter", "/openrouter/api/v1", "openai-completions"),
        ("mistral", "/mistral/v1", "openai-completions"),
        ("together", "/together/v1", "openai-completions"),
        ("groq", "/groq/openai/v1", "openai-completions"),
        ("xai", "/xai/v1", "openai-completions"),
        ("deepseek", "/deepseek/v1", "openai-completions"),
        ("fireworks", "/fireworks/inference/v1", "openai-completions"),
        ("amazon-bedrock", "/amazon-bedrock/openai/v1", "openai-completions"),
        ("azure-openai", "/azure-openai/openai/v1", "openai-responses"),
        ("acme", "/acme", "openai-completions"),
    ];
    settings.offered.extend(more.map(one));
    settings
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The names in the environment of our child that runs OpenClaw.
fn child_environment() -> Vec<String> {
    let ours = format!("PPid:\t{}\n", getpid().as_raw_nonzero());
    let child = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path()).find(|path| {
        let status = fs::read_to_string(path.join("status")).unwrap_or_default();
        status.contains(&ours) && status.starts_with("Name:\topenclaw")
    });
    let environ = fs::read_to_string(child.expect("a child").join("environ")).unwrap();
    let mut names: Vec<String> =
        environ.split('\0').filter_map(|line| Some(line.split_once('=')?.0.to_owned())).collect();
    names.sort();
    names
}

async fn until_ready(reach: &Reach) {
    let start = async {
        loop {
            match OpenClaw.probe(reach).await.unwrap() {
                Probe::Ready => return,
                Probe::NotYet(_) => tokio::time::sleep(Duration::from_millis(250)).await,
                Probe::Stranger(words) => panic!("{words}"),
            }
        }
    };
    tokio::time::timeout(READY_TIMEOUT, start).await.expect("ready in time");
}

/// OpenClaw tidies up for some seconds after it has become ready, and calls that busy.
async fn until_idle(reach: &Reach, request: &str) {
    let idle = async {
        while OpenClaw.quiesce(reach, request).await.unwrap() != Quiesce::Ready {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::time::timeout(READY_TIMEOUT, idle).await.expect("idle in time");
}

/// A whole life, with a home that was brought along and holds a setting OpenClaw does not know.
#[tokio::test]
async fn a_whole_life() {
    let home = home("life");
    let config = home.join(".openclaw/openclaw.json");
    fs::write(&config, r#"{"nonsense": 1, "agents": {"defaults": {"timeoutSeconds": 77}}}"#)
        .unwrap();
    let port = free_port();
    let names: Vec<String> = environment(&settings(&home, port, &[])).into_keys().collect();
    let life = tokio::spawn(run(settings(&home, port, &[])));
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let (generation, attempt) = (Gen(1), Attempt::default());
    let reach = |pass: &str| Reach {
        workspace: "amina".parse().unwrap(),
        generation,
        attempt,
        address,
        pass: Secret::new(pass),
    };
    let it = reach(PASS);
    until_ready(&it).await;

    let written: Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
    assert_eq!(written["agents"]["defaults"]["timeoutSeconds"], 77, "a good setting is kept");
    assert_eq!(written.get("nonsense"), None, "and the doctor took the bad one out");

    let copies = fs::read_dir(home.join(".openclaw")).unwrap().flatten();
    let clobbered =
        copies.filter(|f| f.file_name().to_string_lossy().contains("clobbered")).count();
    assert_eq!(clobbered, 0, "OpenClaw did not put an earlier file back");

    let stranger = reach("x-teamclaw-00000000000000000000000000000000");
    let told = OpenClaw.probe(&stranger).await.unwrap();
    assert!(matches!(told, Probe::Stranger(_)), "{told:?}");

    let missing: Vec<String> =
        child_environment().into_iter().filter(|name| !names.contains(name)).collect();
    assert_eq!(missing, Vec::<String>::new(), "the child has nothing that we did not give it");

    until_idle(&it, "stop-1").await;
    let told = OpenClaw.probe(&it).await.unwrap();
    assert!(matches!(told, Probe::NotYet(_)), "suspended: {told:?}");
    let told = OpenClaw.quiesce(&it, "stop-2").await.unwrap();
    assert!(matches!(told, Quiesce::Busy(_)), "somebody else's: {told:?}");
    OpenClaw.resume(&it, "stop-1").await.unwrap();
    assert_eq!(OpenClaw.probe(&it).await.unwrap(), Probe::Ready);
    assert_eq!(OpenClaw.wake_times(&it).await.unwrap(), [], "nothing wakes a fresh workspace");

    // Our own handler passes it on; without one the test itself would end here.
    kill_process(getpid(), Signal::TERM).unwrap();
    let code = tokio::time::timeout(Duration::from_secs(60), life).await.unwrap().unwrap();
    assert_eq!(format!("{code:?}"), format!("{:?}", std::process::ExitCode::SUCCESS));
}

/// A command of one's own gets its environment, and its ending becomes ours.
#[tokio::test]
async fn a_custom_command() {
    let home = home("custom");
    let command = "env | cut -d= -f1 | sort > names; exit 3";
    let changes = [("TEAMCLAW_AGENT", command), ("TEAMCLAW_RUNTIME", "")];
    let settings = settings(&home, 18812, &changes);
    let expected: Vec<String> = environment(&settings).into_keys().collect();
    let code = run(settings).await;
    assert_eq!(format!("{code:?}"), format!("{:?}", std::process::ExitCode::from(3)));
    let names = fs::read_to_string(home.join("names")).unwrap();
    // PWD and the like are the shell's own.
    let names: Vec<&str> =
        names.lines().filter(|name| !["PWD", "SHLVL", "_"].contains(name)).collect();
    assert_eq!(names, expected);
}
