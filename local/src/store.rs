//! One data directory: takes its lock, opens what is in it, and hands out the ports.
//!
//! `teamclaw.db`, `keys.json`, `pool.secret` and `lock` are for the engine alone (0600), and so is
//! `usage/` (0700), in which the sidecar keeps what the ledger does not have yet; `homes/` and
//! `runtime/` are passed through by agents of other users, so the directory itself is 0711.

use std::fs::{DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use events::LimitsBook;
use jiff::Timestamp;
use ports::{
    Clock, Ids, Journal, Keys, Leases, People, Queue, RotationLists, Routes, Staging, Suspects,
    Timers, Usage, UsageTotals,
};
use rusqlite::Transaction;
use system::{SystemClock, SystemIds};

use crate::database::Database;
use crate::error::{Error, OpenError};
use crate::journal::{self, SqliteJournal};
use crate::keys::FileKeys;
use crate::leases::SqliteLeases;
use crate::lock::DirectoryLock;
use crate::messages;
use crate::people::SqlitePeople;
use crate::queue::SqliteQueue;
use crate::rotations::SqliteRotations;
use crate::routes::SqliteRoutes;
use crate::secrets::pool_secret;
use crate::steady::Steady;
use crate::suspects::SqliteSuspects;
use crate::timers::SqliteTimers;
use crate::usage::SqliteUsage;

/// Others pass through to their own home, and see no names.
const PASS_THROUGH: u32 = 0o711;
/// Nobody else.
const PRIVATE: u32 = 0o700;
/// What is in a data directory. One that holds other things and none of these is not ours.
const CONTENTS: [&str; 7] =
    ["teamclaw.db", "keys.json", "pool.secret", "lock", "homes", "runtime", "logs"];

/// The stores of one machine. Each port is its own `Arc`; the directory stays locked until the
/// last of them is gone.
pub struct Local {
    directory: PathBuf,
    database: Arc<Database>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    queue: Arc<dyn Queue>,
    leases: SqliteLeases,
    keys: Arc<FileKeys>,
}

impl Local {
    /// Opens a data directory, and makes it when there is none.
    ///
    /// # Errors
    /// [`OpenError`], in words for the person who starts the program: in use by another process,
    /// not writable, not ours, damaged.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        let clock = Arc::new(SystemClock::new());
        let follow = Arc::clone(&clock);
        let after = move |newest| follow.not_before(newest);
        Self::open_after(directory, clock, Arc::new(SystemIds::default()), after)
    }

    /// The same with a clock and a randomness of the caller's, for tests and simulations.
    ///
    /// # Errors
    /// As [`Local::open`].
    pub fn open_with(
        directory: &Path,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self, OpenError> {
        Self::open_after(directory, clock, ids, |_| {})
    }

    /// The same; `after` is told when the newest fact was, before anybody asks for the time.
    fn open_after(
        directory: &Path,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        after: impl FnOnce(Timestamp),
    ) -> Result<Self, OpenError> {
        make_directory(directory)?;
        let directory =
            std::fs::canonicalize(directory).map_err(OpenError::file("find", directory))?;
        let lock = Arc::new(DirectoryLock::take(&directory)?);
        make_rooms(&directory)?;
        let steady = Steady::starting(clock.now());
        let path = directory.join("teamclaw.db");
        let first = |tx: &Transaction<'_>| {
            journal::newest(tx)?.map(after);
            make_good(tx, clock.now(), steady)
        };
        let database = Arc::new(Database::open_under(&path, Some(Arc::clone(&lock)), first)?);
        let secret = pool_secret(&directory.join("pool.secret"), &*ids)?;
        let keys = FileKeys::under(&directory.join("keys.json"), Some(lock));
        let queue = SqliteQueue::new(Arc::clone(&database), Arc::clone(&clock), steady);
        let leases = SqliteLeases::new(Arc::clone(&database), secret);
        Ok(Self {
            directory,
            database,
            clock,
            ids,
            queue: Arc::new(queue),
            leases,
            keys: Arc::new(keys),
        })
    }

    /// The data directory, absolute.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The database, for this crate's other adapters.
    pub fn database(&self) -> Arc<Database> {
        Arc::clone(&self.database)
    }

    /// The journal.
    pub fn journal(&self) -> Arc<dyn Journal> {
        Arc::new(SqliteJournal::new(self.database()))
    }

    /// The queues.
    pub fn queue(&self) -> Arc<dyn Queue> {
        Arc::clone(&self.queue)
    }

    /// The timers.
    pub fn timers(&self) -> Arc<dyn Timers> {
        Arc::new(SqliteTimers::new(self.database()))
    }

    /// The routes.
    pub fn routes(&self) -> Arc<dyn Routes> {
        Arc::new(SqliteRoutes::new(self.database()))
    }

    /// What nobody seems to own.
    pub fn suspects(&self) -> Arc<dyn Suspects> {
        Arc::new(SqliteSuspects::new(self.database()))
    }

    /// The leases.
    pub fn leases(&self) -> Arc<dyn Leases> {
        Arc::new(self.leases.clone())
    }

    /// The leases with the limits of this book.
    pub fn limited_leases(&self, book: LimitsBook) -> Arc<dyn Leases> {
        Arc::new(self.leases.limited_by(book))
    }

    /// The ledger.
    pub fn usage(&self) -> Arc<dyn Usage> {
        Arc::new(SqliteUsage::new(self.database()))
    }

    /// What workspaces have used.
    pub fn totals(&self) -> Arc<dyn UsageTotals> {
        Arc::new(SqliteUsage::new(self.database()))
    }

    /// The sessions.
    pub fn people(&self) -> Arc<dyn People> {
        Arc::new(SqlitePeople::new(self.database(), self.ids()))
    }

    /// The key pool.
    pub fn keys(&self) -> Arc<dyn Keys> {
        self.staging()
    }

    /// The key pool with what lies beside it.
    pub fn staging(&self) -> Arc<dyn Staging> {
        Arc::clone(&self.keys) as _
    }

    /// The lists of rotations.
    pub fn rotations(&self) -> Arc<dyn RotationLists> {
        Arc::new(SqliteRotations::new(self.database()))
    }

    /// The clock.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// The randomness.
    pub fn ids(&self) -> Arc<dyn Ids> {
        Arc::clone(&self.ids)
    }
}

/// What an earlier run, with other rules or another clock, left in a state that must not stay.
fn make_good(tx: &Transaction<'_>, now: Timestamp, steady: Steady) -> Result<(), Error> {
    let refolded = journal::refold(tx, now)?;
    if refolded > 0 {
        tracing::info!(workspaces = refolded, "folded anew, because the rules have changed");
    }
    messages::pull_back(tx, steady.now_ms())
}

fn make_rooms(directory: &Path) -> Result<(), OpenError> {
    for (name, mode) in [("homes", PASS_THROUGH), ("runtime", PASS_THROUGH), ("logs", PRIVATE)] {
        let path = directory.join(name);
        DirBuilder::new()
            .recursive(true)
            .mode(mode)
            .create(&path)
            .and_then(|()| std::fs::set_permissions(&path, Permissions::from_mode(mode)))
            .map_err(OpenError::file("create", &path))?;
    }
    Ok(())
}

/// Makes the directory, or makes sure that it can be ours: its mode is changed, so somebody's
/// home or `/tmp`, given by mistake, is refused.
fn make_directory(directory: &Path) -> Result<(), OpenError> {
    let unfit =
        |words: &str| OpenError::Unfit { directory: directory.to_owned(), words: words.to_owned() };
    match std::fs::metadata(directory) {
        Ok(found) if !found.is_dir() => return Err(unfit("it is not a directory")),
        Ok(found) => {
            let mut names = std::fs::read_dir(directory)
                .map_err(OpenError::file("read", directory))?
                .filter_map(|entry| entry.ok().map(|entry| entry.file_name()))
                .peekable();
            let ours = names.peek().is_none()
                || names.any(|name| CONTENTS.iter().any(|known| name == *known));
            if !ours {
                return Err(unfit(
                    "it holds other things; choose an empty or a new one with --data",
                ));
            }
            if found.uid() != rustix::process::geteuid().as_raw() {
                return Err(unfit("it belongs to another user; start teamclaw as that user"));
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            DirBuilder::new()
                .recursive(true)
                .mode(PASS_THROUGH)
                .create(directory)
                .map_err(OpenError::file("create", directory))?;
        }
        Err(error) => return Err(OpenError::file("read", directory)(error)),
    }
    std::fs::set_permissions(directory, Permissions::from_mode(PASS_THROUGH))
        .map_err(OpenError::file("set the mode of", directory))
}
