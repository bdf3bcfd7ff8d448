//! The engine's half of a launch: starts a launcher that waits, names it, and lets it go.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::kernel;
use super::launcher::{GO, Go};
use super::table::Started;

/// What of the settings' environment the launcher itself gets; the agent's comes over the pipe.
const LAUNCHER_ENVIRONMENT: [&str; 2] = ["PATH", "LANG"];

/// How a launcher is started.
pub(crate) struct Launch<'a> {
    /// The program and its arguments.
    pub(crate) launcher: &'a [OsString],
    /// Of which only the path and the language are taken.
    pub(crate) environment: &'a [(String, String)],
    /// The user that it becomes; its group has the same number.
    pub(crate) uid: Option<u32>,
    /// Where it starts.
    pub(crate) home: &'a Path,
}

/// A launcher that waits for the word. Dropping it ends it.
pub(crate) struct Held {
    child: Option<Child>,
    pub(crate) process: Started,
}

impl Launch<'_> {
    /// Starts the launcher, which then waits.
    pub(crate) fn hold(&self, stdout: Stdio, stderr: Stdio) -> io::Result<Held> {
        let (program, arguments) = self
            .launcher
            .split_first()
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no launcher is set"))?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(
                self.environment
                    .iter()
                    .filter(|(name, _)| LAUNCHER_ENVIRONMENT.contains(&name.as_str()))
                    .map(|(name, value)| (name, value)),
            )
            .current_dir(self.home)
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(stderr);
        if let Some(uid) = self.uid {
            // std also empties the supplementary groups when root changes the user; a test and
            // the launcher look whether it did.
            command.uid(uid).gid(uid);
        }
        let mut child = command.spawn()?;
        let named = i32::try_from(child.id()).map_err(io::Error::other).and_then(|pid| {
            // Nobody else reaps it, so the number is its own until we do.
            let process = kernel::process(pid).ok_or(io::ErrorKind::NotFound)?;
            Ok(Started { pid, started: process.started, boot: kernel::boot_id()? })
        });
        match named {
            Ok(process) => Ok(Held { child: Some(child), process }),
            Err(error) => {
                end(&mut child);
                Err(error)
            }
        }
    }
}

impl Held {
    /// Says go. A launcher that has died is not an error here: whoever watches it will see.
    pub(crate) fn go(mut self, go: &Go) -> io::Result<Child> {
        let mut message = serde_json::to_string(go).map_err(io::Error::other)?;
        message.push(GO);
        let mut child = self.child.take().ok_or(io::ErrorKind::NotFound)?;
        if let Some(mut pipe) = child.stdin.take()
            && let Err(error) = pipe.write_all(message.as_bytes())
        {
            tracing::debug!(%error, pid = child.id(), "the launcher does not listen");
        }
        Ok(child)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            end(&mut child);
        }
    }
}

/// Ends a launcher that must not go on, and takes note of it.
fn end(child: &mut Child) {
    drop(child.stdin.take());
    if let Err(error) = child.kill().and_then(|()| child.wait()) {
        tracing::warn!(%error, pid = child.id(), "a launcher that must not go cannot be ended");
    }
}

/// The log as standard output and error.
pub(crate) fn outputs(log: File) -> io::Result<(Stdio, Stdio)> {
    Ok((log.try_clone()?.into(), log.into()))
}
