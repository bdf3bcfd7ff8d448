//! Makes the data directory fit for agents with users of their own: what they need is reachable,
//! everything else is closed by file permissions too, and not by Landlock alone.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ports::Fault;

use super::settings::Settings;
use crate::homes::{self, HOMES};

/// Stands for the launcher's path in a value of the environment.
const LAUNCHER: &str = "{launcher}";

/// Where a copy of the launcher is kept for agents that cannot reach the original.
const PROGRAMS: &str = "bin";

/// Others may pass through, but not list.
const PASSABLE: u32 = 0o711;

/// Prepares the directory. With users of their own (`own_users`), agents must be able to pass
/// through it to their homes and to the launcher.
pub(super) fn prepare(mut settings: Settings, own_users: bool) -> Result<Settings, Fault> {
    let data = fs::canonicalize(&settings.data_dir).map_err(unusable)?;
    settings.data_dir = data.clone();
    let homes = data.join(HOMES);
    match fs::create_dir(&homes) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(unusable(error)),
        Err(_) | Ok(()) => {}
    }
    if !own_users {
        return Ok(name_launcher(settings));
    }
    if let Some(closed) = data.parent().and_then(first_closed) {
        let words = format!(
            "agents run as users of their own, and those cannot pass through {}; choose a data \
             directory elsewhere with --data, for example /var/lib/teamclaw",
            closed.display()
        );
        return Err(Fault::Nonsense { service: "the data directory", words });
    }
    close_entries(&data, settings.runtime_dir.as_deref()).map_err(unusable)?;
    for path in [&data, &homes] {
        fs::set_permissions(path, Permissions::from_mode(PASSABLE)).map_err(unusable)?;
    }
    reach_launcher(&mut settings)?;
    Ok(name_launcher(settings))
}

/// Puts the launcher's path, which may be that of a copy, where the environment asks for it; an
/// agent that is told of it may run it.
fn name_launcher(mut settings: Settings) -> Settings {
    let Some(launcher) = settings.launcher.first().map(PathBuf::from) else { return settings };
    let mut named = false;
    for (_, value) in &mut settings.environment {
        if value.contains(LAUNCHER) {
            *value = value.replace(LAUNCHER, &launcher.display().to_string());
            named = true;
        }
    }
    if named {
        settings.readable.push(launcher);
    }
    settings
}

fn unusable(error: io::Error) -> Fault {
    Fault::unavailable("the data directory", error)
}

/// The first directory on the way, the path itself included, that others cannot pass through.
fn first_closed(path: &Path) -> Option<&Path> {
    path.ancestors().find(|path| {
        fs::metadata(path).map_or(true, |found| found.permissions().mode() & 0o001 == 0)
    })
}

/// Takes from everyone but the engine what lies in the directory, except what agents need.
fn close_entries(data: &Path, runtime: Option<&Path>) -> io::Result<()> {
    for entry in fs::read_dir(data)? {
        let entry = entry?;
        let path = entry.path();
        let needed = [data.join(HOMES), data.join(PROGRAMS)].contains(&path)
            || runtime.is_some_and(|runtime| runtime.starts_with(&path));
        let found = entry.metadata()?;
        let mode = found.permissions().mode();
        if !needed && !found.is_symlink() && mode & 0o077 != 0 {
            fs::set_permissions(&path, Permissions::from_mode(mode & 0o700))?;
        }
    }
    Ok(())
}

/// Puts a copy of the launcher into the data directory when agents cannot run it where it is.
fn reach_launcher(settings: &mut Settings) -> Result<(), Fault> {
    let Some(program) = settings.launcher.first().map(PathBuf::from) else { return Ok(()) };
    let Ok(original) = fs::canonicalize(&program) else {
        // Not there at all: the probe that follows says so, by name.
        return Ok(());
    };
    let mode = fs::metadata(&original).map_err(unusable)?.permissions().mode();
    if first_closed(&original).is_none() && mode & 0o005 == 0o005 {
        return Ok(());
    }
    let directory = settings.data_dir.join(PROGRAMS);
    fs::create_dir_all(&directory).map_err(unusable)?;
    fs::set_permissions(&directory, Permissions::from_mode(0o755)).map_err(unusable)?;
    let name = original.file_name().map_or_else(|| OsString::from("launcher"), OsString::from);
    let (copy, fresh) = (directory.join(&name), directory.join(".new"));
    // In one move, because an agent of before a restart may be running the old copy.
    fs::copy(&original, &fresh)
        .and_then(|_| fs::set_permissions(&fresh, Permissions::from_mode(0o755)))
        .and_then(|()| fs::rename(&fresh, &copy))
        .map_err(unusable)?;
    if let Some(first) = settings.launcher.first_mut() {
        *first = copy.into_os_string();
    }
    Ok(())
}

/// Makes the directories outside the home that the agent program insists on, and gives them.
pub(super) fn places(settings: &Settings, uid: Option<u32>) -> Result<Vec<PathBuf>, Fault> {
    let owner = uid.unwrap_or_else(|| rustix::process::geteuid().as_raw());
    let make = |place: &String| {
        let path = place_of(place, owner);
        homes::own_directory(&path, uid)?;
        // It may have been there before us, in a directory where anybody can make one.
        let found = fs::symlink_metadata(&path).map_err(unusable)?;
        if found.uid() != owner || found.permissions().mode() & 0o077 != 0 {
            return Err(Fault::Taken { resource: path.display().to_string() });
        }
        Ok(path)
    };
    settings.places.iter().map(make).collect()
}

/// The path of a place for one user.
pub(crate) fn place_of(place: &str, uid: u32) -> PathBuf {
    PathBuf::from(place.replace("{uid}", &uid.to_string()))
}

/// A home for the probe process, removed when it is dropped.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn make(data: &Path, uid: Option<u32>) -> Result<Self, Fault> {
        // No workspace's name begins with a dot.
        let path = data.join(HOMES).join(".probe");
        homes::own_directory(&path, uid)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, "the probe's home cannot be removed");
        }
    }
}
