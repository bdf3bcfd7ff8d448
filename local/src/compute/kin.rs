//! The processes of one task: finding them and ending them.
//!
//! A process is signalled through a pidfd whose identity was checked after it was opened, so a
//! number that the kernel has given to somebody else is never hit.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::kernel::{self, Process};

/// How the processes of a task are told from all others.
#[derive(Clone, Debug)]
pub(crate) struct Kin {
    /// The process that was started, which leads a session of its own.
    pub(crate) leader: i32,
    /// When the leader started.
    pub(crate) started: u64,
    /// The user id that only this workspace's processes have.
    pub(crate) uid: Option<u32>,
    /// The agent's log, which its processes have open from their start.
    pub(crate) log: PathBuf,
}

impl Kin {
    /// Every process of the task that has not ended: all of the workspace's own user or, without
    /// one, the leader's session and what descends from it.
    pub(crate) fn living(&self) -> Vec<Process> {
        let all = kernel::processes();
        if let Some(uid) = self.uid {
            return all
                .into_iter()
                .filter(|process| kernel::is_of_user(process.pid, uid))
                .collect();
        }
        // When the leader's number is another process's now, a session of that number is too.
        let leader = all.iter().find(|process| process.pid == self.leader);
        if leader.is_some_and(|leader| leader.started != self.started) {
            return Vec::new();
        }
        let mut kin: BTreeSet<i32> = all
            .iter()
            .filter(|process| process.session == self.leader)
            .filter(|process| process.pid == self.leader || self.wrote_our_log(process.pid))
            .map(|process| process.pid)
            .collect();
        // A child that made a session of its own still has its parent.
        loop {
            let before = kin.len();
            let children = all.iter().filter(|process| kin.contains(&process.parent));
            kin.extend(children.map(|process| process.pid).collect::<Vec<_>>());
            if kin.len() == before {
                return all.into_iter().filter(|process| kin.contains(&process.pid)).collect();
            }
        }
    }

    /// A session whose leader is gone could, long after, be someone else's: the log settles it. As
    /// long as the leader lives, its session is ours.
    fn wrote_our_log(&self, pid: i32) -> bool {
        kernel::process(self.leader).is_some_and(|leader| leader.started == self.started)
            || self.log.to_str().is_some_and(|log| kernel::opens(pid, log))
    }

    /// Whether a listening socket is held by the task.
    pub(crate) fn owns(&self, listener: &kernel::Listener) -> bool {
        match self.uid {
            Some(uid) => listener.uid == uid,
            None => {
                self.living().iter().any(|process| kernel::has_socket(process.pid, listener.inode))
            }
        }
    }

    /// Ends every process once, without a chance to answer, and gives how many there were. They
    /// are all held first, so that none can start another in between.
    pub(crate) fn kill(&self) -> usize {
        let held = self.living();
        for process in &held {
            signal(process, Signal::STOP);
        }
        for process in held.iter().chain(&self.living()) {
            signal(process, Signal::KILL);
        }
        held.len()
    }

    /// Asks the leader and its process group to end.
    pub(crate) fn ask(&self) {
        let leader = kernel::process(self.leader).filter(|leader| leader.started == self.started);
        // While the leader is there, its number is the group's and nobody else's.
        if leader.is_some()
            && let Some(group) = Pid::from_raw(self.leader)
            && let Err(error) = rustix::process::kill_process_group(group, Signal::TERM)
        {
            tracing::debug!(%error, leader = self.leader, "the group cannot be asked to end");
        }
    }
}

/// Signals a process if its number still means the process that was seen.
fn signal(seen: &Process, signal: Signal) {
    let Some(pid) = Pid::from_raw(seen.pid) else { return };
    let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { return };
    let same = kernel::process(seen.pid).is_some_and(|now| now.started == seen.started);
    if same && let Err(error) = pidfd_send_signal(&handle, signal) {
        tracing::debug!(%error, pid = seen.pid, "a process cannot be signalled");
    }
}
