//! What the real `teamclaw up` costs while a thousand people's agents sleep: memory, and CPU time
//! for doing nothing.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::args::EngineArgs;
use super::machine::Machine;
use super::report::{Report, number};
use super::scratch::Scratch;
use super::{Failure, built, process, progress};

/// Resident, in millions of bytes.
const MEMORY_MAX: f64 = 60.0;
/// Of one core, in percent.
const IDLE_CPU_MAX: f64 = 1.0;
/// How long the start may take.
const UP_WITHIN: Duration = Duration::from_secs(60);
/// How often it is looked whether it is up.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// What `up` writes when its front door answers.
const OPERATOR_FILE: &str = "operator.json";

/// Puts the workspaces to sleep, starts the program on their data directory and watches it do
/// nothing.
///
/// # Errors
/// What kept it from being measured: a program that does not build or does not come up.
pub(super) async fn measure(args: &EngineArgs, report: &mut Report) -> Result<(), Failure> {
    let people = args.sized(1_000, 5);
    let program = built("teamclaw").await?;
    let scratch = Scratch::new(&args.data)?;
    let data = scratch.path().join("data");
    progress(&format!("memory: {people} workspaces are made and put to sleep"));
    let mut machine = Machine::start(&data)?;
    machine.log_all_in(people).await?;
    machine.stop_all(people).await?;
    machine.end().await;
    // Two idle checks and a sweep are in it.
    let lasting = args.sized(Duration::from_secs(62), Duration::from_secs(1));
    progress(&format!("memory: teamclaw up is watched for {} s", lasting.as_secs()));
    let mut up = up(&program, &data, scratch.path()).await?;
    let pid = up.id().ok_or("teamclaw up ended by itself")?;
    let (before, began) = (process::cpu(pid)?, Instant::now());
    sleep(lasting).await;
    let spent = process::cpu(pid)? - before;
    let percent = spent.as_secs_f64() / began.elapsed().as_secs_f64() * 100.0;
    let memory = process::memory(pid)?;
    up.kill().await?;
    let (rss, pss) = (memory.rss as f64 / 1e6, memory.pss as f64 / 1e6);
    let row = vec![format!("{people} asleep"), number(rss), number(pss), number(percent)];
    report.table(
        "teamclaw up at rest",
        &["workspaces", "RSS MB", "PSS MB", "% of a core"],
        vec![row],
    );
    let what = format!("teamclaw up with {people} sleeping workspaces");
    report.at_most(&format!("{what}, resident"), rss, MEMORY_MAX, "MB");
    report.at_most(&format!("{what}, at rest"), percent, IDLE_CPU_MAX, "% of a core");
    Ok(())
}

/// Starts the program and waits until its front door answers.
async fn up(program: &Path, data: &Path, scratch: &Path) -> Result<Child, Failure> {
    let log = scratch.join("up.log");
    let mut up = Command::new(program)
        .arg("up")
        .arg("--data")
        .arg(data)
        .args(["--listen", "127.0.0.1:0", "--agent", "sleep 1d"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log)?)
        .kill_on_drop(true)
        .spawn()?;
    let until = Instant::now() + UP_WITHIN;
    while !data.join(OPERATOR_FILE).exists() {
        if up.try_wait()?.is_some() || Instant::now() >= until {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            return Err(format!("teamclaw up does not come up:\n{said}").into());
        }
        sleep(LOOK_EVERY).await;
    }
    Ok(up)
}
