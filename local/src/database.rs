//! The one database of a data directory: SQLite with a write-ahead log, one writer thread, a few
//! readers. What an adapter stores beside files is stored here, and only through this.
//!
//! Durable means durable: `synchronous=FULL`, and nobody is answered before the commit.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ports::Fault;
use rusqlite::{Connection, Transaction};
use rusqlite_migration::{M, Migrations};

use crate::error::{Error, OpenError};
use crate::lock::DirectoryLock;
use crate::readers::Readers;
use crate::signals::{News, Signals, Topic};
use crate::writer::Writer;

/// The oldest SQLite that keeps its files whole when several connections use one log: before it, a
/// reset of the log could lose pages (sqlite.org/wal.html, "the WAL-reset bug").
const SQLITE_OLDEST: i32 = 3_051_003;
/// How long a connection waits for another process's lock, such as an operator's `sqlite3`.
const BUSY: Duration = Duration::from_secs(5);
/// What the log is cut back to after a checkpoint, so that one busy hour does not keep the disk.
const LOG_BYTES_KEPT: i64 = 64 * 1024 * 1024;

/// How many prepared statements a connection keeps: more than there are different ones, so that
/// none is compiled twice. The library's own 16 are fewer than one step of a workspace uses.
const STATEMENTS_KEPT: usize = 128;

/// The schema, one file a concern. A released file never changes; what changes is a new file.
const MIGRATIONS: &[M<'_>] = &[
    M::up(include_str!("../migrations/0001_journal.sql")),
    M::up(include_str!("../migrations/0002_queue.sql")),
    M::up(include_str!("../migrations/0003_stores.sql")),
    M::up(include_str!("../migrations/0004_tasks.sql")),
    M::up(include_str!("../migrations/0005_suspects.sql")),
    M::up(include_str!("../migrations/0006_purge.sql")),
    M::up(include_str!("../migrations/0007_rotations.sql")),
];

/// The database. Dropping it waits for the writes that were accepted and closes the file.
pub struct Database {
    /// First, so that the writer is the last to close and can empty the log into the database.
    readers: Readers,
    writer: Writer,
    signals: Arc<Signals>,
    /// Last, so that the directory is let go only after the file is closed.
    _lock: Option<Arc<DirectoryLock>>,
}

impl Database {
    /// Opens the file, makes it (mode 0600) if there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`] in words for the person who starts the program.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::open_under(path, None, |_| Ok(()))
    }

    /// The same, holding the lock of its directory for as long as the file is open. `first` is
    /// done before anybody else sees the database.
    pub(crate) fn open_under(
        path: &Path,
        lock: Option<Arc<DirectoryLock>>,
        first: impl FnOnce(&Transaction<'_>) -> Result<(), Error>,
    ) -> Result<Self, OpenError> {
        if rusqlite::version_number() < SQLITE_OLDEST {
            return Err(OpenError::OldSqlite(rusqlite::version().to_owned()));
        }
        let database = |words: String| OpenError::Database { path: path.to_owned(), words };
        private(path)?;
        let connection = Connection::open(path)
            .and_then(|mut connection| {
                prepare(&mut connection)?;
                Ok(connection)
            })
            .map_err(|error| database(plain(&error)))?;
        let mut connection = migrate(connection).map_err(database)?;
        alone(&mut connection, first)
            .map_err(|error| database(Fault::from(error).reason().words))?;
        let readers = Readers::open(path).map_err(|error| database(plain(&error)))?;
        let signals = Arc::new(Signals::default());
        let writer = Writer::start(connection, Arc::clone(&signals))
            .map_err(OpenError::file("start the writer of", path))?;
        Ok(Self { readers, writer, signals, _lock: lock })
    }

    /// Runs `work` in a transaction and gives its result once that is durable. An error undoes all
    /// that `work` wrote. Several callers' work may be committed together. If the caller goes
    /// away while it waits, the work may still be done.
    ///
    /// # Errors
    /// What `work` answered, or [`Fault::Unavailable`] when it could not be committed.
    pub async fn write<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, Error> + Send + 'static,
    {
        self.writer.run(move |tx| Ok((work(tx)?, Vec::new()))).await
    }

    /// The same, and tells those who wait for `topic` after the commit, whether or not the caller
    /// is still there.
    ///
    /// # Errors
    /// As [`Database::write`].
    pub async fn write_for<T, F>(&self, topic: Topic, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, Error> + Send + 'static,
    {
        self.writer.run(move |tx| Ok((work(tx)?, vec![topic]))).await
    }

    /// The same for a `work` that says itself for whom it is news.
    ///
    /// # Errors
    /// As [`Database::write`].
    pub async fn write_telling<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<(T, Vec<Topic>), Error> + Send + 'static,
    {
        self.writer.run(work).await
    }

    /// Runs queries on one state of the database, without waiting for the writer.
    ///
    /// # Errors
    /// What `look` answered.
    pub async fn read<T, F>(&self, look: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    {
        self.readers.run(look).await
    }

    /// Subscribes to a topic. Do it before looking, so that nothing goes unnoticed.
    pub fn watch(&self, topic: Topic) -> News {
        self.signals.watch(topic)
    }
}

/// Makes the file, readable by nobody else. SQLite gives its log the same mode.
fn private(path: &Path) -> Result<(), OpenError> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .and_then(|file| file.set_permissions(Permissions::from_mode(0o600)))
        .map_err(OpenError::file("create", path))
}

/// What every connection is set to.
pub(crate) fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "temp_store", "MEMORY")
}

fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    configure(connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)
}

fn migrate(mut connection: Connection) -> Result<Connection, String> {
    use rusqlite_migration::Error as Failure;
    use rusqlite_migration::MigrationDefinitionError::DatabaseTooFarAhead;
    match Migrations::from_slice(MIGRATIONS).to_latest(&mut connection) {
        Ok(()) => Ok(connection),
        Err(Failure::MigrationDefinition(DatabaseTooFarAhead)) => {
            Err("a later teamclaw has used it; run that version, or put a backup in its place"
                .to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

fn alone(
    connection: &mut Connection,
    first: impl FnOnce(&Transaction<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let transaction = connection.transaction()?;
    first(&transaction)?;
    Ok(transaction.commit()?)
}

/// The words of a fault, for the person who starts the program.
fn plain(error: &rusqlite::Error) -> String {
    crate::error::sqlite(error).reason().words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migrations_apply_to_an_empty_database() {
        Migrations::from_slice(MIGRATIONS).validate().expect("valid");
    }
}
