//! `teamclaw up` as a process of its own, on a data directory of its own, with a provider that
//! knows what it answered.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use events::Secret;
use serde_json::Value;
use sidecar::stand_in::StandIn;
use tokio::net::TcpListener;
use tokio::time::Instant;

pub(crate) use super::ground::{PROGRAM, as_user, is_root, scratch, small_agent};
use super::ground::{agents_logs, ports};

/// Far longer than `up` takes to answer on a busy machine.
const UP_WITHIN: Duration = Duration::from_secs(60);
/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What differs from one test's engine to another's.
pub(crate) struct Setup {
    /// The pool's key, which the provider takes.
    pub(crate) key: Secret,
    /// How much the engine logs.
    pub(crate) log: &'static str,
    /// Who runs it; `None` for whoever runs the test. It then runs the copy of [`small_agent`].
    pub(crate) user: Option<u32>,
    /// What its environment holds besides the test's own.
    pub(crate) environment: Vec<(String, String)>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            key: Secret::new("sk-stand-in-for-the-journey"),
            log: "info",
            user: None,
            environment: Vec::new(),
        }
    }
}

/// A running engine. Ending it stops every agent.
pub(crate) struct Engine {
    child: Child,
    setup: Setup,
    pub(crate) data: PathBuf,
    pub(crate) url: String,
    pub(crate) provider: Arc<StandIn>,
    arguments: Vec<String>,
    /// Where in the log the latest of its lives begins.
    begun_at: usize,
}

impl Engine {
    /// Starts one; `arguments` come after what every test needs.
    pub(crate) async fn start(name: &str, arguments: &[&str]) -> Self {
        let data = scratch(name);
        Self::start_on(data, arguments).await
    }

    /// Starts one on a directory that is there already.
    pub(crate) async fn start_on(data: PathBuf, arguments: &[&str]) -> Self {
        Self::start_with(data, Setup::default(), arguments).await
    }

    /// Starts one that differs from the usual.
    pub(crate) async fn start_with(data: PathBuf, setup: Setup, arguments: &[&str]) -> Self {
        let provider = StandIn::new([setup.key.clone()]);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(Arc::clone(&provider).serve(listener, std::future::pending::<()>()));
        let upstreams =
            ["anthropic", "openai"].map(|id| format!("--upstream={id}=http://{address}"));
        let mut all: Vec<String> =
            ["up", "--listen=127.0.0.1:0", "--log=text"].map(str::to_owned).into();
        all.push(format!("--data={}", data.display()));
        all.extend(upstreams);
        all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        if !arguments.iter().any(|argument| argument.starts_with("--agent-ports")) {
            all.push(format!("--agent-ports={}", ports()));
        }
        let (child, url) = up(&data, &setup, &all).await;
        let engine = Self { child, setup, data, url, provider, arguments: all, begun_at: 0 };
        for id in ["anthropic", "openai"] {
            engine.run_with_input(&["keys", "add", id], engine.setup.key.expose());
        }
        engine
    }

    /// Kills the engine without a word and starts it again on the same directory.
    pub(crate) async fn kill_and_start_again(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("reaped");
        let (child, url) = up(&self.data, &self.setup, &self.arguments).await;
        (self.child, self.url) = (child, url);
    }

    /// Kills the engine without a word and begins to start it again, and does not wait for it.
    pub(crate) fn kill_and_begin_again(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("reaped");
        self.begin_again();
    }

    /// Begins to start it again after it has ended, and does not wait for it.
    pub(crate) fn begin_again(&mut self) {
        self.begun_at = self.log().len();
        self.child = begin(&self.data, &self.setup, &self.arguments);
    }

    /// Whether it comes up after it was begun again; otherwise it has ended, which it must within
    /// this time.
    pub(crate) async fn is_up_within(&mut self, within: Duration) -> bool {
        let until = Instant::now() + within;
        // The banner comes last, after everything that can still fail.
        while !self.log()[self.begun_at..].contains("TeamClaw is up") {
            if self.ended().is_some() {
                return false;
            }
            assert!(Instant::now() < until, "neither up nor ended:\n{}", self.log());
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.until_up().await;
        true
    }

    /// Waits until it is up.
    pub(crate) async fn until_up(&mut self) {
        self.url = come_up(&mut self.child, &self.data).await;
    }

    /// Another process is the engine from now on; the one before has ended.
    pub(crate) fn replace_by(&mut self, other: Child) {
        self.child = other;
    }

    /// How it was started.
    pub(crate) fn arguments(&self) -> &[String] {
        &self.arguments
    }

    /// Where it is and its operator's token, once it is up.
    pub(crate) fn operator(&self) -> Option<(String, String)> {
        operator(&self.data)
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().expect("looked at")
    }

    /// Changes how it is started the next time.
    pub(crate) fn replace_argument(&mut self, old: &str, new: &str) {
        let place = self.arguments.iter_mut().find(|argument| *argument == old);
        new.clone_into(place.expect("it was there"));
    }

    /// The engine's process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that the engine has logged and printed.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.data.with_extension("log")).expect("a log")
    }

    /// Runs a command on this engine.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().expect("run")
    }

    /// Runs a command that must work, and reads its JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {text}{error}");
        serde_json::from_str(&text).unwrap_or_else(|why| panic!("{arguments:?}: {why}: {text}"))
    }

    /// Runs a command that reads this; how it ended and all that it said.
    pub(crate) fn said_to(&self, arguments: &[&str], input: &str) -> (Option<i32>, String) {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("run");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("written");
        let Output { status, stdout, stderr } = child.wait_with_output().expect("ended");
        let said = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        (status.code(), said.concat())
    }

    fn run_with_input(&self, arguments: &[&str], input: &str) {
        let mut command = self.command(arguments);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        let mut child = child.expect("run");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(input.as_bytes()).expect("written");
        drop(stdin);
        assert!(child.wait().expect("ended").success(), "{arguments:?}");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).env("TEAMCLAW_DATA", &self.data).env_remove("TEAMCLAW_URL");
        command
    }

    /// What `status USER` says.
    pub(crate) fn view(&self, user: &str) -> Value {
        self.json(&["status", user, "--format", "json"])
    }

    /// Where a workspace stands.
    pub(crate) fn status(&self, user: &str) -> String {
        self.view(user)["status"].as_str().expect("a status").to_owned()
    }

    /// Waits until a workspace stands there.
    pub(crate) async fn wait_for(&self, user: &str, status: &str, within: Duration) {
        let until = Instant::now() + within;
        loop {
            let now = self.status(user);
            if now == status {
                return;
            }
            assert!(
                Instant::now() < until,
                "{user} is {now}, not {status}:\n{}\n{}",
                String::from_utf8_lossy(&self.run(&["events", user]).stdout),
                self.view(user)["logTail"].as_str().unwrap_or_default(),
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The types of a workspace's events, in order, without prefix and version.
    pub(crate) fn event_names(&self, user: &str) -> Vec<String> {
        let output = self.run(&["events", user, "--format", "json"]);
        let text = String::from_utf8(output.stdout).expect("text");
        let name = |line: &str| {
            let event: Value = serde_json::from_str(line).expect("an event");
            let event = event.get("event").unwrap_or(&event);
            let name = event["type"].as_str().expect("a type");
            name.trim_start_matches("teamclaw.").trim_end_matches(".v1").to_owned()
        };
        text.lines().map(name).collect()
    }

    /// The processes of agents of this engine: their home is in its data directory.
    pub(crate) fn agent_processes(&self) -> Vec<u32> {
        self.processes_with(&format!("HOME={}/", self.data.join("homes").display()))
    }

    /// The processes of one person's agent.
    pub(crate) fn processes_of(&self, user: &str) -> Vec<u32> {
        self.processes_with(&format!("HOME={}\0", self.data.join("homes").join(user).display()))
    }

    fn processes_with(&self, home: &str) -> Vec<u32> {
        let entries = fs::read_dir("/proc").expect("proc").flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let is_agent = |pid: &u32| {
            fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(home))
        };
        let mut pids: Vec<u32> = pids.filter(is_agent).collect();
        pids.sort_unstable();
        pids
    }
}

async fn up(data: &Path, setup: &Setup, arguments: &[String]) -> (Child, String) {
    let mut child = begin(data, setup, arguments);
    let url = come_up(&mut child, data).await;
    (child, url)
}

/// Waits until a process that was started as the engine is up, and gives where.
async fn come_up(child: &mut Child, data: &Path) -> String {
    let until = Instant::now() + UP_WITHIN;
    loop {
        if let Some((url, _)) = operator(data) {
            return url;
        }
        let ended = child.try_wait().expect("looked at");
        let log = fs::read_to_string(data.with_extension("log")).unwrap_or_default();
        assert!(ended.is_none() && Instant::now() < until, "up did not come up:\n{log}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Starts `up` and does not wait for it. What it says is added to the log.
fn begin(data: &Path, setup: &Setup, arguments: &[String]) -> Child {
    drop(fs::remove_file(data.join("operator.json")));
    fs::create_dir_all(data.parent().expect("a parent")).expect("made");
    let log = fs::OpenOptions::new().create(true).append(true).open(data.with_extension("log"));
    let log = log.expect("a log");
    let mut command = match setup.user {
        Some(user) => as_user(&data.with_extension("program"), user),
        None => Command::new(PROGRAM),
    };
    command
        .args(arguments)
        .env("TEAMCLAW_LOG", setup.log)
        .envs(setup.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("cloned"))
        .stderr(log)
        .spawn()
        .expect("started")
}

/// Where the engine on this directory is, and its operator's token, once it is up.
pub(crate) fn operator(data: &Path) -> Option<(String, String)> {
    let text = fs::read(data.join("operator.json")).ok()?;
    let file: Value = serde_json::from_slice(&text).ok()?;
    Some((file["url"].as_str()?.to_owned(), file["token"].as_str()?.to_owned()))
}

impl Drop for Engine {
    #[expect(clippy::print_stdout, reason = "the harness shows it with a test that failed")]
    fn drop(&mut self) {
        // Ctrl-C: agents are stopped, too.
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
        if let Some(pid) = pid.filter(|_| matches!(self.child.try_wait(), Ok(None))) {
            rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("asked to end");
        }
        drop(self.child.wait());
        if std::thread::panicking() {
            let log = fs::read_to_string(self.data.with_extension("log")).unwrap_or_default();
            println!("the engine said:\n{log}");
            for log in agents_logs(&self.data) {
                println!("{log}");
            }
        }
        for path in [self.data.clone(), self.data.with_extension("log")] {
            drop(fs::remove_dir_all(&path));
            drop(fs::remove_file(&path));
        }
        drop(fs::remove_file(self.data.with_extension("program")));
    }
}
