//! The lock of a data directory: two programs on one directory would start two agents for one
//! person. The kernel lets go of it when the process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::error::OpenError;

/// The lock's file in the data directory.
const FILE: &str = "lock";
/// More of the file than this is not ours and is not read.
const TEXT_BYTES_MAX: u64 = 200;

/// The lock, held until it is dropped.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Takes the lock of a directory, or says who has it.
    ///
    /// # Errors
    /// [`OpenError::InUse`] names the process and the directory and says what to do.
    pub fn take(directory: &Path) -> Result<Self, OpenError> {
        let path = directory.join(FILE);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(OpenError::file("create", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let (directory, holder) = (directory.to_owned(), holder(file));
                return Err(OpenError::InUse { directory, holder });
            }
            Err(TryLockError::Error(source)) => return Err(OpenError::file("lock", &path)(source)),
        }
        sign(&mut file).map_err(OpenError::file("write", &path))?;
        Ok(Self { _file: file })
    }
}

/// Writes who holds it. The text only serves the message; the lock itself is the kernel's.
fn sign(file: &mut File) -> std::io::Result<()> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "process {}\nboot {}", std::process::id(), boot.trim())
}

fn holder(file: File) -> String {
    let mut text = String::new();
    let read = file.take(TEXT_BYTES_MAX).read_to_string(&mut text);
    let first = text.lines().next().filter(|line| read.is_ok() && line.starts_with("process "));
    // It is locked an instant before it is signed.
    first.unwrap_or("a process that is just starting").to_owned()
}
