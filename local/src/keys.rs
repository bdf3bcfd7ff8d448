//! [`Keys`] in one file, `keys.json`. An administrator may edit it by hand while the program runs:
//! it is read again when it has changed, and what cannot be read is never written over.

use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use events::pool::{Pool, PoolError};
use events::rotation::Number;
use events::{KeyPrint, ProviderId, Secret};
use ports::keys::SERVICE;
use ports::{Fault, KeyInfo, Keys, PoolKey, Renewed, Staging, Turn};

use crate::lock::DirectoryLock;
use crate::secrets::{close_to_others, replace};

/// The pool of one machine.
pub(crate) struct FileKeys {
    file: Arc<Mutex<KeyFile>>,
    /// Nobody else writes the file while we do.
    _lock: Option<Arc<DirectoryLock>>,
}

struct KeyFile {
    path: PathBuf,
    known: Option<(Seen, Pool)>,
}

/// What tells that a file has changed: a replaced one has another inode, an edited one another
/// time or length.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    inode: u64,
    length: u64,
    changed: (i64, i64),
}

impl Seen {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            length: metadata.len(),
            changed: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// What a file looks like that is not there.
const NONE: Seen = Seen { inode: 0, length: 0, changed: (0, 0) };
/// How often a change is made anew because somebody saved the file meanwhile: nobody saves as fast as
/// we do.
const CHANGES_MAX: usize = 16;

/// What the file looks like now, and its mode, if it is there.
fn seen(path: &Path) -> Result<Option<(Seen, u32)>, Fault> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(Some((Seen::of(&metadata), metadata.mode()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Fault::unavailable(SERVICE, error)),
    }
}

impl FileKeys {
    /// The pool in this file, which may not be there yet.
    pub(crate) fn under(path: &Path, lock: Option<Arc<DirectoryLock>>) -> Self {
        let file = KeyFile { path: path.to_owned(), known: None };
        Self { file: Arc::new(Mutex::new(file)), _lock: lock }
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut KeyFile) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let file = Arc::clone(&self.file);
        let work = move || work(&mut file.lock().unwrap_or_else(PoisonError::into_inner));
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| Fault::unavailable(SERVICE, error))?
    }

    async fn change<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Pool) -> Result<T, PoolError> + Send + 'static,
    ) -> Result<T, Fault> {
        self.with(move |file| file.change(work)).await
    }
}

/// The pool in a file of its own, for who has no data directory. Several programs may renew what is
/// in it; keys are added and removed only by who holds it alone.
pub fn keys_at(path: &Path) -> Arc<dyn Keys> {
    Arc::new(FileKeys::under(path, None))
}

#[async_trait]
impl Keys for FileKeys {
    async fn of(&self, provider: &str) -> Result<Vec<PoolKey>, Fault> {
        let provider = provider.to_owned();
        self.with(move |file| Ok(file.pool()?.of(&provider))).await
    }

    async fn list(&self) -> Result<Vec<KeyInfo>, Fault> {
        self.with(|file| Ok(file.pool()?.list())).await
    }

    async fn add(&self, provider: &str, key: Secret) -> Result<(KeyPrint, bool), Fault> {
        let provider = provider.to_owned();
        self.change(move |pool| pool.add(&provider, &key)).await
    }

    async fn remove(&self, provider: &str, key: &KeyPrint) -> Result<bool, Fault> {
        let (provider, key) = (provider.to_owned(), key.clone());
        self.change(move |pool| pool.remove(&provider, &key)).await
    }

    async fn renew(&self, provider: &str, spent: &KeyPrint, to: &Renewed) -> Result<bool, Fault> {
        let (provider, spent, to) = (provider.to_owned(), spent.clone(), to.clone());
        self.with(move |file| {
            let _alone = file.alone()?;
            let mut pool = file.pool()?.clone();
            let there = pool.renew(&provider, &spent, &to);
            if there {
                file.write(&pool)?;
            }
            Ok(there)
        })
        .await
    }
}

#[async_trait]
impl Staging for FileKeys {
    async fn stage(
        &self,
        provider: &ProviderId,
        rotation: Number,
        keys: &[Secret],
    ) -> Result<Vec<KeyPrint>, Fault> {
        let (provider, keys) = (provider.clone(), keys.to_vec());
        self.change(move |pool| pool.stage(&provider, rotation, &keys)).await
    }

    async fn staged(&self, provider: &ProviderId, rotation: Number) -> Result<Vec<PoolKey>, Fault> {
        let provider = provider.clone();
        self.with(move |file| Ok(file.pool()?.staged(&provider, rotation)?)).await
    }

    async fn promote(
        &self,
        provider: &ProviderId,
        turn: Turn,
        new: &[KeyPrint],
    ) -> Result<Vec<KeyPrint>, Fault> {
        let (provider, new) = (provider.clone(), new.to_vec());
        self.change(move |pool| pool.promote(&provider, turn, &new)).await
    }

    async fn retire(
        &self,
        provider: &ProviderId,
        turn: Turn,
        new: &[KeyPrint],
        old: &[KeyPrint],
    ) -> Result<Vec<KeyPrint>, Fault> {
        let (provider, new, old) = (provider.clone(), new.to_vec(), old.to_vec());
        self.change(move |pool| pool.retire(&provider, turn, &new, &old)).await
    }

    async fn restore(&self, provider: &ProviderId, turn: Turn) -> Result<(), Fault> {
        let provider = provider.clone();
        self.change(move |pool| pool.restore(&provider, turn)).await
    }

    async fn withdraw(&self, provider: &ProviderId, turn: Turn) -> Result<(), Fault> {
        let provider = provider.clone();
        self.change(move |pool| pool.withdraw(&provider, turn)).await
    }

    async fn forget(&self, provider: &ProviderId, up_to: Number) -> Result<(), Fault> {
        let provider = provider.clone();
        self.change(move |pool| pool.forget(&provider, up_to)).await
    }
}

impl KeyFile {
    /// Keeps out every other program that renews, until it is dropped: sidecars without a data
    /// directory may share a file. The file itself is replaced, so the lock is its directory's.
    fn alone(&self) -> Result<File, Fault> {
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = File::open(directory.unwrap_or(Path::new(".")));
        let directory = directory.map_err(|error| Fault::unavailable(SERVICE, error))?;
        directory.lock().map_err(|error| Fault::unavailable(SERVICE, error))?;
        Ok(directory)
    }

    /// The pool as the file has it now.
    fn pool(&mut self) -> Result<&Pool, Fault> {
        let Some((seen, mode)) = seen(&self.path)? else {
            return Ok(&self.known.insert((NONE, Pool::empty())).1);
        };
        let unchanged = self.known.as_ref().is_some_and(|(known, _)| *known == seen);
        if !unchanged {
            let closed = close_to_others(&self.path, mode);
            if closed.map_err(|error| Fault::unavailable(SERVICE, error))? {
                tracing::warn!(path = %self.path.display(), "the key pool was readable by others; closed it");
            }
            let text = std::fs::read_to_string(&self.path);
            let text = Secret::new(text.map_err(|error| Fault::unavailable(SERVICE, error))?);
            self.known = None;
            let pool = Pool::parse(text.expose()).map_err(|error| in_file(error, &self.path))?;
            return Ok(&self.known.insert((seen, pool)).1);
        }
        self.known.as_ref().map(|(_, pool)| pool).ok_or_else(|| Fault::Nonsense {
            service: SERVICE,
            words: "the pool was not read".to_owned(),
        })
    }

    /// Makes a change on top of the file as it is now, and makes it anew if an administrator saved
    /// theirs meanwhile.
    fn change<T>(&mut self, work: impl Fn(&mut Pool) -> Result<T, PoolError>) -> Result<T, Fault> {
        for _ in 0..CHANGES_MAX {
            let before = self.pool()?.clone();
            let mut pool = before.clone();
            let done = work(&mut pool)?;
            if pool == before || self.write(&pool)? {
                return Ok(done);
            }
        }
        Err(Fault::unavailable(SERVICE, "somebody else writes it all the time"))
    }

    /// Writes the file, unless it is another than the one that was read; gives whether it did.
    fn write(&mut self, pool: &Pool) -> Result<bool, Fault> {
        let text = Secret::new(pool.text()?);
        let read = self.known.take().map(|(seen, _)| seen);
        if read != Some(seen(&self.path)?.map_or(NONE, |(seen, _)| seen)) {
            return Ok(false);
        }
        replace(&self.path, text.expose()).map_err(|error| Fault::unavailable(SERVICE, error))?;
        Ok(true)
    }
}

/// What is wrong, with the name of the file that somebody has to look into.
fn in_file(error: PoolError, path: &Path) -> PoolError {
    let PoolError::Nonsense(words) = error else { return error };
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    PoolError::Nonsense(format!("{name}: {words}"))
}
