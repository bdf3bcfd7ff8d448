//! Removes a directory tree that an agent made, for good.
//!
//! The tree is hostile: links are removed and never followed, and it may be deeper than any stack
//! or descriptor table. So every directory found is first moved up to the top, and the depth
//! never matters. Removing is bounded for one call; asking again goes on.

use std::ffi::{CString, OsStr};
use std::os::fd::OwnedFd;
use std::path::Path;

use ports::Fault;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::homes::SERVICE;

/// The most entries that one call removes: some seconds of work. A home of OpenClaw has thousands.
const ENTRIES_MAX: u64 = 500_000;

/// Moves a home out of the way. One that is not there is a success.
pub(crate) fn set_aside(home: &Path, aside: &Path) -> Result<(), Fault> {
    if let Some(parent) = aside.parent() {
        match rustix::fs::mkdir(parent, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(failed(parent, error)),
        }
    }
    // What an unfinished purge left comes first: a directory can only take an empty one's place.
    empty(aside)?;
    match rustix::fs::rename(home, aside) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(failed(home, error)),
    }
}

/// Removes a path and, when it is a directory, everything below it. One that is not there is a
/// success.
///
/// # Errors
/// [`Fault::Unavailable`] when there is more than one call may do, or something cannot be removed.
pub(crate) fn empty(path: &Path) -> Result<(), Fault> {
    let failed = |error| failed(path, error);
    let top = match open(CWD, path.as_os_str()) {
        Ok(top) => top,
        Err(Errno::NOENT) => return Ok(()),
        // A file or a link in the directory's place.
        Err(Errno::NOTDIR | Errno::LOOP) => {
            return rustix::fs::unlink(path).map_err(failed);
        }
        Err(error) => return Err(failed(error)),
    };
    let mut left = ENTRIES_MAX;
    let mut moved = 0_u64;
    loop {
        let entries = entries(&top).map_err(failed)?;
        if entries.is_empty() {
            break;
        }
        for (name, directory) in entries {
            if directory {
                flatten(&top, &name, &mut left, &mut moved).map_err(failed)?;
            } else {
                rustix::fs::unlinkat(&top, &name, AtFlags::empty()).map_err(failed)?;
                left = left.saturating_sub(1);
            }
            if left == 0 {
                return Err(Fault::unavailable(SERVICE, "a large home is still being removed"));
            }
        }
    }
    rustix::fs::rmdir(path).map_err(failed)
}

/// Empties one directory at the top, moving its directories up to the top, and removes it if all
/// of it could be done.
fn flatten(top: &OwnedFd, name: &CString, left: &mut u64, moved: &mut u64) -> Result<(), Errno> {
    let inner = open(top, name)?;
    for (entry, directory) in entries(&inner)? {
        if *left == 0 {
            return Ok(());
        }
        *left = left.saturating_sub(1);
        if directory {
            move_up(&inner, &entry, top, moved)?;
        } else {
            rustix::fs::unlinkat(&inner, &entry, AtFlags::empty())?;
        }
    }
    match rustix::fs::unlinkat(top, name, AtFlags::REMOVEDIR) {
        // It held more names than were read at once: the caller comes round again.
        Err(Errno::NOTEMPTY) => Ok(()),
        other => other,
    }
}

fn move_up(from: &OwnedFd, name: &CString, top: &OwnedFd, moved: &mut u64) -> Result<(), Errno> {
    loop {
        *moved += 1;
        // Moving a directory writes its "..", for which it must be open to its owner.
        let new = format!("\u{1}{moved}");
        let flags = rustix::fs::RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(from, name, top, new, flags) {
            Err(Errno::EXIST) => {}
            Err(Errno::ACCESS) => drop(open(from, name)?),
            other => return other,
        }
    }
}

/// Opens a directory, never through a link, and makes it the owner's to change if it is not.
fn open<N: rustix::path::Arg + Copy>(
    parent: impl std::os::fd::AsFd,
    name: N,
) -> Result<OwnedFd, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
    let directory = match rustix::fs::openat(&parent, name, flags, Mode::empty()) {
        Err(Errno::ACCESS) => {
            // The agent has ended, so nobody puts a link in its place between the two calls; and
            // the second open still follows none.
            let found = rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
            if FileType::from_raw_mode(found.st_mode) != FileType::Directory {
                return Err(Errno::NOTDIR);
            }
            rustix::fs::chmodat(&parent, name, Mode::RWXU, AtFlags::empty())?;
            rustix::fs::openat(&parent, name, flags, Mode::empty())?
        }
        other => other?,
    };
    let mode = Mode::from_raw_mode(rustix::fs::fstat(&directory)?.st_mode);
    if !mode.contains(Mode::RWXU) {
        rustix::fs::fchmod(&directory, Mode::RWXU)?;
    }
    Ok(directory)
}

/// What is in a directory, each with whether it is one itself; a part of it when there is much.
fn entries(directory: &OwnedFd) -> Result<Vec<(CString, bool)>, Errno> {
    /// As many names as are held in memory at once.
    const NAMES_MAX: usize = 10_000;
    let mut found = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let mut kind = entry.file_type();
        if kind == FileType::Unknown {
            // Not every file system tells it in the listing.
            let found = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
            kind = FileType::from_raw_mode(found.st_mode);
        }
        found.push((name.to_owned(), kind == FileType::Directory));
        if found.len() == NAMES_MAX {
            break;
        }
    }
    Ok(found)
}

fn failed(path: &Path, error: Errno) -> Fault {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    Fault::unavailable(SERVICE, format!("{name} cannot be removed: {error}"))
}
