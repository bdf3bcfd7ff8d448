//! A directory for one test, gone afterwards.

use std::path::{Path, PathBuf};

use ports::Ids;

/// The directory.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        let name =
            format!("teamclaw-local-{}", crate::random::SystemIds::default().token().expose());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).expect("a fresh directory");
        Self(directory)
    }

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
