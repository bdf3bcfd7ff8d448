//! A directory for one test, gone afterwards. Tests beside the sources and those in `tests/` share
//! this file, so it knows nothing of the rest.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The directory.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    /// A fresh one where the system keeps such things: whoever agents run as can get there.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("teamclaw-local-{}-{count}", std::process::id());
            let directory = std::env::temp_dir().join(name);
            match std::fs::create_dir(&directory) {
                Ok(()) => return Self(directory),
                // Left over from a process of the same number.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => panic!("no fresh directory: {error}"),
            }
        }
    }

    /// A place in it.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left over in the system's directory for such things harms nobody.
        let _left = std::fs::remove_dir_all(&self.0);
    }
}
