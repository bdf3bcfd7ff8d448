//! The lock of a data directory: two programs on one directory would start two agents for one
//! person. The kernel lets go of it when the process ends, however it ends, and when what that
//! process was just starting has become a program of its own.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use crate::error::OpenError;

/// The lock's file in the data directory.
const FILE: &str = "lock";
/// How whoever holds it signs, before the number.
const SIGNED: &str = "process ";
/// More of the file than this is not ours and is not read.
const TEXT_BYTES_MAX: u64 = 200;
/// How long the lock of a process that has ended may still be held: until what it was starting when
/// it was killed closes what it inherited, which takes moments even on a busy machine.
const ENDED_MAX: Duration = Duration::from_secs(5);
/// How often it is looked whether it is free.
const LOOK_EVERY: Duration = Duration::from_millis(10);

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
        let mut waited = Duration::ZERO;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => {
                    return Err(OpenError::file("lock", &path)(source));
                }
                Err(TryLockError::WouldBlock) => {}
            }
            let holder = holder(&mut file);
            if waited >= ENDED_MAX || !has_ended(&holder) {
                return Err(OpenError::InUse { directory: directory.to_owned(), holder });
            }
            std::thread::sleep(LOOK_EVERY);
            waited += LOOK_EVERY;
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
    writeln!(file, "{SIGNED}{}\nboot {}", std::process::id(), boot.trim())
}

/// Who signed it, in words.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(TEXT_BYTES_MAX).read_to_string(&mut text));
    let first = text.lines().next().filter(|line| read.is_ok() && line.starts_with(SIGNED));
    // It is locked an instant before it is signed.
    first.unwrap_or("a process that is just starting").to_owned()
}

/// Whether whoever signed has ended. A number that another process has by now is taken for theirs.
fn has_ended(holder: &str) -> bool {
    let Some(process) = holder.strip_prefix(SIGNED).and_then(|text| text.parse::<u32>().ok())
    else {
        return false;
    };
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) else { return true };
    // After the name, which may hold anything: one that only waits for its parent holds nothing.
    stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with(['Z', 'X']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    /// The lock of a directory, held and signed as by this process.
    fn held(scratch: &Scratch, process: u32) -> File {
        let path = scratch.path(FILE);
        let mut file = File::options().create(true).append(true).open(path).expect("opened");
        file.try_lock().expect("free");
        writeln!(file, "{SIGNED}{process}").expect("signed");
        file
    }

    #[test]
    fn what_a_killed_engine_was_just_starting_keeps_nobody_out() {
        let scratch = Scratch::new();
        let mut ended = std::process::Command::new("true").spawn().expect("started");
        ended.wait().expect("reaped");
        let inherited = held(&scratch, ended.id());
        let becoming_a_program = std::thread::spawn(move || {
            std::thread::sleep(20 * LOOK_EVERY);
            drop(inherited);
        });
        DirectoryLock::take(&scratch.0).expect("it was free in a moment");
        becoming_a_program.join().expect("joined");
    }

    #[test]
    fn a_lock_whose_process_lives_is_refused_at_once() {
        let scratch = Scratch::new();
        let _held = held(&scratch, std::process::id());
        let refused = DirectoryLock::take(&scratch.0).expect_err("in use").to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
    }
}
