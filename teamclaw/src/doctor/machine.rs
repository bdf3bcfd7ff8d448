//! What one machine needs for `teamclaw up`: looked at without changing anything, then judged.

use std::path::{Path, PathBuf};

use super::{Finding, Level, Seen};
use crate::target::variable;
use crate::up::install;

/// The agent's runtime takes about 830 MB, homes and logs the rest.
const ROOM_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// Which security modules the kernel runs.
const MODULES: &str = "/sys/kernel/security/lsm";
/// The program that installs the agent.
const NPM: &str = "npm";

/// What was seen.
#[derive(Debug)]
pub struct Machine {
    /// Where the data is, or would be.
    pub data: PathBuf,
    /// Whether this is root, who gives each agent a user of its own.
    pub root: bool,
    /// The kernel's security modules.
    pub modules: Seen<String>,
    /// Free bytes where the data is, or would be.
    pub room: Seen<u64>,
    /// OpenClaw's version, if it is installed.
    pub runtime: Seen<Option<String>>,
    /// Whether npm is there to install it.
    pub npm: bool,
}

impl Machine {
    /// Looks.
    pub fn look(data: &Path) -> Self {
        let modules = std::fs::read_to_string(MODULES).map_err(|error| error.to_string());
        let path = variable("PATH").unwrap_or_default();
        Self {
            data: data.to_owned(),
            root: rustix::process::geteuid().is_root(),
            modules,
            room: room(data),
            runtime: install::installed(data).map_err(|problem| problem.to_string()),
            npm: std::env::split_paths(&path).any(|place| place.join(NPM).is_file()),
        }
    }

    /// What is to be said of it.
    pub fn findings(&self) -> Vec<Finding> {
        vec![self.user(), self.landlock(), self.space(), self.agent()]
    }

    fn user(&self) -> Finding {
        if self.root {
            return Finding::good("user: root; each agent runs as a user of its own");
        }
        let why = "agents share this user, so that only Landlock keeps them apart";
        Finding::new(Level::Note, "user: not root", why, "run the engine as root")
    }

    fn landlock(&self) -> Finding {
        match &self.modules {
            Ok(modules) if modules.trim().split(',').any(|module| module == "landlock") => {
                Finding::good("Landlock: the kernel runs it")
            }
            Ok(modules) => {
                let why = format!("the kernel runs {}", modules.trim());
                let do_this = "boot with lsm=landlock,… and a kernel of 5.13 or later";
                Finding::new(Level::Bad, "Landlock: missing", why, do_this)
            }
            Err(why) => {
                let do_this = "start `teamclaw up`: it tries each measure and says what is missing";
                let why = format!("{MODULES}: {why}");
                Finding::new(Level::Note, "Landlock: not seen from here", why, do_this)
            }
        }
    }

    fn space(&self) -> Finding {
        let gigabytes =
            |bytes: u64| format!("{}.{} GB", bytes >> 30, ((bytes % (1 << 30)) * 10) >> 30);
        match &self.room {
            Ok(free) if *free >= ROOM_BYTES => Finding::good(format!(
                "disk: {} are free at {}",
                gigabytes(*free),
                self.data.display()
            )),
            Ok(free) => {
                let what =
                    format!("disk: {} are free at {}", gigabytes(*free), self.data.display());
                let why = format!("the agent and the first homes take {}", gigabytes(ROOM_BYTES));
                Finding::new(
                    Level::Bad,
                    what,
                    why,
                    "make room, or choose another place with --data",
                )
            }
            Err(why) => {
                let do_this = "choose another place with --data";
                Finding::new(Level::Unknown, format!("disk: {}", self.data.display()), why, do_this)
            }
        }
    }

    fn agent(&self) -> Finding {
        match (&self.runtime, self.npm) {
            (Ok(Some(version)), _) => {
                Finding::good(format!("agent: OpenClaw {version} is installed"))
            }
            (Ok(None), true) => {
                let why = "`teamclaw up` installs it at its first start, about 830 MB from npm";
                Finding::new(Level::Note, "agent: not installed yet", why, "")
            }
            (Ok(None), false) => {
                let why = "OpenClaw is not installed, and there is no npm to install it";
                let do_this = "install Node with npm, or run your own agent with --agent CMD";
                Finding::new(Level::Bad, "agent: missing", why, do_this)
            }
            (Err(why), _) => {
                let do_this = "run your own agent with --agent CMD";
                Finding::new(Level::Bad, "agent: none for this machine", why, do_this)
            }
        }
    }
}

/// Free bytes at a place, or at what is nearest to it and exists.
fn room(place: &Path) -> Seen<u64> {
    let there = place.ancestors().find(|place| place.is_dir()).unwrap_or(Path::new("/"));
    let seen = rustix::fs::statvfs(there).map_err(|error| error.to_string())?;
    Ok(seen.f_bavail.saturating_mul(seen.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Machine {
        Machine {
            data: PathBuf::from("/srv/teamclaw"),
            root: true,
            modules: Ok("capability,landlock,yama\n".into()),
            room: Ok(ROOM_BYTES),
            runtime: Ok(Some("2026.9.6".into())),
            npm: false,
        }
    }

    fn levels(machine: &Machine) -> Vec<Level> {
        let found = machine.findings();
        found.iter().map(|finding| finding.level).filter(|level| *level != Level::Good).collect()
    }

    #[test]
    fn a_machine_is_judged_by_each_thing_that_it_has() {
        assert_eq!(levels(&sound()), []);
        assert_eq!(levels(&Machine { root: false, ..sound() }), [Level::Note]);
        let without = Machine { modules: Ok("capability,yama".into()), ..sound() };
        assert_eq!(levels(&without), [Level::Bad]);
        assert_eq!(levels(&Machine { modules: Err("denied".into()), ..sound() }), [Level::Note]);
        assert_eq!(levels(&Machine { room: Ok(ROOM_BYTES - 1), ..sound() }), [Level::Bad]);
        assert_eq!(levels(&Machine { room: Err("gone".into()), ..sound() }), [Level::Unknown]);
        assert_eq!(levels(&Machine { runtime: Ok(None), ..sound() }), [Level::Bad]);
        assert_eq!(levels(&Machine { runtime: Ok(None), npm: true, ..sound() }), [Level::Note]);
        assert_eq!(levels(&Machine { runtime: Err("other".into()), ..sound() }), [Level::Bad]);
    }

    #[test]
    fn a_place_that_does_not_exist_yet_has_the_room_of_what_it_would_be_in() {
        let here = std::env::temp_dir();
        assert!(room(&here.join("not/there/yet")).is_ok_and(|free| free > 0));
    }
}
