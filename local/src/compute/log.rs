//! What agents print: one file for each workspace, kept by the engine, closed to agents.
//!
//! An agent writes through the descriptor that the engine opened and cannot open the file itself.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use events::WorkspaceId;

use crate::homes::LOGS;

/// The longest log; a longer one is emptied. Agents that fail print the reason last.
pub const LOG_BYTES_MAX: u64 = 16 << 20;

const FILE: &str = "agent.log";

/// Where the logs of a workspace are.
pub(crate) fn directory(data: &Path, workspace: &WorkspaceId) -> PathBuf {
    data.join(LOGS).join(workspace.as_str())
}

/// The log of a workspace's agent.
pub(crate) fn path(data: &Path, workspace: &WorkspaceId) -> PathBuf {
    directory(data, workspace).join(FILE)
}

/// Opens the log for a start, emptied when it is too long; every write goes to its end.
pub(crate) fn open(data: &Path, workspace: &WorkspaceId) -> io::Result<File> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory(data, workspace))?;
    let path = path(data, workspace);
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    shorten(&file)?;
    Ok(file)
}

/// Empties the log of a running agent when it is too long.
pub(crate) fn trim(data: &Path, workspace: &WorkspaceId) -> io::Result<()> {
    shorten(&OpenOptions::new().append(true).open(path(data, workspace))?)
}

fn shorten(file: &File) -> io::Result<()> {
    // The agent's descriptor appends, so it goes on writing at the new end.
    if file.metadata()?.len() > LOG_BYTES_MAX { file.set_len(0) } else { Ok(()) }
}

/// The last bytes of the log from `start` on, at most `bytes`; nothing when there is no log.
pub(crate) fn tail(
    data: &Path,
    workspace: &WorkspaceId,
    start: u64,
    bytes: u64,
) -> io::Result<String> {
    let mut file = match File::open(path(data, workspace)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        other => other?,
    };
    let length = file.metadata()?.len();
    // After it was emptied, all of it is newer than `start`.
    let start = if start > length { 0 } else { start };
    file.seek(SeekFrom::Start(start.max(length.saturating_sub(bytes))))?;
    let mut text = Vec::new();
    file.take(bytes).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn a_long_log_is_emptied_and_what_is_printed_next_is_kept() {
        let data = Scratch::new();
        let (data, ann) = (data.path(""), "ann".parse().expect("a name"));
        let mut agents = open(&data, &ann).expect("a log");
        agents.write_all(b"old\n").expect("written");
        trim(&data, &ann).expect("short enough");
        assert_eq!(tail(&data, &ann, 0, 100).expect("read"), "old\n");
        agents.set_len(LOG_BYTES_MAX + 1).expect("long");
        trim(&data, &ann).expect("emptied");
        agents.write_all(b"new\n").expect("written");
        // The start of the task's part lay beyond the new end: all of it is the task's.
        assert_eq!(tail(&data, &ann, LOG_BYTES_MAX, 100).expect("read"), "new\n");
        assert_eq!(tail(&data, &ann, 0, 2).expect("read"), "w\n");
    }
}
