//! What is done to the files of an installation: counted, opened for reading, flushed, removed.
//! Links are never followed.

use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// Directories and programs: everybody may enter and run them, the owner may write.
const OPEN: u32 = 0o755;

/// Everything else.
const READABLE: u32 = 0o644;

/// The unit of `st_blocks`.
const BLOCK_BYTES: u64 = 512;

/// Removes what earlier installations that did not end left behind.
pub(super) fn remove_stale(data_dir: &Path, prefixes: &[&str]) -> io::Result<()> {
    for entry in fs::read_dir(data_dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if prefixes.iter().any(|prefix| name.starts_with(prefix)) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Lets every user of the machine read all of it, whatever the umask was: agents run as others.
pub(super) fn let_all_read(dir: &Path) -> io::Result<()> {
    fs::set_permissions(dir, Permissions::from_mode(OPEN))?;
    walk(dir, &mut |path, metadata| {
        let run = metadata.is_dir() || metadata.mode() & 0o100 != 0;
        let wanted = if run { OPEN } else { READABLE };
        if metadata.mode() & 0o7777 != wanted {
            fs::set_permissions(path, Permissions::from_mode(wanted))?;
        }
        Ok(())
    })
}

/// How much of the disk it takes by now. Files come and go meanwhile.
pub(super) fn bytes(dir: &Path) -> u64 {
    let mut total = 0;
    // What vanished between listing and looking ends this look, and the next one sees the rest.
    let _ = walk(dir, &mut |_, metadata| {
        total += metadata.blocks() * BLOCK_BYTES;
        Ok(())
    });
    total
}

/// Has the kernel write all of it to the disk, so that the rename cannot outlive the files.
pub(super) fn flush(dir: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(dir)?)?)
}

/// Visits everything below `dir` but links.
fn walk(dir: &Path, visit: &mut dyn FnMut(&Path, &Metadata) -> io::Result<()>) -> io::Result<()> {
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_symlink() {
                continue;
            }
            visit(&entry.path(), &metadata)?;
            if metadata.is_dir() {
                open.push(entry.path());
            }
        }
    }
    Ok(())
}
