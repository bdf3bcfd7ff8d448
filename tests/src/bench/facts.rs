//! On what was measured: a number without its machine says nothing.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use ports::Clock;

use super::Failure;

/// File systems that forget at a power cut, so that nothing on them is durable.
const IN_MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

/// The machine and the time.
pub(super) struct Facts {
    cores: usize,
    model: String,
    kernel: String,
    file_system: String,
    data: String,
    at: Timestamp,
}

impl Facts {
    /// Looks, and makes the directory for the measurements.
    ///
    /// # Errors
    /// A directory that cannot be made, or that is in memory: durable writes cannot be measured
    /// there.
    pub(super) fn look(data: &Path, clock: impl Clock) -> Result<Self, Failure> {
        fs::create_dir_all(data)
            .map_err(|error| format!("cannot create {}: {error}; see --data", data.display()))?;
        let data = fs::canonicalize(data)?;
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        let file_system = file_system(&mounts, &data).unwrap_or_else(|| "unknown".to_owned());
        if IN_MEMORY.contains(&file_system.as_str()) {
            let data = data.display();
            let words = format!("{data} is in memory ({file_system}); choose a disk with --data");
            return Err(words.into());
        }
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Ok(Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            model: model(&cpu).unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default(),
            file_system,
            data: data.display().to_string(),
            at: clock.now(),
        })
    }

    /// One line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let build =
            if cfg!(debug_assertions) { "debug: measure with --release" } else { "release" };
        vec![
            format!("machine      {} cores, {}", self.cores, self.model),
            format!("kernel       {}", self.kernel.trim()),
            format!("file system  {} ({})", self.file_system, self.data),
            format!("date         {}", self.at.strftime("%Y-%m-%d %H:%M UTC")),
            format!("build        {build}, TeamClaw {}", env!("CARGO_PKG_VERSION")),
        ]
    }
}

/// The type of the file system that a path is on, from proc_pid_mountinfo(5).
fn file_system(mounts: &str, path: &Path) -> Option<String> {
    let mount = |line: &str| {
        let (before, after) = line.split_once(" - ")?;
        // A blank in a path is written as an octal number.
        let point = before.split(' ').nth(4)?.replace("\\040", " ");
        let kind = after.split(' ').next()?.to_owned();
        path.starts_with(&point).then_some((point.len(), kind))
    };
    // Of two mounts on one point the later one is seen.
    mounts.lines().filter_map(mount).max_by_key(|(length, _)| *length).map(|(_, kind)| kind)
}

fn model(cpu: &str) -> Option<String> {
    let line = cpu.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:26 / /tmp rw,nosuid shared:5 - tmpfs tmpfs rw
31 22 254:1 / /my\\040disk rw - xfs /dev/vdb rw
";

    #[test]
    fn the_nearest_mount_names_the_file_system() {
        let of = |path: &str| file_system(MOUNTS, Path::new(path)).expect("there is a root");
        assert_eq!(of("/home/ann"), "ext4");
        assert_eq!(of("/tmp/bench"), "tmpfs");
        assert_eq!(of("/tmpfoo"), "ext4", "a name that only begins alike");
        assert_eq!(of("/my disk/bench"), "xfs");
    }

    #[test]
    fn a_directory_in_memory_is_refused_with_what_to_do() {
        let shared = Path::new("/dev/shm");
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("Linux");
        assert_eq!(file_system(&mounts, shared).as_deref(), Some("tmpfs"), "as everywhere");
        let refused = Facts::look(shared, system::SystemClock::new()).err().expect("refused");
        assert!(refused.to_string().contains("--data"), "{refused}");
    }
}
