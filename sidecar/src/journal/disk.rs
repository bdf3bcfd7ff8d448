//! The usage journal's files: numbered segments in a directory that is for this process alone.
//!
//! It decides nothing; what is written when, and which segment may go, is the book's.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How a segment's name ends; before it stands its number.
const SUFFIX: &str = ".usage";
/// Held by the process that writes here, as long as it lives.
const LOCK: &str = "lock";
/// More of a file is not read: a segment holds 4 MiB, and a little more when no new one could be
/// made.
const READ_LENGTH_MAX: u64 = 128 * 1024 * 1024;

/// Where segments are.
pub(super) trait Disk: Send + Sync {
    /// The numbers of all segments, in no order.
    fn list(&self) -> io::Result<Vec<u64>>;
    /// All of a segment.
    fn read(&self, number: u64) -> io::Result<Vec<u8>>;
    /// A new segment; an error when there is one of this number.
    fn create(&self, number: u64) -> io::Result<Arc<dyn Segment>>;
    /// Removes a segment; absent is a success.
    fn remove(&self, number: u64) -> io::Result<()>;
    /// Makes sure that segments made and removed by now stay so when the power fails.
    fn sync_names(&self) -> io::Result<()>;
}

/// A segment that is written to.
pub(super) trait Segment: Send + Sync {
    /// Puts bytes at the end, which is at `length`, in one write. When it returns, they outlive
    /// the process. After an error a part of them may be there.
    fn append(&self, length: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes sure that all that was appended by now outlives a power failure.
    fn sync(&self) -> io::Result<()>;
}

/// A directory.
pub(super) struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Takes a directory, and makes it when there is none.
    ///
    /// # Errors
    /// It cannot be made or written to, or another process has it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        std::fs::set_permissions(path, Permissions::from_mode(0o700))?;
        let mut options = OpenOptions::new();
        let lock = options.create(true).truncate(false).write(true).mode(0o600);
        let lock = lock.open(path.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(io::Error::other("another process writes usage there; stop it first"))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn file(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:020}{SUFFIX}"))
    }
}

impl Disk for Directory {
    fn list(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(SUFFIX)?.parse().ok());
            numbers.extend::<Option<u64>>(number);
        }
        Ok(numbers)
    }

    fn read(&self, number: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.file(number))?.take(READ_LENGTH_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn create(&self, number: u64) -> io::Result<Arc<dyn Segment>> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(self.file(number))?;
        Ok(Arc::new(file))
    }

    fn remove(&self, number: u64) -> io::Result<()> {
        match std::fs::remove_file(self.file(number)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

impl Segment for File {
    fn append(&self, length: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, length).inspect_err(|_| {
            // What stays of it is passed over by readers, and written over by the next.
            let _rest = self.set_len(length);
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
