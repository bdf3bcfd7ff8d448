//! A fresh data directory for one measurement, gone afterwards.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::Failure;

/// The directory.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Makes one below `data`. Two runs at the same time do not meet.
    pub(super) fn new(data: &Path) -> Result<Self, Failure> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = data.join(format!("{}-{count}", std::process::id()));
        std::fs::create_dir_all(&path)
            .map_err(|error| format!("cannot create {}: {error}; see --data", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left over is in a directory that is for this alone.
        let _left = std::fs::remove_dir_all(&self.0);
    }
}
