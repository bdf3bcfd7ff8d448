//! One child process: started with exactly the given environment, its output passed on, signals
//! passed to it, its ending told.
//!
//! It knows nothing of OpenClaw. The child stays in our session and process group, so that whoever
//! kills the group kills all of us.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::words::{EXIT_MISSING, Ending};

/// The lines kept for [`crate::words`].
const TAIL_LINES_MAX: usize = 30;

/// The bytes kept and passed on of one line; a line without an end must not fill the memory.
const LINE_BYTES_MAX: u64 = 16 * 1024;

/// What to run.
pub(crate) struct Job<'a> {
    pub(crate) program: &'a Path,
    pub(crate) arguments: &'a [String],
    pub(crate) environment: &'a BTreeMap<String, String>,
    pub(crate) directory: &'a Path,
}

/// How it went.
pub(crate) struct Outcome {
    pub(crate) ending: Ending,
    /// We were asked to stop meanwhile: the ending is wanted, whatever it is.
    pub(crate) asked: bool,
}

/// Runs the job to its end.
pub(crate) async fn supervise(job: &Job<'_>) -> io::Result<Outcome> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut child = match spawn(job) {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(missing(format!("{}: {error}", job.program.display())).await);
        }
        Err(error) => return Err(error),
    };
    let tail = Arc::new(Mutex::new(VecDeque::new()));
    let mut outputs = JoinSet::new();
    if let Some(stdout) = child.stdout.take() {
        outputs.spawn(pass_on(stdout, tail.clone()));
    }
    if let Some(stderr) = child.stderr.take() {
        outputs.spawn(pass_on(stderr, tail.clone()));
    }
    let mut asked = false;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            _ = terminate.recv() => tell(&child, Signal::TERM),
            _ = interrupt.recv() => tell(&child, Signal::INT),
        }
        asked = true;
    };
    // A grandchild may hold the pipes open; what it still says is nobody's ending.
    let _ =
        tokio::time::timeout(OUTPUT_GRACE, async { while outputs.join_next().await.is_some() {} })
            .await;
    let tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
    let tail = tail.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
    Ok(Outcome { ending: Ending { code: status.code(), signal: status.signal(), tail }, asked })
}

/// How long the rest of the output may take after the process has ended.
const OUTPUT_GRACE: std::time::Duration = std::time::Duration::from_millis(500);

fn spawn(job: &Job<'_>) -> io::Result<Child> {
    Command::new(job.program)
        .args(job.arguments)
        .env_clear()
        .envs(job.environment)
        .current_dir(job.directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// The outcome of a program that is not there, for which we say so in the log.
pub(crate) async fn missing(tail: String) -> Outcome {
    write_line(&tail).await;
    Outcome { ending: Ending { code: Some(EXIT_MISSING), signal: None, tail }, asked: false }
}

fn tell(child: &Child, signal: Signal) {
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(pid) = pid {
        // It may have ended this moment, which `wait` will tell.
        let _ = kill_process(pid, signal);
    }
}

/// Writes a line to our own stderr, which the engine keeps as the workspace's log. Nobody may
/// listen; that is no reason to stop.
pub(crate) async fn write_line(line: &str) {
    let mut stderr = tokio::io::stderr();
    let _ = stderr.write_all(format!("{line}\n").as_bytes()).await;
    let _ = stderr.flush().await;
}

/// Passes every line on to our own stderr, and ends a last one that has no end.
async fn pass_on(from: impl AsyncRead + Unpin, tail: Arc<Mutex<VecDeque<String>>>) {
    let mut lines = BufReader::new(from);
    let mut stderr = tokio::io::stderr();
    loop {
        let mut line = Vec::new();
        let mut limited = tokio::io::AsyncReadExt::take(&mut lines, LINE_BYTES_MAX);
        match limited.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            // The last words may lack their end; what we say next is to begin a line.
            Ok(length) if length < LINE_BYTES_MAX as usize && line.last() != Some(&b'\n') => {
                line.push(b'\n');
            }
            Ok(_) => {}
        }
        // Nobody may listen any more; the agent's work is not to stop for that.
        let _ = stderr.write_all(&line).await;
        let _ = stderr.flush().await;
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        if tail.len() == TAIL_LINES_MAX {
            tail.pop_front();
        }
        tail.push_back(text);
    }
}
