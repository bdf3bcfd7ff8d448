//! What a hostile agent gets: nothing. Started through the real path, by an engine that is root
//! (each agent has a user of its own) and by one that is not (Landlock alone).

mod rig;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rig::{PROGRAM, Rig, SERVER, Scratch, ports, until};
use serde_json::{Value, json};

/// A user without a name on any machine, for an engine that is not root.
const NOBODY: u32 = 64_123;

/// A secret that the engine has in its environment.
const CANARY: &str = "canary-4f1c5b";

/// The fewest ways that must have been tried, so that a broken script does not pass.
const ATTEMPTS_MIN: usize = 50;

const HOSTILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/agents/hostile.py");

/// The person bob serves; ann attacks.
const AGENT: &str = r#"
case "$TEAMCLAW_WORKSPACE" in
ann) while [ ! -e "$HOME/targets.json" ]; do sleep 0.05; done
     exec /usr/bin/python3 "$TEAMCLAW_RUNTIME/hostile.py" ;;
*) printf 'bobs-secret' > "$HOME/secret"
   exec /usr/bin/python3 -m http.server --bind 127.0.0.1 "$TEAMCLAW_PORT" ;;
esac
"#;

struct Engine {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Engine {
    /// Starts an engine with the agents ann and bob, as this user or as ourselves.
    fn start(data: &Path, user: Option<u32>, shares_user: bool) -> Self {
        let range = ports(20);
        let mut command = Command::new(PROGRAM);
        command
            .arg("engine")
            .arg(data)
            .args([range.start().to_string(), range.end().to_string()])
            .args(["ann", "bob"])
            .env("AGENT_TEAMCLAW_AGENT", AGENT)
            .env("UID_BASE", rig::uid_base(data).to_string())
            .env("AGENT_PATH", "/usr/bin:/bin")
            .env("ANTHROPIC_API_KEY", CANARY)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if shares_user {
            command.env("AGENT_HOSTILE_SHARES_USER", "1");
        }
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        let mut child = command.spawn().expect("the program");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        Self { child, lines }
    }

    /// Reads until bob's agent listens; gives its port.
    fn port_of_bob(&mut self) -> u16 {
        for line in &mut self.lines {
            let line = line.expect("a line");
            if let Some((_, rest)) = line.split_once("bob Listening(127.0.0.1:") {
                return rest.trim_end_matches(')').parse().expect("a port");
            }
        }
        panic!("the engine ended early");
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Its input ends: it stops its agents and itself.
        drop(self.child.stdin.take());
        let _ended = self.child.wait();
    }
}

/// The processes with this directory as their place.
fn process_at(home: &Path) -> Option<u32> {
    let listing = std::fs::read_dir("/proc").ok()?.flatten();
    let mut pids = listing.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.find(|pid| std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == home))
}

async fn attack(user: Option<u32>) -> BTreeMap<String, Value> {
    let scratch = Scratch::new();
    let data = scratch.path("data");
    prepare(&data, user);
    let shares_user = user.is_some() || !is_root();
    let mut engine = Engine::start(&data, user, shares_user);
    let other_port = engine.port_of_bob();
    let door = TcpListener::bind("127.0.0.1:0").expect("a front door");
    // The kernel's own list of names in its memory: that of the engine's claim on user ids.
    let names = std::fs::read_to_string("/proc/net/unix").expect("the sockets");
    // Of all engines on this machine, ours: its range begins at or above our first user id.
    let first = rig::uid_base(&data);
    let ours =
        |base: &&str| base.parse().is_ok_and(|base: u32| base >= first && base < first + 400_000);
    let name =
        names.split_whitespace().filter_map(|word| word.strip_prefix("@teamclaw-uids-")).find(ours);
    let bobs = data.join("homes/bob");
    let other = until(async || process_at(&bobs)).await;
    let files = ["keys.json", "teamclaw.db", "teamclaw.db-wal", "pool.secret"];
    let files = files.map(|name| data.join(name).display().to_string());
    let mut targets = json!({
        "TARGET_DATA": data,
        "TARGET_FILES": files.join(":"),
        "TARGET_ENGINE_PID": engine.child.id().to_string(),
        "TARGET_OTHER_PID": other.to_string(),
        "TARGET_OTHER_HOME": bobs,
        "TARGET_OTHER_PORT": other_port.to_string(),
        "TARGET_DOOR_PORT": door.local_addr().expect("its address").port().to_string(),
        "TARGET_LOGS": data.join("logs"),
        "TARGET_HOME_OF_OWNER": scratch.path("owner"),
    });
    if let Some(name) = name {
        targets["TARGET_ABSTRACT"] = json!(format!("teamclaw-uids-{name}"));
    }
    let home = data.join("homes/ann");
    std::fs::write(home.join("targets.new"), targets.to_string()).expect("the targets");
    std::fs::rename(home.join("targets.new"), home.join("targets.json")).expect("the targets");
    let report = until(async || std::fs::read_to_string(home.join("report.json")).ok()).await;
    let report: Value = serde_json::from_str(&report).expect("a report");
    let attempts = report["attempts"].as_array().expect("attempts");
    let name = |attempt: &Value| attempt["name"].as_str().expect("a name").to_owned();
    attempts.iter().map(|attempt| (name(attempt), attempt.clone())).collect()
}

/// A data directory as the engine finds it, with secrets, and a person's home beside it.
fn prepare(data: &Path, user: Option<u32>) {
    let owner = data.with_file_name("owner");
    for directory in [data.to_owned(), data.join("runtime"), owner.join(".ssh")] {
        std::fs::create_dir_all(&directory).expect("a directory");
    }
    std::fs::copy(HOSTILE, data.join("runtime/hostile.py")).expect("the script");
    for name in ["keys.json", ".ssh/id_rsa"] {
        let path = if name == "keys.json" { data.join(name) } else { owner.join(name) };
        std::fs::write(&path, r#"{"keys":[]}"#).expect("a secret");
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&path, private).expect("private");
    }
    let all = [
        data.to_owned(),
        data.join("runtime"),
        data.join("runtime/hostile.py"),
        data.join("keys.json"),
        owner.clone(),
        owner.join(".ssh"),
        owner.join(".ssh/id_rsa"),
    ];
    for path in all {
        std::os::unix::fs::chown(path, user, user).expect("owned");
    }
}

/// Where it is known to be open, it is said; a test of the whole pipeline tries it.
const NAMED_SOCKET: &str = "open a named socket that only the engine's user may open";

fn is_root() -> bool {
    std::fs::metadata("/proc/self").expect("/proc").uid() == 0
}

/// Holds the report against the promise: everything tried, nothing got.
fn nothing_got(attempts: &BTreeMap<String, Value>, may_skip: &[&str]) {
    assert!(attempts.len() >= ATTEMPTS_MIN, "only {} ways were tried", attempts.len());
    let mut wrong = Vec::new();
    for (name, attempt) in attempts {
        match attempt["got"].as_u64() {
            Some(0) => {}
            None if may_skip.contains(&name.as_str()) => {}
            _ => wrong.push(attempt.to_string()),
        }
    }
    assert!(wrong.is_empty(), "the agent got something:\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_hostile_agent_with_a_user_of_its_own_gets_nothing() {
    if !is_root() {
        // Then nobody has one, and the report must say so; the other test attacks what there is.
        let rig = Rig::new(SERVER).await;
        assert!(!rig.processes.confinement().own_user.in_force);
        return;
    }
    nothing_got(&attack(None).await, &[NAMED_SOCKET]);
}

#[tokio::test]
async fn a_hostile_agent_of_an_engine_that_is_not_root_gets_nothing() {
    let user = is_root().then_some(NOBODY);
    // Without root there are no user ids to claim, and so no name in the kernel's memory.
    let skipped =
        ["reach an abstract socket of the engine", "keep groups of the engine", NAMED_SOCKET];
    nothing_got(&attack(user).await, &skipped);
}

/// The first Landlock ABI that has every rule we ask for.
const EVERY_RULE: u8 = 6;

#[tokio::test]
async fn the_report_names_what_is_missing_and_nothing_else() {
    let rig = Rig::new(SERVER).await;
    let report = rig.processes.confinement();
    let missing: Vec<&str> = report.missing().iter().map(|measure| measure.name.as_str()).collect();
    let mut expected = Vec::new();
    if !is_root() {
        expected.push("own user");
    }
    if report.landlock_abi >= EVERY_RULE {
        assert_eq!(missing, expected);
    } else {
        assert!(missing.len() > expected.len(), "an old kernel is not said: {missing:?}");
    }
    let text = serde_json::to_string(report).expect("JSON");
    assert_eq!(&serde_json::from_str::<local::confine::Confinement>(&text).expect("back"), report);
}

#[tokio::test]
async fn where_every_wall_is_required_an_agent_starts_only_behind_all_of_them() {
    let data = std::sync::Arc::new(Scratch::new());
    let rig = Rig::with(data, |settings| {
        settings.require_confinement = true;
        rig::agent_is(settings, SERVER);
    });
    // On this kernel all walls stand; what happens where one is missing is a rule of its own,
    // tested beside it.
    let rig = rig.await;
    let spec = rig.spec("ann", 1, 1).await;
    let id = ports::Compute::run(&*rig.processes, &spec).await.expect("started");
    rig.until_listening(&id).await;
    assert!(rig.stop(&spec, rig::PATIENCE).await);
}
