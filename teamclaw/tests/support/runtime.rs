//! Where OpenClaw is for the tests that run it. It installs nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::engine::is_root;

/// Where `scripts/test` installs Node and OpenClaw; a copy of it where agents with users of their
/// own could not get to it.
pub(crate) fn runtime() -> PathBuf {
    static RUNTIME: OnceLock<PathBuf> = OnceLock::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let runtime = root.join(".cache/runtime");
    assert!(
        runtime.join("node_modules/openclaw").is_dir(),
        "{} is not there: run scripts/test once, which installs it",
        runtime.display()
    );
    let passable =
        |path: &Path| fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o001 != 0);
    if !is_root() || runtime.ancestors().all(passable) {
        return runtime;
    }
    RUNTIME.get_or_init(|| reachable_copy(&runtime)).clone()
}

/// The copy is kept for the next run: it is large, and the same as long as the lock is.
fn reachable_copy(runtime: &Path) -> PathBuf {
    let copy = PathBuf::from("/var/lib/teamclaw-test-runtime");
    let lock = |place: &Path| fs::read(place.join("installed.json")).ok();
    if lock(&copy) != lock(runtime) {
        drop(fs::remove_dir_all(&copy));
        let copied = Command::new("cp").arg("-a").arg(runtime).arg(&copy).status().expect("cp");
        assert!(copied.success(), "no copy of {} in {}", runtime.display(), copy.display());
    }
    copy
}
