//! Homes as directories: `homes/<workspace>` in the data directory, 0700, of the workspace's own
//! user when the engine is root.
//!
//! An agent can put anything into its home, links among it. Nothing here follows a link, and a
//! home that was made once and is missing later is a fault: an empty one would look like a loss.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use events::{Gen, WorkspaceId};
use ports::Fault;
use rusqlite::Transaction;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::compute::seats::{self, Users};
use crate::database::Database;
use crate::purge;
use crate::turns::Turns;

/// The directory of homes in the data directory.
pub(crate) const HOMES: &str = "homes";

/// Where purged homes wait to be emptied; no workspace's name begins with a dot.
const GONE: &str = ".gone";

/// The directory of logs in the data directory.
pub(crate) const LOGS: &str = "logs";

/// Homes on this machine. Cheap to clone.
#[derive(Clone)]
pub struct Homes {
    database: Arc<Database>,
    data_dir: PathBuf,
    places: Vec<String>,
    users: Option<Arc<Users>>,
    turns: Arc<Turns>,
}

/// The service as an operator knows it.
pub(crate) const SERVICE: &str = "the homes directory";

impl Homes {
    pub(crate) fn new(
        database: Arc<Database>,
        data_dir: PathBuf,
        places: Vec<String>,
        users: Option<Arc<Users>>,
        turns: Arc<Turns>,
    ) -> Self {
        Self { database, data_dir, places, users, turns }
    }

    /// A workspace's home, if there is one.
    pub fn place(&self, id: &WorkspaceId) -> Option<PathBuf> {
        Some(self.data_dir.join(HOMES).join(id.as_str())).filter(|place| place.is_dir())
    }

    fn uid(&self, seat: seats::Seat) -> Result<Option<u32>, Fault> {
        self.users.as_deref().map(|users| users.of(seat.number)).transpose()
    }

    async fn set_home(&self, id: &WorkspaceId, has: bool) -> Result<(), Fault> {
        let name = id.clone();
        self.database.write(move |work| seats::set_home(work, &name, has)).await
    }
}

#[async_trait]
impl ports::Homes for Homes {
    async fn ensure(&self, id: &WorkspaceId, generation: Gen) -> Result<String, Fault> {
        let (homes, id) = (self.clone(), id.clone());
        self.alone(&id.clone(), async move { homes.make(&id, generation).await }).await
    }

    async fn purge(&self, id: &WorkspaceId, generation: Gen) -> Result<(), Fault> {
        let (homes, id) = (self.clone(), id.clone());
        self.alone(&id.clone(), async move { homes.remove(&id, generation).await }).await
    }
}

impl Homes {
    /// Does one thing at a time with a workspace's home, so that what is made late finds its fence.
    /// On its own, so that a caller who goes away leaves nothing that is still being made.
    async fn alone<T: Send + 'static>(
        &self,
        id: &WorkspaceId,
        work: impl Future<Output = Result<T, Fault>> + Send + 'static,
    ) -> Result<T, Fault> {
        let turn = self.turns.take(id).await;
        let done = tokio::spawn(async move {
            let _turn = turn;
            work.await
        });
        done.await.map_err(|error| Fault::unavailable(SERVICE, error))?
    }

    async fn make(&self, id: &WorkspaceId, generation: Gen) -> Result<String, Fault> {
        let name = id.clone();
        let ask = move |work: &Transaction<'_>| seats::ask_home(work, &name, generation);
        let seat = self.database.write(ask).await?;
        let uid = self.uid(seat)?;
        let path = self.data_dir.join(HOMES).join(id.as_str());
        let place = path.clone();
        blocking(move || {
            if seat.had_home
                && !place.try_exists().map_err(|error| Fault::unavailable(SERVICE, error))?
            {
                let words = format!(
                    "{} was there before and is missing; is its disk mounted? Put it back, or \
                     delete the person to begin anew",
                    place.display()
                );
                return Err(Fault::unavailable(SERVICE, words));
            }
            own_directory(&place, uid)
        })
        .await?;
        if !seat.had_home {
            self.set_home(id, true).await?;
        }
        path.into_os_string().into_string().map_err(|_| Fault::Nonsense {
            service: SERVICE,
            words: "the data directory's path is not UTF-8".to_owned(),
        })
    }

    async fn remove(&self, id: &WorkspaceId, generation: Gen) -> Result<(), Fault> {
        let name = id.clone();
        let fence = move |work: &Transaction<'_>| seats::fence_home(work, &name, generation);
        let (seat, may) = self.database.write(fence).await?;
        if !may {
            return Ok(());
        }
        let uid = self.uid(seat)?;
        let homes = self.data_dir.join(HOMES);
        let gone = homes.join(GONE).join(id.as_str());
        let home = homes.join(id.as_str());
        let others = self.others(id, uid);
        // First out of the way, so that a new home cannot mix with the rest of the old one.
        let waiting = gone.clone();
        blocking(move || purge::set_aside(&home, &waiting)).await?;
        self.set_home(id, false).await?;
        blocking(move || {
            purge::empty(&gone)?;
            others.iter().try_for_each(|path| purge::empty(path))
        })
        .await
    }

    /// What else belongs to the workspace alone: its logs and, with a user of its own, its places.
    fn others(&self, id: &WorkspaceId, uid: Option<u32>) -> Vec<PathBuf> {
        let logs = self.data_dir.join(LOGS).join(id.as_str());
        let places = uid.into_iter().flat_map(|uid| {
            self.places
                .iter()
                .filter(|place| place.contains("{uid}"))
                .map(move |place| crate::compute::place_of(place, uid))
        });
        std::iter::once(logs).chain(places).collect()
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Fault::unavailable(SERVICE, error))?
}

/// Makes sure that a directory is there, is no link, is of the user, and is open to nobody else.
/// One that is somebody else's is left alone.
pub(crate) fn own_directory(path: &Path, uid: Option<u32>) -> Result<(), Fault> {
    let failed = |error: Errno| match error {
        Errno::LOOP | Errno::NOTDIR => Fault::Taken { resource: path.display().to_string() },
        other => Fault::unavailable(SERVICE, format!("{}: {other}", path.display())),
    };
    let made = match rustix::fs::mkdir(path, Mode::RWXU) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(error) => return Err(failed(error)),
    };
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(path, flags, Mode::empty()).map_err(failed)?;
    let found = rustix::fs::fstat(&directory).map_err(failed)?;
    let engine = rustix::process::geteuid().as_raw();
    let owner = uid.unwrap_or(engine);
    if found.st_uid != owner {
        // The engine's own may be half-made by a crash; anyone else's is not ours to take.
        if found.st_uid != engine {
            return Err(Fault::Taken { resource: path.display().to_string() });
        }
        let (user, group) = (rustix::fs::Uid::from_raw(owner), rustix::fs::Gid::from_raw(owner));
        rustix::fs::fchown(&directory, Some(user), Some(group)).map_err(failed)?;
    }
    if made || found.st_mode & 0o777 != 0o700 {
        rustix::fs::fchmod(&directory, Mode::RWXU).map_err(failed)?;
    }
    Ok(())
}
