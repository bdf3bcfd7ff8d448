//! The ground on which a test's engine stands: a directory and ports of its own, the small agent,
//! and who runs what.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// The command under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_teamclaw");

/// The usual range of agents' ports (`local::compute`), cut into slots.
const PORT_FIRST: u32 = 20_000;
const PORT_SLOTS: u32 = 100;
const PORTS_EACH: u32 = 40;

/// A data directory that is gone afterwards.
pub(crate) fn scratch(name: &str) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::SeqCst);
    let path = std::env::temp_dir()
        .join(format!("teamclaw-journey-{}-{number}-{name}", std::process::id()));
    drop(fs::remove_dir_all(&path));
    path
}

/// Agents' ports of one engine's own: engines know nothing of each other, and tests run side by
/// side.
pub(super) fn ports() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let slot = (std::process::id() + NUMBER.fetch_add(1, Ordering::SeqCst)) % PORT_SLOTS;
    let first = PORT_FIRST + slot * PORTS_EACH;
    format!("{first}-{}", first + PORTS_EACH - 1)
}

/// The built-in small agent as a command of one's own, from a place that every user can reach.
pub(crate) fn small_agent(data: &Path) -> String {
    let program = data.with_extension("program");
    // Not by this process: a test beside this one that starts something just now would hand the
    // copy down open for writing, and the kernel runs no such file.
    let copied = Command::new("cp").arg(PROGRAM).arg(&program).status().expect("cp");
    assert!(copied.success(), "a copy of the command");
    program.display().to_string()
}

/// A command as another user, without any of root's groups (std empties them) and root's home.
pub(crate) fn as_user(program: &Path, user: u32) -> Command {
    let mut command = Command::new(program);
    command.uid(user).gid(user).env("HOME", std::env::temp_dir());
    command
}

/// Whether the test itself is root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The ends of all agents' logs.
pub(super) fn agents_logs(data: &Path) -> Vec<String> {
    let logs = fs::read_dir(data.join("logs")).into_iter().flatten().flatten();
    let logs = logs.filter_map(|entry| fs::read_to_string(entry.path().join("agent.log")).ok());
    let end = |text: String| {
        let skip = text.lines().count().saturating_sub(60);
        text.lines().skip(skip).collect::<Vec<_>>().join("\n")
    };
    logs.map(end).collect()
}
