//! Read-only connections, a few, for queries that need not wait for the writer. Each query sees
//! one state of the database from its first row to its last.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ports::Fault;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use crate::error::{Error, SERVICE};

/// How many queries run at once. They are short; more connections would only cost memory.
const READERS: usize = 4;

/// The connections that are at rest, and the right to take one.
pub(crate) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn open(path: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || {
            let connection = Connection::open_with_flags(path, flags)?;
            crate::database::configure(&connection)?;
            Ok(connection)
        };
        let idle = (0..READERS).map(|_| open()).collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(Self { idle: Arc::new(Mutex::new(idle)), permits: Arc::new(Semaphore::new(READERS)) })
    }

    pub(crate) async fn run<T, F>(&self, look: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    {
        let closed = || Fault::unavailable(SERVICE, "it is closing");
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| closed())?;
        let idle = Arc::clone(&self.idle);
        let query = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = taken.ok_or_else(closed)?;
            let found = snapshot(&connection, look);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            found.map_err(Fault::from)
        });
        query.await.map_err(|error| Fault::unavailable(SERVICE, error))?
    }
}

fn snapshot<T>(
    connection: &Connection,
    look: impl FnOnce(&Connection) -> Result<T, Error>,
) -> Result<T, Error> {
    // Dropped without a commit: it only held one state still.
    let transaction = connection.unchecked_transaction()?;
    look(&transaction)
}
