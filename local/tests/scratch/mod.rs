//! A directory for one test, gone afterwards.

use std::path::{Path, PathBuf};

use local::SystemIds;
use ports::Ids;

/// The directory.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// A fresh one below the build's own directory for such things.
    pub(crate) fn new() -> Self {
        let name = SystemIds::default().token();
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name.expose());
        std::fs::create_dir_all(&directory).expect("a fresh directory");
        Self(directory)
    }

    /// A place in it.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left over below the build directory harms nobody.
        let _left = std::fs::remove_dir_all(&self.0);
    }
}
