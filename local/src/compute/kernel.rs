//! What the kernel says about processes and listening sockets, read from /proc.
//!
//! Answers are facts of one moment. Nothing here decides or changes anything; a process that ends
//! while it is looked at is reported as absent.

use std::fs;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;

/// One process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) session: i32,
    /// Ticks between boot and its start. With the boot's id, this tells it from a later process
    /// that was given the same number.
    pub(crate) started: u64,
    /// Whether it has ended and waits for its parent to take note.
    pub(crate) ended: bool,
}

/// A process by its number.
pub(crate) fn process(pid: i32) -> Option<Process> {
    parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// proc_pid_stat(5): the name stands in parentheses and may itself hold any byte, so the fields
/// are counted from the last closing one.
fn parse(pid: i32, stat: &str) -> Option<Process> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // The first field here is the third of the manual's list.
    let field = |number: usize| fields.get(number - 3).copied();
    Some(Process {
        pid,
        parent: field(4)?.parse().ok()?,
        session: field(6)?.parse().ok()?,
        started: field(22)?.parse().ok()?,
        ended: matches!(field(3)?, "Z" | "X"),
    })
}

/// Every process that has not ended.
pub(crate) fn processes() -> Vec<Process> {
    let Ok(listing) = fs::read_dir("/proc") else { return Vec::new() };
    listing
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(process)
        .filter(|process| !process.ended)
        .collect()
}

/// Whether any of a process's four user ids is this one.
pub(crate) fn is_of_user(pid: i32, uid: u32) -> bool {
    is_of_users(pid, &(uid..uid + 1))
}

/// Whether any of a process's four user ids is one of these.
pub(crate) fn is_of_users(pid: i32, uids: &Range<u32>) -> bool {
    let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { return false };
    let Some(line) = status.lines().find_map(|line| line.strip_prefix("Uid:")) else {
        return false;
    };
    line.split_whitespace().any(|id| id.parse().is_ok_and(|id| uids.contains(&id)))
}

/// Names this boot of the machine: a pid means nothing across two of them.
pub(crate) fn boot_id() -> std::io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// A socket that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    pub(crate) inode: u64,
    pub(crate) uid: u32,
    /// Whether it listens on 127.0.0.1 itself and not on all addresses.
    exact: bool,
}

const LISTEN: &str = "0A";
const LOOPBACK: &str = "0100007F";
const ANY_V4: &str = "00000000";
const ANY_V6: &str = "00000000000000000000000000000000";

/// The sockets that answer a connection to 127.0.0.1 at a port: those on that very address if
/// there are any, because the kernel prefers them, and otherwise those on all addresses.
pub(crate) fn listeners(port: u16) -> Vec<Listener> {
    let mut found = Vec::new();
    for table in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
        let Ok(text) = fs::read_to_string(table) else { continue };
        found.extend(text.lines().skip(1).filter_map(|line| listener(line, port)));
    }
    if found.iter().any(|listener: &Listener| listener.exact) {
        found.retain(|listener| listener.exact);
    }
    found
}

fn listener(line: &str, port: u16) -> Option<Listener> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (address, hex) = fields.get(1)?.split_once(':')?;
    let here = u16::from_str_radix(hex, 16).ok()? == port && *fields.get(3)? == LISTEN;
    let exact = address == LOOPBACK;
    if !here || !(exact || address == ANY_V4 || address == ANY_V6) {
        return None;
    }
    let uid = fields.get(7)?.parse().ok()?;
    Some(Listener { inode: fields.get(9)?.parse().ok()?, uid, exact })
}

/// Whether a process has a socket open.
pub(crate) fn has_socket(pid: i32, inode: u64) -> bool {
    opens(pid, &format!("socket:[{inode}]"))
}

/// Whether one of a process's open files is this, as the kernel names it.
pub(crate) fn opens(pid: i32, target: &str) -> bool {
    let Ok(listing) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    listing
        .flatten()
        .any(|entry| fs::read_link(entry.path()).is_ok_and(|link| link.as_os_str() == target))
}

/// Which program listens at a port, in words, if we may know.
pub(crate) fn holder(port: u16) -> Option<String> {
    let listener = *listeners(port).first()?;
    let holder = processes().into_iter().find(|process| has_socket(process.pid, listener.inode));
    let Some(holder) = holder else {
        return Some(format!("a program of user {}", listener.uid));
    };
    let name = fs::read_to_string(format!("/proc/{}/comm", holder.pid)).ok()?;
    let owner = fs::metadata(format!("/proc/{}", holder.pid)).ok()?.uid();
    Some(format!("\"{}\" (process {}, user {owner})", name.trim(), holder.pid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_parenthesis_and_spaces_does_not_shift_the_fields() {
        let stat = "7 (a) S 9 (b) R 3 7 5 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 4242 0 0";
        let process = parse(7, stat).expect("a stat line");
        assert_eq!((process.parent, process.session, process.started), (3, 5, 4242));
        assert!(!process.ended);
    }

    #[test]
    fn a_listener_is_told_by_address_port_and_state() {
        let line = |address: &str, state: &str| {
            format!(
                "0: {address} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 200007 0 4711 1"
            )
        };
        let found = listener(&line("0100007F:4E20", "0A"), 20_000).expect("a listener");
        assert_eq!((found.uid, found.inode, found.exact), (200_007, 4711, true));
        assert!(listener(&line("0100007F:4E20", "01"), 20_000).is_none(), "connected");
        assert!(listener(&line("0100007F:4E21", "0A"), 20_000).is_none(), "another port");
        assert!(listener(&line("0200007F:4E20", "0A"), 20_000).is_none(), "another address");
        assert!(!listener(&line("00000000:4E20", "0A"), 20_000).expect("all addresses").exact);
    }
}
