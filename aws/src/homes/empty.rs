//! Removes the tree of files that a stranger has left, and nothing beside it. Knows no row and no
//! clock: who calls says before each removal whether it may go on.
//!
//! Whoever filled the directory may have meant harm. So everything is named relative to the descriptor
//! of the directory that holds it, no link is followed, names are bytes, and neither memory nor open
//! descriptors grow with how deep or how wide the tree is. A directory that lies too deep is moved up
//! before it is entered (EFS has at most 1,000 levels, efs/latest/ug/limits.html; a function has 1,024
//! descriptors, lambda/latest/dg/gettingstarted-limits.html).

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, chmod, fchmod, fstat, open, openat, renameat, unlinkat,
};
use rustix::io::Errno;

use super::Leftover;

/// How many directories are open at a time, one inside the other; what is deeper is moved up.
const LEVELS_MAX: usize = 32;
/// How many names of a directory are read before they are acted on: with names of 255 bytes and
/// [`LEVELS_MAX`] levels four megabytes at the most.
const NAMES_MAX: usize = 512;
/// A directory is opened as itself; a link in its place is no directory.
const DIRECTORY: OFlags =
    OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::RDONLY).union(OFlags::CLOEXEC);
/// The same for one that may not be read: only its mode is changed by it.
const UNREADABLE: OFlags =
    OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::PATH).union(OFlags::CLOEXEC);

/// What became of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emptied {
    /// It is not there.
    Gone,
    /// There is more in it; begun anew, it goes on with what is left.
    NotYet,
}

/// Removes a purged home's files for good, below the mounted `/users`. `go_on` is asked before each
/// removal. None at all is [`Emptied::Gone`]; a place that is not mounted is an error.
///
/// # Errors
/// The file system said no. What is there may be tried again.
pub fn empty(
    users: &Path,
    leftover: &Leftover,
    go_on: &mut dyn FnMut() -> bool,
) -> io::Result<Emptied> {
    let users = open(users, DIRECTORY, Mode::empty())?;
    // A workspace's name and a number hold no NUL.
    let home = CString::new(leftover.directory()).map_err(io::Error::other)?;
    Ok(Walk { users, home, levels: Vec::new(), moved: 0, go_on }.run()?)
}

/// A directory that is being emptied.
struct Level {
    directory: OwnedFd,
    /// In the level above.
    name: CString,
    /// Directories in it that were seen and are still to be entered.
    deeper: Vec<CString>,
}

struct Walk<'a> {
    users: OwnedFd,
    home: CString,
    /// From the home itself down to where the work is.
    levels: Vec<Level>,
    /// How many directories were moved up.
    moved: u64,
    go_on: &'a mut dyn FnMut() -> bool,
}

impl Walk<'_> {
    fn run(mut self) -> Result<Emptied, Errno> {
        loop {
            if !(self.go_on)() {
                return Ok(Emptied::NotYet);
            }
            let Some(level) = self.levels.last_mut() else {
                let home = self.home.clone();
                if !self.enter(home)? {
                    return Ok(Emptied::Gone);
                }
                continue;
            };
            if let Some(name) = level.deeper.pop() {
                self.enter(name)?;
            } else if !self.thin_out()? {
                self.leave()?;
            }
        }
    }

    /// Where the innermost level lies, or the home itself when none is entered.
    fn here(&self) -> BorrowedFd<'_> {
        self.levels.last().map_or(self.users.as_fd(), |level| level.directory.as_fd())
    }

    /// Goes down into a directory, or moves it up if it is too deep. Gives whether there was one;
    /// what is none, such as a link that has taken its place, is removed.
    fn enter(&mut self, name: CString) -> Result<bool, Errno> {
        let directory = match open_to_change(self.here(), &name) {
            Ok(directory) => directory,
            Err(Errno::NOENT) => return Ok(false),
            Err(Errno::NOTDIR | Errno::LOOP) => {
                remove(self.here(), &name, AtFlags::empty())?;
                return Ok(false);
            }
            Err(other) => return Err(other),
        };
        if self.levels.len() < LEVELS_MAX {
            self.levels.push(Level { directory, name, deeper: Vec::new() });
            return Ok(true);
        }
        self.move_up(&name, &directory)?;
        Ok(true)
    }

    /// Moves a directory into the home itself, under a name that is nobody's: it is found there when
    /// the home is read the next time.
    fn move_up(&mut self, name: &CStr, directory: &OwnedFd) -> Result<(), Errno> {
        let number = fstat(directory)?.st_ino;
        let home = self.levels.first().map_or(self.users.as_fd(), |home| home.directory.as_fd());
        loop {
            let free = format!(".deep-{number}-{}", self.moved);
            self.moved += 1;
            match renameat(self.here(), name, home, free.as_str()) {
                Ok(()) | Err(Errno::NOENT) => return Ok(()),
                // Somebody has foreseen the name.
                Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) if (self.go_on)() => {}
                Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => return Ok(()),
                Err(other) => return Err(other),
            }
        }
    }

    /// Removes what is no directory among the next names, and remembers the others. Gives whether
    /// there was anything.
    fn thin_out(&mut self) -> Result<bool, Errno> {
        let Some(level) = self.levels.last_mut() else { return Ok(false) };
        let names = names(&level.directory)?;
        let any = !names.is_empty();
        for (name, kind) in names {
            if kind == FileType::Directory {
                level.deeper.push(name);
                continue;
            }
            if !(self.go_on)() {
                return Ok(true);
            }
            match remove(level.directory.as_fd(), &name, AtFlags::empty()) {
                // Not every file system says what its entries are.
                Err(Errno::ISDIR) => level.deeper.push(name),
                other => other?,
            }
        }
        Ok(any)
    }

    /// Goes up from an empty directory and removes it. One that is not empty after all is read anew.
    fn leave(&mut self) -> Result<(), Errno> {
        let Some(level) = self.levels.pop() else { return Ok(()) };
        match remove(self.here(), &level.name, AtFlags::REMOVEDIR) {
            Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
            other => other,
        }
    }
}

/// Removes one name; one that is gone is a success.
fn remove(from: BorrowedFd<'_>, name: &CStr, flags: AtFlags) -> Result<(), Errno> {
    match unlinkat(from, name, flags) {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}

/// The next names of a directory, but for itself and the one above.
fn names(directory: &OwnedFd) -> Result<Vec<(CString, FileType)>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push((entry.file_name().to_owned(), entry.file_type()));
        }
        if names.len() == NAMES_MAX {
            break;
        }
    }
    Ok(names)
}

/// Opens a directory from which something is to be removed, whatever its mode is.
fn open_to_change(at: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    let directory = match openat(at, name, DIRECTORY, Mode::empty()) {
        // A descriptor that cannot read may still name it, without a way to put a link in between.
        Err(Errno::ACCESS) => {
            let closed = openat(at, name, UNREADABLE, Mode::empty())?;
            chmod(format!("/proc/self/fd/{}", closed.as_raw_fd()), Mode::RWXU)?;
            openat(at, name, DIRECTORY, Mode::empty())?
        }
        other => other?,
    };
    // Root is root on the file system's server alone. Here a sticky directory's files would be kept
    // from whoever does not own them, before the server is asked.
    let mode = Mode::from_raw_mode(fstat(&directory)?.st_mode);
    if mode & (Mode::RWXU | Mode::SVTX) != Mode::RWXU {
        fchmod(&directory, Mode::RWXU)?;
    }
    Ok(directory)
}

#[cfg(test)]
mod tests;
