//! What a process costs, from /proc.

use std::fs;
use std::time::Duration;

use super::Failure;

/// What proc_pid_stat(5) counts in: Linux tells user space hundredths of a second on every machine
/// that we build for.
const TICK: Duration = Duration::from_millis(10);

/// The CPU time that a process has used, of all its threads, those that have ended included.
///
/// # Errors
/// There is no such process.
pub(super) fn cpu(pid: u32) -> Result<Duration, Failure> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = ticks(&stat).ok_or_else(|| format!("/proc/{pid}/stat is not as expected"))?;
    Ok(TICK * ticks)
}

/// Fields 14 and 15. The name stands in parentheses and may hold any byte.
fn ticks(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let (user, system): (u32, u32) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

/// The memory of a process, in bytes.
pub(super) struct Memory {
    /// Resident, what it shares with others included.
    pub(super) rss: u64,
    /// Its fair part of what it shares, and all of its own.
    pub(super) pss: u64,
}

/// The memory that a process uses now.
///
/// # Errors
/// There is no such process, or it is somebody else's.
pub(super) fn memory(pid: u32) -> Result<Memory, Failure> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let field = |name| bytes(&text, name).ok_or_else(|| format!("{name} is not in smaps_rollup"));
    Ok(Memory { rss: field("Rss:")?, pss: field("Pss:")? })
}

fn bytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_s_time_and_memory_are_read() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 9 9 20 0 4 0 100 1 1";
        assert_eq!(ticks(stat), Some(200));
        let own = std::process::id();
        assert!(cpu(own).expect("it is there") < Duration::from_secs(3600));
        let memory = memory(own).expect("it is there");
        assert!(memory.pss <= memory.rss && memory.rss > 1 << 20);
    }
}
