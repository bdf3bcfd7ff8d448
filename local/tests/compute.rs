//! What processes of this machine add to the promises of every compute: no orphan, adoption after
//! a restart, nothing that outlives a stop, nobody else taken for the agent.

mod rig;

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ports::{Compute, Fault, TaskStatus};
use rig::{PROGRAM, Rig, SERVER, Scratch, agent_is, ports, processes_in, runs, until};

const GRACE: Duration = Duration::from_secs(5);

fn is_root() -> bool {
    std::fs::metadata("/proc/self").expect("/proc").uid() == 0
}

fn pid_in(home: &str, file: &str) -> Option<i32> {
    std::fs::read_to_string(Path::new(home).join(file)).ok()?.trim().parse().ok()
}

#[tokio::test]
async fn a_launcher_whose_engine_dies_before_go_ends_and_runs_nothing() {
    let mut launcher = Command::new(PROGRAM)
        .arg("task")
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a launcher");
    // Half a message is no go either: the engine died while it wrote.
    let mut pipe = launcher.stdin.take().expect("its input");
    std::io::Write::write_all(&mut pipe, br#"{"environment":{},"#).expect("half a message");
    assert!(launcher.try_wait().expect("an answer").is_none(), "it waits");
    drop(pipe);
    let status = until(async || launcher.try_wait().expect("an answer")).await;
    assert!(!status.success());
}

/// The engine is killed at many moments of a start, those between spawn and go among them. After
/// each, what runs is on record, and what is not on record does not run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_killed_at_any_moment_of_a_start_leaves_no_orphan() {
    for pause in (0..24).map(|step| Duration::from_millis(step * 8)) {
        let data = Arc::new(Scratch::new());
        let range = ports(4);
        let mut engine = Command::new(PROGRAM)
            .arg("engine")
            .arg(&data.0)
            .args([range.start().to_string(), range.end().to_string()])
            .arg("ann")
            .env("AGENT_TEAMCLAW_AGENT", "echo $$ > $HOME/pid; exec sleep 1000")
            .env("UID_BASE", rig::uid_base(&data.0).to_string())
            .env("AGENT_PATH", "/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program");
        // From the moment at which it can have begun with the start.
        let home = data.0.join("homes/ann");
        until(async || home.exists().then_some(())).await;
        tokio::time::sleep(pause).await;
        engine.kill().expect("killed");
        engine.wait().expect("gone");
        let rig = Rig::with(Arc::clone(&data), |settings| agent_is(settings, SERVER)).await;
        let live = rig.processes.list().await.expect("a list");
        until(async || {
            let running = processes_in(&home);
            let live = rig.processes.list().await.expect("a list");
            (running.len() == live.len()).then_some(())
        })
        .await;
        assert!(live.len() <= 1);
        // A redelivered message ends in one task, whatever was there before.
        let spec = rig.spec("ann", 1, 1).await;
        let id = rig.processes.run(&spec).await.expect("the one or a new one");
        assert!(rig.status(&id).await.is_some());
        assert!(rig.stop(&spec, GRACE).await);
        assert_eq!(processes_in(&home), Vec::<i32>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_task_is_adopted_after_a_restart_and_can_be_stopped() {
    let mut first = Rig::new(SERVER).await;
    let spec = first.spec("ann", 1, 1).await;
    let id = first.processes.run(&spec).await.expect("started");
    let address = first.until_listening(&id).await;
    let before = processes_in(Path::new(&spec.home));
    let data = Arc::clone(&first.data);
    first = restarted(first, data).await;
    let task = first.status(&id).await.expect("still known");
    assert_eq!(task.status, TaskStatus::Listening(address));
    assert_eq!(processes_in(Path::new(&spec.home)), before, "the same process");
    assert_eq!(first.processes.run(&spec).await.expect("the same"), id);
    assert!(first.stop(&spec, GRACE).await);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_ended_while_the_engine_was_away_is_told_as_ended() {
    let first = Rig::new("echo $$ > $HOME/pid; exec sleep 1000").await;
    let spec = first.spec("ann", 1, 1).await;
    let id = first.processes.run(&spec).await.expect("started");
    let pid = until(async || pid_in(&spec.home, "pid")).await;
    let data = Arc::clone(&first.data);
    // The other engine is started while this one is there no more to see it.
    gone(first).await;
    kill(pid);
    until(async || (!runs(pid)).then_some(())).await;
    let second = Rig::with(data, |settings| agent_is(settings, SERVER)).await;
    second.until_stopped(&id).await;
    let told = second.processes.changes(GRACE).await.expect("changes");
    assert!(told.iter().any(|task| task.id == id));
    assert_eq!(second.processes.list().await.expect("a list"), Vec::new());
}

/// Ends an engine without its tasks, as a crash does.
async fn gone(rig: Rig) {
    let keepers = Arc::downgrade(&rig.local.database());
    drop(rig);
    until(async || (keepers.strong_count() == 0).then_some(())).await;
}

async fn restarted(rig: Rig, data: Arc<Scratch>) -> Rig {
    gone(rig).await;
    Rig::with(data, |settings| agent_is(settings, SERVER)).await
}

fn kill(pid: i32) {
    let done = Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill");
    assert!(done.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_ignores_the_request_is_ended_by_force_with_its_children() {
    let agent = "trap '' TERM; sleep 1000 & echo $! > $HOME/child; echo $$ > $HOME/pid; \
                 while :; do sleep 1; done";
    let rig = Rig::new(agent).await;
    let spec = rig.spec("ann", 1, 1).await;
    let id = rig.processes.run(&spec).await.expect("started");
    let leader = until(async || pid_in(&spec.home, "pid")).await;
    let child = pid_in(&spec.home, "child").expect("a child");
    assert!(rig.stop(&spec, Duration::from_millis(300)).await);
    assert!(!runs(leader) && !runs(child));
    rig.until_stopped(&id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_agent_left_running_ends_with_it_even_in_a_session_of_its_own() {
    // Without a user of its own, a process that left the session and lost its parent is not told
    // from the person's; the confinement report says so.
    let escape = if is_root() { "setsid" } else { "" };
    let agent = format!(
        "{escape} sh -c 'echo $$ > $HOME/escaped; exec sleep 1000' & \
         while [ ! -s $HOME/escaped ]; do sleep 0.05; done; sleep 0.2; exit 7"
    );
    let rig = Rig::new(&agent).await;
    let spec = rig.spec("ann", 1, 1).await;
    let id = rig.processes.run(&spec).await.expect("started");
    let reason = rig.until_stopped(&id).await;
    assert!(reason.words.contains("code Some(7)"), "{reason}");
    let escaped = pid_in(&spec.home, "escaped").expect("it ran");
    assert!(!runs(escaped));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_else_at_the_port_is_never_taken_for_the_agent() {
    // The agent waits; a squatter takes the port after the start and before the agent.
    let rig = Rig::new("exec sleep 1000").await;
    let spec = rig.spec("ann", 1, 1).await;
    let id = rig.processes.run(&spec).await.expect("started");
    let port = until(async || leased_port(&rig).await).await;
    let squatter = std::net::TcpListener::bind(("127.0.0.1", port)).expect("a squatter");
    // Many looks of the keeper, and still no address.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let status = rig.status(&id).await.expect("known").status;
    assert_eq!(status, TaskStatus::Starting);
    drop(squatter);
    assert!(rig.stop(&spec, GRACE).await);
}

/// The port that the one running agent was told, as the kernel shows its environment.
async fn leased_port(rig: &Rig) -> Option<u16> {
    let look = |look: &rusqlite::Connection| {
        Ok(look.query_row("SELECT port FROM tasks WHERE live AND pid IS NOT NULL", [], |row| {
            row.get(0)
        })?)
    };
    rig.local.database().read(look).await.ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_port_is_passed_over_and_when_none_is_left_it_is_said_which() {
    let data = Arc::new(Scratch::new());
    let range = ports(2);
    let settings = range.clone();
    let rig = Rig::with(data, move |change| {
        change.ports = settings;
        agent_is(change, SERVER);
    })
    .await;
    let held = |port| std::net::TcpListener::bind(("127.0.0.1", port)).expect("a squatter");
    let one = held(*range.end());
    let spec = rig.spec("ann", 1, 1).await;
    let id = rig.processes.run(&spec).await.expect("the other port");
    assert_eq!(rig.until_listening(&id).await.port(), *range.start());
    assert!(rig.stop(&spec, GRACE).await);
    let two = held(*range.start());
    let spec = rig.spec("ann", 2, 1).await;
    let fault = rig.processes.run(&spec).await.expect_err("no port is left");
    assert!(matches!(fault, Fault::NoCapacity { .. }), "{fault:?}");
    let words = fault.to_string();
    for part in [range.start().to_string(), format!("process {}", std::process::id())] {
        assert!(words.contains(&part), "{words}");
    }
    drop((one, two));
    rig.processes.run(&spec).await.expect("the same start works once there is room");
    assert!(rig.stop(&spec, GRACE).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_ends_by_itself_says_why_with_the_end_of_its_own_log() {
    let rig = Rig::new(
        "if [ -e $HOME/again ]; then echo second; else echo first; fi; \
                        touch $HOME/again; exit 3",
    )
    .await;
    for (attempt, said, not_said) in [(1, "first", "second"), (2, "second", "first")] {
        let spec = rig.spec("ann", 1, attempt).await;
        let id = rig.processes.run(&spec).await.expect("started");
        let words = rig.until_stopped(&id).await.words;
        assert!(words.contains("code Some(3)") && words.contains(said), "{words}");
        assert!(!words.contains(not_said), "the words of an earlier start: {words}");
    }
    let id = "ann".parse().expect("a name");
    let log = rig.processes.log_tail(&id, 1000).expect("a log");
    assert_eq!(log, "first\nsecond\n");
    let file = rig.data.0.join("logs/ann/agent.log");
    let mode = std::fs::metadata(file).expect("the log").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_gets_what_belongs_to_its_task_and_nothing_of_the_engine() {
    let rig = Rig::new("env > $HOME/.env; mv $HOME/.env $HOME/env; exec sleep 1000").await;
    let spec = rig.spec("ann", 1, 1).await;
    rig.processes.run(&spec).await.expect("started");
    let path = Path::new(&spec.home).join("env");
    let seen = until(async || std::fs::read_to_string(&path).ok()).await;
    for line in [
        "TEAMCLAW_WORKSPACE=ann",
        "TEAMCLAW_TOKEN=the-token-of-the-lease",
        "TEAMCLAW_PASS=x-the-pass",
        "TEAMCLAW_SIDECAR=http://127.0.0.1:19999",
        &format!("TEAMCLAW_HOME={}", spec.home),
        &format!("TMPDIR={}/tmp", spec.home),
    ] {
        assert!(seen.lines().any(|seen| seen == line), "{line} is missing in\n{seen}");
    }
    let strangers = seen.lines().filter(|line| line.starts_with("CARGO")).count();
    assert_eq!(strangers, 0, "the tests' own environment came through:\n{seen}");
    assert!(rig.stop(&spec, GRACE).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_launcher_that_is_missing_is_said_at_the_start_of_the_engine() {
    let data = Scratch::new();
    let local = local::Local::open(&data.0).expect("a data directory");
    let mut settings = rig::settings(&data.0);
    settings.launcher = vec!["/no/such/program".into()];
    let opened = local::compute::Processes::open(local.database(), settings).await;
    let Err(fault) = opened else { panic!("it is missing") };
    assert!(matches!(fault, Fault::Refused(_)), "{fault}");
}

/// An inventory is of what is ours: neither a program that somebody runs beside us, even in an
/// agent's home and with its name, nor another engine's agent of the same name is seen or ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_run_is_neither_listed_nor_stopped() {
    let (ours, theirs) = (Rig::new(SERVER).await, Rig::new(SERVER).await);
    let (spec, their_spec) = (ours.spec("ann", 1, 1).await, theirs.spec("ann", 3, 1).await);
    let id = ours.processes.run(&spec).await.expect("started");
    let their_id = theirs.processes.run(&their_spec).await.expect("started");
    let mut foreign = Command::new("/bin/sleep")
        .arg("1000")
        .env("TEAMCLAW_PORT", "1")
        .env("TEAMCLAW_WORKSPACE", "ann")
        .current_dir(&ours.data.0)
        .stdin(Stdio::null())
        .spawn()
        .expect("somebody's program");
    theirs.until_listening(&their_id).await;
    let listed = ours.processes.list().await.expect("listed");
    assert_eq!(listed.into_iter().map(|task| task.id).collect::<Vec<_>>(), [id]);
    let (all, most) = (events::Gen(u64::MAX), events::Attempt(u32::MAX));
    let gone = ours.processes.stop(&spec.workspace, all, most, GRACE).await;
    assert!(gone.expect("an answer"));
    assert!(foreign.try_wait().expect("an answer").is_none(), "somebody's program runs on");
    let still = theirs.status(&their_id).await.expect("known");
    assert!(matches!(still.status, TaskStatus::Listening(_)), "{:?}", still.status);
    foreign.kill().expect("ours to end");
    foreign.wait().expect("ended");
    assert!(theirs.stop(&their_spec, GRACE).await);
}
