//! Resource limits of an agent: what one agent may use of a machine that it shares.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

/// How much one agent may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Open files of one process.
    pub open_files: u64,
    /// Processes and threads of the user; only set when the workspace has a user of its own,
    /// because it would count the person's own programs too.
    pub processes: u64,
    /// The longest file, in bytes.
    pub file_bytes: u64,
    /// Data memory of one process, in bytes.
    pub data_bytes: u64,
}

const GIB: u64 = 1 << 30;

impl Default for Limits {
    /// OpenClaw was seen with 1.3 GB in use, 7.6 GB of data space that its threads reserve and do
    /// not use, and 40 threads; this leaves room for its tools. Data space is all that a limit of
    /// this kind can count: it stops a runaway, it does not share memory out.
    fn default() -> Self {
        Self { open_files: 4096, processes: 512, file_bytes: 8 * GIB, data_bytes: 24 * GIB }
    }
}

/// Sets every limit, soft and hard, and gives those that could not be set, in words. A limit that
/// is already lower stays.
pub(super) fn apply(limits: &Limits, own_user: bool) -> Vec<String> {
    let mut wanted = vec![
        (Resource::Nofile, "open files", limits.open_files),
        // A core file would write the agent's memory, its token included, to a disk.
        (Resource::Core, "core files", 0),
        (Resource::Fsize, "length of a file", limits.file_bytes),
        (Resource::Data, "data memory", limits.data_bytes),
    ];
    if own_user {
        wanted.push((Resource::Nproc, "processes", limits.processes));
    }
    wanted.into_iter().filter_map(|(resource, name, value)| lower(resource, name, value)).collect()
}

fn lower(resource: Resource, name: &str, value: u64) -> Option<String> {
    let hard = getrlimit(resource).maximum.map_or(value, |hard| hard.min(value));
    let limit = Rlimit { current: Some(hard), maximum: Some(hard) };
    setrlimit(resource, limit).err().map(|error| format!("the limit of {name}: {error}"))
}
