//! The files of one workspace's configuration: what we wrote last time, what is there now, and
//! the new one, put in place atomically.
//!
//! It runs as the person, inside their home, and trusts nothing it finds there: sizes are capped
//! and links are not followed when writing. It decides nothing about the contents.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use events::merge;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::environment::{config_file, state_dir, temporary_dir};

/// The most we read of a file: JSON of the largest layer, with indentation.
const FILE_BYTES_MAX: u64 = 4 * merge::BYTES_MAX as u64;

/// What we note beside openclaw.json for the next start. It holds the pass as that file does, is as
/// private, and is of no more use when the generation has ended.
#[derive(Deserialize, Serialize)]
pub(crate) struct Notes {
    /// The configuration without the person's layer, as it was when openclaw.json was written.
    pub(crate) trusted: Value,
    /// The person's layer.
    pub(crate) own: Value,
}

impl Default for Notes {
    fn default() -> Self {
        Self { trusted: json!({}), own: json!({}) }
    }
}

/// Where the notes of one home are.
pub(crate) struct Files {
    home: PathBuf,
}

impl Files {
    pub(crate) fn of(home: &Path) -> Self {
        Self { home: home.to_owned() }
    }

    /// Makes the directories that a start needs, readable by nobody else.
    pub(crate) fn make_directories(&self) -> io::Result<()> {
        for path in [state_dir(&self.home), temporary_dir(&self.home)] {
            DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        }
        Ok(())
    }

    /// The notes of last time, if they can be read.
    pub(crate) fn notes(&self) -> Option<Notes> {
        serde_json::from_slice(&read(&self.notes_path()).ok()??).ok()
    }

    /// openclaw.json as it is now: `None` when there is none, an error in words when it is not JSON.
    pub(crate) fn found(&self) -> Result<Option<Value>, String> {
        let bytes = read(&config_file(&self.home)).map_err(|error| error.to_string())?;
        bytes.map(|bytes| serde_json::from_slice(&bytes).map_err(|e| e.to_string())).transpose()
    }

    /// Puts both files in place; a crash in between leaves a pair that the next start understands,
    /// because the notes are written last.
    pub(crate) fn write(&self, config: &Value, notes: &Notes) -> io::Result<()> {
        self.forget_backups()?;
        put(&config_file(&self.home), &serde_json::to_vec_pretty(config)?)?;
        put(&self.notes_path(), &serde_json::to_vec_pretty(&json!(notes))?)
    }

    /// Removes OpenClaw's copies of earlier files. It puts one back when a new file looks smaller or
    /// poorer to it, and with it the pass and the port of an earlier generation (seen; FACTS.md).
    fn forget_backups(&self) -> io::Result<()> {
        let copies = ["openclaw.json.bak", "openclaw.json.last-good"];
        for entry in fs::read_dir(state_dir(&self.home))? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if copies.iter().any(|copy| name.starts_with(copy)) && entry.file_type()?.is_file() {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Keeps what cannot be used, for the person to look at, and says where.
    pub(crate) fn set_aside(&self) -> io::Result<PathBuf> {
        let aside = state_dir(&self.home).join("openclaw.set-aside.json");
        fs::rename(config_file(&self.home), &aside)?;
        Ok(aside)
    }

    fn notes_path(&self) -> PathBuf {
        state_dir(&self.home).join("teamclaw.json")
    }
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("the file is larger than {FILE_BYTES_MAX} bytes")));
    }
    Ok(Some(bytes))
}

/// Reads the admin's layer; absent is empty.
pub(crate) fn admin_layer(path: Option<&Path>) -> Result<Value, String> {
    let Some(path) = path else { return Ok(json!({})) };
    let bytes = read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let Some(bytes) = bytes else { return Ok(json!({})) };
    serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("json.teamclaw-new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    // `create_new` follows no link that something put there meanwhile.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}
