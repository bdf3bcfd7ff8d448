//! The Landlock rules of an agent: which files, ports, sockets and signals are open to it.
//!
//! Best effort: a rule that the kernel does not know is left out and the outcome says so. Nothing
//! of ours is listed but the agent's own home, so a new secret file is closed without a change
//! here.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use rustix::fs::{Mode, OFlags};

use super::{Enclosure, Landlock, Refusal};

/// The newest set of rules that we have seen at work: files (1 to 3), TCP ports (4), devices (5),
/// abstract sockets and signals (6). A newer kernel may do more; we do not ask for what was never
/// tried.
pub(super) const RULES: ABI = ABI::V6;

/// Programs, libraries and settings of the system; read and run.
pub(crate) const SYSTEM: [&str; 8] =
    ["/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/etc"];

/// What language runtimes ask the kernel about; read only. The parts of /proc that tell about
/// another process's memory, files or environment are closed by Landlock's own rule for tracing.
const KERNEL: [&str; 4] =
    ["/proc", "/sys/fs/cgroup", "/sys/devices/system/cpu", "/sys/kernel/mm/transparent_hugepage"];

/// Devices without memory of anyone; read and write.
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// Where names are looked up; often a link out of /etc, so its target is opened as well.
const RESOLVER: &str = "/etc/resolv.conf";

/// What became of the rules.
pub(super) struct Walls {
    pub(super) landlock: Landlock,
    pub(super) abi: u8,
}

/// Makes the rules and puts the calling thread behind them; sets no_new_privs even where the
/// kernel has no Landlock.
pub(super) fn raise(enclosure: &Enclosure) -> Result<Walls, Refusal> {
    let own = own_directories(enclosure)?;
    let status =
        rules(enclosure, own).and_then(RulesetCreated::restrict_self).map_err(|error| {
            Refusal::system("setting the Landlock rules", std::io::Error::other(error))
        })?;
    let landlock = match status.ruleset {
        RulesetStatus::FullyEnforced => Landlock::Full,
        RulesetStatus::PartiallyEnforced => Landlock::Partial,
        RulesetStatus::NotEnforced => Landlock::Off,
    };
    let abi = match status.landlock {
        // The ABI's numbers are small by definition (10 in 2026).
        LandlockStatus::Available { effective_abi, .. } => effective_abi as u8,
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => 0,
    };
    if !status.no_new_privs {
        rustix::thread::set_no_new_privs(true)
            .map_err(|error| Refusal::system("setting no_new_privs", error))?;
    }
    Ok(Walls { landlock, abi })
}

fn rules(enclosure: &Enclosure, own: Vec<OwnedFd>) -> Result<RulesetCreated, RulesetError> {
    let read: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
    let run = read | AccessFs::Execute;
    let device = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev;
    let resolver = std::fs::canonicalize(RESOLVER).unwrap_or_else(|_| PathBuf::from(RESOLVER));

    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(RULES))?
        .handle_access(AccessNet::from_all(RULES))?
        .scope(Scope::from_all(RULES))?
        .create()?;
    for path in SYSTEM.iter().map(Path::new).chain(enclosure.readable.iter().map(PathBuf::as_path))
    {
        rules = grant(rules, path, run)?;
    }
    for path in KERNEL.iter().map(Path::new).chain([resolver.as_path()]) {
        rules = grant(rules, path, read)?;
    }
    for path in DEVICES {
        rules = grant(rules, Path::new(path), device)?;
    }
    for directory in own {
        rules = rules.add_rule(PathBeneath::new(directory, AccessFs::from_all(RULES)))?;
    }
    for &port in &enclosure.bind {
        rules = rules.add_rule(NetPort::new(port, AccessNet::BindTcp))?;
    }
    for &port in &enclosure.connect {
        rules = rules.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
    }
    Ok(rules)
}

/// Opens a system path, if this machine has it.
fn grant(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    let Ok(file) = PathFd::new(path) else { return Ok(rules) };
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(RULES) };
    rules.add_rule(PathBeneath::new(file, access))
}

/// The agent's own directories, opened without following a link: a link that an earlier run of the
/// agent left in their place must not open what it points at.
fn own_directories(enclosure: &Enclosure) -> Result<Vec<OwnedFd>, Refusal> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    std::iter::once(&enclosure.home)
        .chain(&enclosure.places)
        .map(|path| {
            rustix::fs::open(path, flags, Mode::empty())
                .map_err(|error| Refusal::system("opening the agent's own directories", error))
        })
        .collect()
}
