//! Looks at the walls from the inside: tries what must fail and tells what happened.
//!
//! Runs in a short-lived child of the engine, so that the report says what this machine does and
//! not what its version number promises.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Enclosure, Outcome, Refusal};

/// How long a connection on this machine may take to be refused.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A port that no enclosure opens: tcpmux, unused for decades.
const CLOSED_PORT: u16 = 1;

/// What a process behind the walls sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// What putting up the walls gave.
    pub outcome: Outcome,
    /// Whether the engine's data directory can be listed.
    pub reads_our_files: bool,
    /// Whether it may listen on another port than its own.
    pub listens_elsewhere: bool,
    /// Whether it may connect to a port that is not opened to it.
    pub connects_elsewhere: bool,
    /// Whether it may signal the engine.
    pub signals_engine: bool,
}

/// Tries the walls around the calling process. `ours` is a directory of the engine's.
pub fn examine(enclosure: &Enclosure, outcome: Outcome, ours: &Path) -> Seen {
    let closed = SocketAddr::from((Ipv4Addr::LOCALHOST, CLOSED_PORT));
    let elsewhere = (u16::MAX / 2..u16::MAX).find(|port| !enclosure.bind.contains(port));
    let engine = rustix::process::getppid();
    Seen {
        outcome,
        reads_our_files: std::fs::read_dir(ours).is_ok(),
        listens_elsewhere: elsewhere
            .is_some_and(|port| !denied(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(drop))),
        connects_elsewhere: !denied(TcpStream::connect_timeout(&closed, CONNECT_TIMEOUT).map(drop))
            || !denied(fast_open()),
        signals_engine: engine
            .is_none_or(|engine| rustix::process::test_kill_process(engine).is_ok()),
    }
}

/// Connects by a send that carries the flag for it, which Landlock does not ask about.
fn fast_open() -> std::io::Result<()> {
    use rustix::net::{AddressFamily, SendFlags, SocketType, sendto, socket};
    // MSG_FASTOPEN is not among the flags that rustix names.
    let flags = SendFlags::from_bits_retain(libc::MSG_FASTOPEN.cast_unsigned());
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    let closed = std::net::SocketAddrV4::new(Ipv4Addr::LOCALHOST, CLOSED_PORT);
    sendto(&socket, b"x", flags, &closed)?;
    Ok(())
}

fn denied(attempt: std::io::Result<()>) -> bool {
    // A kernel whose owner turned fast open off does not know the call at all.
    attempt.is_err_and(|error| {
        matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported)
    })
}

/// The groups of the calling process besides its own.
pub(super) fn groups() -> Result<Vec<u32>, Refusal> {
    let own = rustix::process::getegid();
    let all = rustix::process::getgroups()
        .map_err(|error| Refusal::system("reading the groups", error))?;
    Ok(all.into_iter().filter(|group| *group != own).map(|group| group.as_raw()).collect())
}

/// Open files above standard error, as the kernel names them.
pub(super) fn open_files() -> Result<Vec<String>, Refusal> {
    let reading = |error| Refusal::system("listing open files", error);
    let listing = std::fs::read_dir("/proc/self/fd").map_err(reading)?;
    let mut found = Vec::new();
    for entry in listing {
        let entry = entry.map_err(reading)?;
        let number = entry.file_name().to_string_lossy().parse::<u32>().unwrap_or(u32::MAX);
        // The listing's own descriptor shows the directory that is being listed.
        let Ok(target) = std::fs::read_link(entry.path()) else { continue };
        let listing = target.starts_with("/proc") && target.ends_with("fd");
        if number > 2 && !listing {
            found.push(format!("{number} {}", target.display()));
        }
    }
    Ok(found)
}
