//! Brings the pinned Node and OpenClaw from npm into the data directory, whole or not at all.
//!
//! Everything is made in a directory beside and put in place by one rename; a marker with the
//! lock's hash says which lock it was made from. No script of any package is run. Nothing outside
//! the data directory is touched but npm's own cache.

mod files;
mod npm;
mod pinned;
mod progress;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::settings::Settings;
use crate::problem::Problem;
use crate::target::variable;

pub(crate) use progress::Progress;

use pinned::Pinned;

/// What holds the installed agent, in the data directory.
const DIR: &str = "runtime";

/// What an installation at work is called; the process's number follows.
const NEW: &str = "runtime.new-";

/// What a replaced installation is called until it is removed; the process's number follows.
const OLD: &str = "runtime.old-";

/// Says in the directory itself which lock it was made from, and that it is complete.
const MARKER: &str = ".teamclaw-complete";

/// How long npm may take. It takes half a minute from a warm registry, and three over a slow line.
const INSTALL_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// The installed agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Runtime {
    /// Holds `node_modules`; every user of the machine who gets to it may read it.
    pub(crate) dir: PathBuf,
    /// Node's program.
    pub(crate) node: PathBuf,
    /// OpenClaw's entry, for that Node.
    pub(crate) openclaw: PathBuf,
    /// OpenClaw's version: `2026.9.6`.
    pub(crate) version: String,
}

/// Gives the installed agent, and installs it first when it is absent or another version's. One
/// caller a data directory at a time, which the directory's lock sees to.
///
/// # Errors
/// npm is missing or failed, the disk is full, or this machine is none that Node is made for; the
/// data directory is as it was then.
pub(crate) async fn ensure(data_dir: &Path, progress: Progress) -> Result<Runtime, Problem> {
    let pinned = Pinned::for_machine(std::env::consts::OS, std::env::consts::ARCH)?;
    let path = variable("PATH").unwrap_or_default().into();
    let installer = Installer { data_dir, pinned, path, limit: INSTALL_TIMEOUT };
    installer.ensure(progress).await
}

/// Gives the installed agent as the administrator wants it: installed when it is missing, or only
/// looked for.
///
/// # Errors
/// As [`ensure`]; or it is not there and must not be installed.
pub(super) async fn prepare(settings: &Settings) -> Result<Runtime, Problem> {
    if let Some(dir) = &settings.runtime {
        return given(dir);
    }
    if settings.install {
        let terminal = io::stderr().is_terminal();
        let progress = if terminal { Progress::Bar } else { Progress::Lines };
        return ensure(&settings.data_dir, progress).await;
    }
    let pinned = Pinned::for_machine(std::env::consts::OS, std::env::consts::ARCH)?;
    let version = pinned.version.clone();
    complete(&settings.data_dir.join(DIR), &pinned).ok_or_else(|| {
        Problem::new(
            format!("OpenClaw {version} is not installed"),
            format!("{} does not hold it, and --no-install is given", settings.data_dir.display()),
            "leave --no-install out once; or run your own agent with --agent CMD",
        )
    })
}

/// The version of the agent that is installed in this data directory, if it is the pinned one.
///
/// # Errors
/// None is made for this machine.
pub(crate) fn installed(data_dir: &Path) -> Result<Option<String>, Problem> {
    let pinned = Pinned::for_machine(std::env::consts::OS, std::env::consts::ARCH)?;
    Ok(complete(&data_dir.join(DIR), &pinned).map(|runtime| runtime.version))
}

/// Node and OpenClaw in a directory of the administrator's.
fn given(dir: &Path) -> Result<Runtime, Problem> {
    let absent = |why: String| {
        let what = format!("{} holds no Node and OpenClaw", dir.display());
        Problem::new(what, why, "leave --runtime out, and they are installed")
    };
    let dir = fs::canonicalize(dir).map_err(|error| absent(error.to_string()))?;
    let programs = agent::run::programs(&dir);
    let (node, openclaw) =
        programs.ok_or_else(|| absent("node_modules lacks one of them".to_owned()))?;
    let package = openclaw.with_file_name("package.json");
    let package = fs::read(package).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let version =
        package.and_then(|json: serde_json::Value| Some(json["version"].as_str()?.to_owned()));
    Ok(Runtime { dir, node, openclaw, version: version.unwrap_or_else(|| "of its own".to_owned()) })
}

/// The installation in `dir`, when it is whole and made from this lock.
fn complete(dir: &Path, pinned: &Pinned) -> Option<Runtime> {
    let marker = fs::read_to_string(dir.join(MARKER)).ok()?;
    let (node, openclaw) = agent::run::programs(dir)?;
    let version = pinned.version.clone();
    (marker.trim() == pinned.hash).then(|| Runtime { dir: dir.to_owned(), node, openclaw, version })
}

struct Installer<'a> {
    data_dir: &'a Path,
    pinned: Pinned,
    /// Where npm is looked for.
    path: OsString,
    limit: Duration,
}

impl Installer<'_> {
    async fn ensure(&self, progress: Progress) -> Result<Runtime, Problem> {
        files::remove_stale(self.data_dir, &[NEW, OLD]).map_err(|error| self.disk(&error))?;
        if let Some(runtime) = complete(&self.data_dir.join(DIR), &self.pinned) {
            return Ok(runtime);
        }
        let npm = npm::find(&self.path).ok_or_else(|| self.no_npm())?;
        let new = self.data_dir.join(format!("{NEW}{}", std::process::id()));
        let made = self.make(&npm, &new, progress).await;
        if made.is_err() {
            // The next start removes it otherwise; the first problem is the one to tell.
            let _ = fs::remove_dir_all(&new);
        }
        made
    }

    async fn make(&self, npm: &Path, new: &Path, progress: Progress) -> Result<Runtime, Problem> {
        fs::create_dir(new).map_err(|error| self.disk(&error))?;
        for (name, text) in
            [("package.json", &self.pinned.package), ("package-lock.json", &self.pinned.lock)]
        {
            fs::write(new.join(name), text).map_err(|error| self.disk(&error))?;
        }
        let running = npm::install(npm, new, &self.path, self.limit);
        let title = format!("Installing OpenClaw {} from npm", self.pinned.version);
        progress.show(&title, new, running).await.map_err(|failure| failure.problem(self.limit))?;
        self.first_run(new).await?;

        let dir = new.to_owned();
        let hash = self.pinned.hash.clone();
        let finish = tokio::task::spawn_blocking(move || {
            fs::write(dir.join(MARKER), hash)?;
            files::let_all_read(&dir)?;
            files::flush(&dir)
        });
        let finished = finish.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        finished.map_err(|error| self.disk(&error))?;
        self.put_in_place(new).map_err(|error| self.disk(&error))?;
        complete(&self.data_dir.join(DIR), &self.pinned).ok_or_else(|| self.not_whole())
    }

    /// OpenClaw writes into its own package folder when it is first run; later it may only read.
    async fn first_run(&self, new: &Path) -> Result<(), Problem> {
        let (node, openclaw) = agent::run::programs(new).ok_or_else(|| self.not_whole())?;
        let version = npm::first_run(&node, &openclaw, new).await;
        let version = version.map_err(|failure| failure.problem(self.limit))?;
        if version.contains(&self.pinned.version) { Ok(()) } else { Err(self.not_whole()) }
    }

    fn put_in_place(&self, new: &Path) -> io::Result<()> {
        let place = self.data_dir.join(DIR);
        let old = self.data_dir.join(format!("{OLD}{}", std::process::id()));
        // A crash between these two leaves no installation, and the next start makes one.
        match fs::rename(&place, &old) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        fs::rename(new, &place)?;
        fs::File::open(self.data_dir)?.sync_all()?;
        files::remove_stale(self.data_dir, &[OLD])
    }

    fn no_npm(&self) -> Problem {
        Problem::new(
            format!("OpenClaw {} cannot be installed", self.pinned.version),
            "the program npm is not in any directory of PATH",
            "install it (Debian and Ubuntu: `apt install npm`) and run this again; or run your own \
             agent with --agent CMD; or see everything at work without npm with --demo",
        )
    }

    fn not_whole(&self) -> Problem {
        Problem::new(
            format!("OpenClaw {} was not installed", self.pinned.version),
            "npm says that all went well, but Node and this OpenClaw are not there",
            "check which npm is first in PATH (`npm --version` says 9 or later), and what registry \
             it uses (`npm config get registry`)",
        )
    }

    fn disk(&self, error: &io::Error) -> Problem {
        let room = if error.kind() == io::ErrorKind::StorageFull {
            "make room (1 GB is enough) and run this again"
        } else {
            "check that the directory is yours to write, and run this again"
        };
        let what = format!("OpenClaw cannot be installed into {}", self.data_dir.display());
        Problem::new(what, error.to_string(), room)
    }
}
