//! An engine with a hostile agent in it: mallory's. Beside her bob has an ordinary one, and a
//! third person has a name that is itself a secret.
//!
//! Everything goes the whole way: people log in, the pipeline starts their agents, the hostile one
//! is told where everything is (which is more than it could know), and what it got is looked at
//! from outside.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use events::Secret;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::engine::{Engine, Setup, scratch, small_agent};
use crate::person::Person;

/// All ways are tried before the hostile agent answers its health path.
const TRIED_WITHIN: Duration = Duration::from_secs(150);
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The way in which only an engine that is root can keep agents apart; without root, `up` and
/// `status` say that it is open.
pub(crate) const NAMED_SOCKET: &str = "open a named socket that only the engine's user may open";

/// Its name, beside the agents' programs.
const SOCKET: &str = "socket";

/// A secret that is planted, or that the engine made, and the one place where it may lie.
pub(crate) struct Canary {
    pub(crate) what: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// Below the data directory; `None` for nowhere.
    pub(crate) place: Option<PathBuf>,
}

/// The engine and who is on it.
pub(crate) struct Attack {
    pub(crate) engine: Engine,
    pub(crate) mallory: Person,
    pub(crate) bob: Person,
    /// What mallory must not have, and what may lie in one place only.
    pub(crate) canaries: Vec<Canary>,
    /// What mallory must not have, though the database may.
    pub(crate) names: Vec<Canary>,
    _place: Place,
    _socket: UnixListener,
}

/// A directory that is gone afterwards.
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

impl Attack {
    /// Starts the engine as this user, logs everybody in, and waits until all ways were tried.
    pub(crate) async fn begin(name: &str, user: Option<u32>) -> Self {
        let data = scratch(name);
        let agent = small_agent(&data);
        let place = agent_files(&agent, user);
        let (key, secret_name) = (canary("sk-canary"), canary("c"));
        let setup = Setup { key: Secret::new(key.clone()), log: "debug", user, ..Setup::default() };
        let command = format!("--agent=exec /bin/sh {}", place.0.join("agent").display());
        let files =
            [place.0.display().to_string(), agent].map(|path| format!("--agent-files={path}"));
        let engine = Engine::start_with(data, setup, &[&command, &files[0], &files[1]]).await;
        let home_of = |name: &str| engine.data.join("homes").join(name);

        let third = Person::log_in(&engine, &secret_name).await;
        let bob = Person::log_in(&engine, "bob").await;
        for person in [&secret_name, "bob"] {
            engine.wait_for(person, "ready", READY_WITHIN).await;
        }
        let (said, kept) = (canary("canary-said"), canary("canary-kept"));
        bob.post("/chat", &[], json!({"message": said})).await;
        fs::write(home_of("bob").join("secret"), &kept).expect("bob's secret");
        let owner = fs::metadata(home_of("bob")).expect("bob's home").uid();
        chown(home_of("bob").join("secret"), Some(owner), Some(owner)).expect("bob's own");

        let mallory = Person::log_in(&engine, "mallory").await;
        let socket = named_socket(&place.0, user);
        give_targets(&engine, &place.0).await;
        engine.wait_for("mallory", "ready", TRIED_WITHIN).await;
        let mut canaries = made(&engine, [&mallory, &bob, &third]);
        let at = |name: &str| Some(PathBuf::from(name));
        for (what, text, place) in [
            ("the provider's key", key, at("keys.json")),
            ("a file in bob's home", kept, at("homes/bob/secret")),
            ("what bob said", said, at("homes/bob/conversation.json")),
        ] {
            canaries.push(Canary { what, bytes: text.into_bytes(), place });
        }
        let names = vec![Canary {
            what: "a name in the database",
            bytes: secret_name.into_bytes(),
            place: None,
        }];
        Self { engine, mallory, bob, canaries, names, _place: place, _socket: socket }
    }

    /// What the hostile agent says of its attempts.
    pub(crate) async fn report(&self) -> Value {
        let (status, text) = self.mallory.send(hyper::Method::GET, "/report", &[], None).await;
        assert!(status.is_success(), "{text}");
        serde_json::from_str(&text).expect("a report")
    }

    /// Everything of mallory's: her agent's report, what it printed, what is in her home.
    pub(crate) async fn everything_of_mallory(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut all = files_below(&self.engine.data.join("homes/mallory"));
        all.extend(files_below(&self.engine.data.join("logs/mallory")));
        let report = self.report().await.to_string().into_bytes();
        all.push((PathBuf::from("the report"), report));
        all
    }
}

/// A text that is nowhere else.
fn canary(begin: &str) -> String {
    let random = fs::read_to_string("/proc/sys/kernel/random/uuid").expect("randomness");
    format!("{begin}-{}", random.trim().replace('-', ""))
}

/// What everybody's agent is: mallory's is hostile, the others are the small one.
fn agent_files(agent: &str, user: Option<u32>) -> Place {
    let place = PathBuf::from(format!("{agent}-place"));
    fs::create_dir_all(&place).expect("made");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/agents");
    for name in ["hostile.py", "hostile_doors.py"] {
        fs::copy(sources.join(name), place.join(name)).expect("copied");
    }
    let shares = if user.is_some() || !crate::engine::is_root() {
        "export HOSTILE_SHARES_USER=1"
    } else {
        ":"
    };
    let script = format!(
        r#"case "$TEAMCLAW_WORKSPACE" in
mallory) while [ ! -e "$HOME/targets.json" ]; do sleep 0.05; done
     {shares}
     exec /usr/bin/python3 '{place}/hostile.py' ;;
*) exec '{agent}' demo-agent ;;
esac
"#,
        place = place.display(),
    );
    fs::write(place.join("agent"), script).expect("written");
    // So that only the walls protect what the engine's own user could change.
    for path in [&place, &place.join("agent"), &place.join("hostile.py"), &PathBuf::from(agent)] {
        chown(path, user, user).expect("owned");
    }
    Place(place)
}

/// A socket such as a container engine's: whoever is the engine's user may open it.
fn named_socket(place: &Path, user: Option<u32>) -> UnixListener {
    let path = place.join(SOCKET);
    let socket = UnixListener::bind(&path).expect("a socket");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("closed");
    chown(&path, user, user).expect("owned");
    socket
}

/// Tells the hostile agent where everything is.
async fn give_targets(engine: &Engine, place: &Path) {
    let data = &engine.data;
    let homes = data.join("homes");
    let home = homes.join("mallory");
    let until = Instant::now() + READY_WITHIN;
    while !home.is_dir() {
        assert!(Instant::now() < until, "mallory gets no home");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let text = |path: PathBuf| path.display().to_string();
    let usage = "usage/00000000000000000001.usage";
    let files =
        ["keys.json", "teamclaw.db", "teamclaw.db-wal", "pool.secret", "operator.json", usage];
    let address = engine.view("bob")["address"].as_str().expect("an address").to_owned();
    let port = |address: &str| address.rsplit(':').next().expect("a port").to_owned();
    let bobs = engine.processes_of("bob").pop().expect("bob's agent");
    let mut targets = json!({
        "TARGET_DATA": text(data.clone()),
        "TARGET_FILES": files.map(|name| text(data.join(name))).join(":"),
        "TARGET_ENGINE_PID": engine.pid().to_string(),
        "TARGET_OTHER_PID": bobs.to_string(),
        "TARGET_OTHER_HOME": text(homes.join("bob")),
        "TARGET_OTHER_PORT": port(&address),
        "TARGET_DOOR_PORT": port(&engine.url),
        "TARGET_LOGS": text(data.join("logs")),
        "TARGET_HOME_OF_OWNER": text(data.clone()),
        "TARGET_SOCKET": text(place.join(SOCKET)),
    });
    if let Some(name) = claim(fs::metadata(homes.join("bob")).expect("bob's home").uid()) {
        targets["TARGET_ABSTRACT"] = json!(name);
    }
    fs::write(home.join("targets.new"), targets.to_string()).expect("the targets");
    fs::rename(home.join("targets.new"), home.join("targets.json")).expect("the targets");
}

/// The name in the kernel's memory by which the engine claims the user ids around this one.
fn claim(uid: u32) -> Option<String> {
    let names = fs::read_to_string("/proc/net/unix").expect("the sockets");
    let bases = names.split_whitespace().filter_map(|word| word.strip_prefix("@teamclaw-uids-"));
    let base = bases.filter_map(|base| base.parse::<u32>().ok()).filter(|base| *base <= uid).max();
    base.map(|base| format!("teamclaw-uids-{base}"))
}

/// The secrets that the engine itself made.
fn made(engine: &Engine, people: [&Person; 3]) -> Vec<Canary> {
    let mut canaries = Vec::new();
    let mut keep = |what, bytes: &[u8], place: Option<&str>| {
        assert!(bytes.len() >= 16, "{what} is too short to be a secret");
        canaries.push(Canary { what, bytes: bytes.to_vec(), place: place.map(PathBuf::from) });
    };
    let operator = fs::read(engine.data.join("operator.json")).expect("the operator's file");
    let operator: Value = serde_json::from_slice(&operator).expect("JSON");
    let token = operator["token"].as_str().expect("a token");
    keep("the operator's token", token.as_bytes(), Some("operator.json"));
    let pool = fs::read(engine.data.join("pool.secret")).expect("the pool's secret");
    keep("the pool's secret", pool.trim_ascii(), Some("pool.secret"));
    for person in people {
        keep("a session", person.token.as_bytes(), None);
    }
    let bobs = engine.processes_of("bob").pop().expect("bob's agent");
    let environment = fs::read(format!("/proc/{bobs}/environ")).expect("bob's environment");
    for (what, name) in
        [("bob's lease", &b"TEAMCLAW_TOKEN="[..]), ("bob's pass", &b"TEAMCLAW_PASS="[..])]
    {
        let mut entries = environment.split(|byte| *byte == 0);
        let value = entries.find_map(|entry| entry.strip_prefix(name)).expect("in his environment");
        keep(what, value, None);
    }
    canaries
}

/// Every regular file below a directory, with what is in it.
pub(crate) fn files_below(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("a directory").flatten() {
            let (path, kind) = (entry.path(), entry.file_type().expect("a type"));
            if kind.is_dir() {
                directories.push(path);
            } else if kind.is_file() {
                // A file that is gone again holds nothing.
                if let Ok(bytes) = fs::read(&path) {
                    found.push((path, bytes));
                }
            }
        }
    }
    found
}

/// Whether these bytes are in those.
pub(crate) fn holds(bytes: &[u8], secret: &[u8]) -> bool {
    memchr::memmem::find(bytes, secret).is_some()
}
