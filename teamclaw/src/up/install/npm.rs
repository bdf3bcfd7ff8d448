//! npm as a child process: found, run with a time limit, and its last words kept for the person.

use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use crate::problem::Problem;

/// Exactly what the lock says, no package's scripts, no questions to other services.
const ARGUMENTS: [&str; 5] = ["ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund"];

/// How much of the end of npm's errors is shown: some lines.
const TAIL_BYTES_MAX: usize = 2 * 1024;

/// OpenClaw says its version within two seconds; a busy machine needs longer.
const FIRST_RUN_TIMEOUT: Duration = Duration::from_secs(120);

/// Why there is no installation.
#[derive(Debug, Error)]
pub(super) enum Failure {
    /// The program cannot be run.
    #[error("{program} cannot be run: {source}")]
    NotRun {
        /// Which.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It ended with an error.
    #[error("{tail}")]
    Ended {
        /// The end of what it wrote.
        tail: String,
    },
    /// It took too long and was ended.
    #[error("it did not end in time; the last it said: {tail}")]
    TooSlow {
        /// The end of what it wrote.
        tail: String,
    },
}

impl Failure {
    /// In words for the person.
    pub(super) fn problem(self, limit: Duration) -> Problem {
        let what = match &self {
            Self::NotRun { .. } => "npm or Node cannot be run".to_owned(),
            Self::Ended { .. } => "npm could not install OpenClaw".to_owned(),
            Self::TooSlow { .. } => {
                format!("npm did not install OpenClaw within {} minutes", limit.as_secs() / 60)
            }
        };
        let why = self.to_string();
        let do_this = hint(&why);
        Problem::new(what, why, do_this)
    }
}

/// What helps, by npm's own error codes.
fn hint(words: &str) -> &'static str {
    let has = |codes: &[&str]| codes.iter().any(|code| words.contains(code));
    if has(&["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH"]) {
        "npm does not reach its registry: check the network, HTTPS_PROXY, and \
         `npm config get registry`; --demo needs no network"
    } else if has(&["ENOSPC"]) {
        "the disk is full: make room (1 GB is enough) and run this again"
    } else if has(&["EINTEGRITY"]) {
        "the registry gave a file that is not the one that was pinned: check \
         `npm config get registry`, clean npm's cache with `npm cache clean --force`, run this again"
    } else if has(&["E401", "E403"]) {
        "the registry wants a log-in: check `npm config get registry` and `npm login`"
    } else {
        "read what npm says above, and run this again; --agent CMD and --demo need no npm"
    }
}

/// The first npm of a search path.
pub(super) fn find(path: &OsStr) -> Option<PathBuf> {
    let runs = |file: &PathBuf| {
        file.metadata()
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(path).map(|dir| dir.join("npm")).find(runs)
}

/// Installs what the lock in `dir` says.
pub(super) async fn install(
    npm: &Path,
    dir: &Path,
    path: &OsStr,
    limit: Duration,
) -> Result<(), Failure> {
    let mut command = Command::new(npm);
    command.args(ARGUMENTS).current_dir(dir).env("PATH", path);
    run(command, npm, limit).await.map(drop)
}

/// Runs OpenClaw once, as the owner of its files, and gives what it says of its version.
pub(super) async fn first_run(node: &Path, entry: &Path, dir: &Path) -> Result<String, Failure> {
    let scratch = dir.join("first-run");
    let mut command = Command::new(node);
    command.arg(entry).arg("--version").current_dir(dir).env("HOME", &scratch);
    command.env("OPENCLAW_STATE_DIR", &scratch).env("OPENCLAW_NO_RESPAWN", "1");
    let said = run(command, node, FIRST_RUN_TIMEOUT).await;
    // Whether it made the directory is its own matter.
    let _ = std::fs::remove_dir_all(&scratch);
    said
}

/// Runs a program to its end and gives the end of its output.
async fn run(mut command: Command, program: &Path, limit: Duration) -> Result<String, Failure> {
    let not_run = |source| Failure::NotRun { program: program.display().to_string(), source };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(not_run)?;
    let (mut said, mut failed) = (Vec::new(), Vec::new());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let whole = async {
        tokio::join!(keep_tail(stdout, &mut said), keep_tail(stderr, &mut failed));
        child.wait().await
    };
    let ended = tokio::time::timeout(limit, whole).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let tail = text(&failed);
    match ended {
        Err(_) => Err(Failure::TooSlow { tail }),
        Ok(Err(source)) => Err(not_run(source)),
        Ok(Ok(status)) if status.success() => Ok(text(&said)),
        Ok(Ok(status)) if tail.is_empty() => Err(Failure::Ended { tail: status.to_string() }),
        Ok(Ok(_)) => Err(Failure::Ended { tail }),
    }
}

/// Reads to the end and keeps the last of it.
async fn keep_tail(from: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut from) = from else { return };
    let mut buffer = [0; 4096];
    // A pipe that cannot be read has nothing more to say.
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..read]);
        let over = kept.len().saturating_sub(TAIL_BYTES_MAX);
        kept.drain(..over);
    }
}
