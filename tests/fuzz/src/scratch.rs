//! Where targets put the files that they have read. One directory a process; `run` and the tests
//! clear it away.

use std::path::PathBuf;

/// The directory of this process. It may not be there yet.
pub fn directory() -> PathBuf {
    std::env::temp_dir().join(format!("teamclaw-fuzz-{}", std::process::id()))
}
