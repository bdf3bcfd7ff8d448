//! What can go wrong with the files of a data directory, and how it is told.
//!
//! [`enum@Error`] is what a job on the database may answer; callers outside see only [`Fault`].
//! [`OpenError`] is for the person who starts the program: what, where, and what to do.

use std::path::{Path, PathBuf};

use ports::Fault;
use rusqlite::ErrorCode;
use thiserror::Error;

/// The database, as an operator knows it.
pub const SERVICE: &str = "database";

/// Why a job on the database did not work.
#[derive(Debug, Error)]
pub enum Error {
    /// SQLite said so.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// A column does not hold what we write there.
    #[error("a record cannot be read: {0}")]
    Unreadable(String),
    /// The rules of the port said so.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Sqlite(error) => sqlite(&error),
            Error::Unreadable(words) => Self::Nonsense { service: SERVICE, words },
            Error::Fault(fault) => fault,
        }
    }
}

/// Translates what SQLite says. A full disk and a damaged file are said plainly, because an
/// operator must act; everything else is worth another try.
pub(crate) fn sqlite(error: &rusqlite::Error) -> Fault {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Fault::unavailable(
            SERVICE,
            "the disk that holds the data directory is full; free some space and it goes on by itself",
        ),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Fault::Nonsense {
            service: SERVICE,
            words: format!(
                "the file teamclaw.db is damaged ({error}); stop teamclaw and put a backup in its place"
            ),
        },
        _ => Fault::unavailable(SERVICE, error.to_string()),
    }
}

/// Why a data directory cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process works on it.
    #[error(
        "{directory} is in use by another teamclaw ({holder}); stop that one first, or choose another directory with --data"
    )]
    InUse {
        /// The data directory.
        directory: PathBuf,
        /// Who holds it, as far as the lock says: `process 4711`.
        holder: String,
    },
    /// A file or directory cannot be made, read or written.
    #[error("cannot {what} {path}: {source}")]
    File {
        /// What was tried: `create`, `read`.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The directory must not be used as it is.
    #[error("{directory} cannot be the data directory: {words}")]
    Unfit {
        /// The directory.
        directory: PathBuf,
        /// Why, and what to do.
        words: String,
    },
    /// The SQLite that was linked has a bug that loses data.
    #[error("SQLite {0} can damage its files (WAL reset); build with 3.51.3 or later")]
    OldSqlite(String),
    /// The database cannot be opened.
    #[error("cannot open {path}: {words}")]
    Database {
        /// The database's file.
        path: PathBuf,
        /// Why, and what to do.
        words: String,
    },
}

impl OpenError {
    /// For `map_err` on what the file system answers.
    pub(crate) fn file(
        what: &'static str,
        path: &Path,
    ) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File { what, path, source }
    }
}
