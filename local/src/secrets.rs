//! Files that hold secrets: readable by nobody else, and replaced whole or not at all.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use events::Secret;
use ports::Ids;

use crate::error::OpenError;

/// Only the owner reads and writes.
const MODE: u32 = 0o600;
/// What [`Ids::token`] gives: 256 bits in hex.
const POOL_SECRET_LENGTH: usize = 64;

/// Replaces a file in one step: after a crash there is the old text or the new, never a part.
pub(crate) fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let fresh = path.with_added_extension("new");
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    // The rename is durable only once the directory is.
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

/// Closes a file to everybody else, for one that somebody copied in with an editor's mode. Gives
/// whether it was open.
pub(crate) fn close_to_others(path: &Path, mode: u32) -> std::io::Result<bool> {
    if mode & 0o077 == 0 {
        return Ok(false);
    }
    std::fs::set_permissions(path, Permissions::from_mode(MODE))?;
    Ok(true)
}

/// The secret that lease tokens follow from; made at the first start. A file that holds something
/// else is left alone: a new secret would make every running agent's token worthless.
pub(crate) fn pool_secret(path: &Path, ids: &dyn Ids) -> Result<Secret, OpenError> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let secret = Secret::new(text);
            let text = secret.expose().trim();
            if text.len() != POOL_SECRET_LENGTH || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
                let words = "it does not hold 64 hex digits; restore it, or delete it to have a \
                             new one made (running agents then lose their keys until a restart)";
                let source = std::io::Error::new(ErrorKind::InvalidData, words);
                return Err(OpenError::file("use", path)(source));
            }
            Ok(Secret::new(text))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let secret = ids.token();
            replace(path, secret.expose()).map_err(OpenError::file("write", path))?;
            Ok(secret)
        }
        Err(error) => Err(OpenError::file("read", path)(error)),
    }
}
