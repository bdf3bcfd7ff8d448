//! [`Keys`] in one file, `keys.json`. An administrator may edit it by hand while the program runs:
//! it is read again when it has changed, and what cannot be read is never written over.

use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use events::{KeyPrint, Secret};
use ports::{Fault, KeyInfo, Keys, PoolKey, Renewed};

use crate::lock::DirectoryLock;
use crate::pool::{Pool, SERVICE};
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
        self.with(move |file| {
            let mut pool = file.pool()?.clone();
            let (print, fresh) = pool.add(&provider, &key)?;
            if fresh {
                file.write(&pool)?;
            }
            Ok((print, fresh))
        })
        .await
    }

    async fn remove(&self, provider: &str, key: &KeyPrint) -> Result<bool, Fault> {
        let (provider, key) = (provider.to_owned(), key.clone());
        self.with(move |file| {
            let mut pool = file.pool()?.clone();
            let there = pool.remove(&provider, &key)?;
            if there {
                file.write(&pool)?;
            }
            Ok(there)
        })
        .await
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
        let metadata = match std::fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let none = Seen { inode: 0, length: 0, changed: (0, 0) };
                return Ok(&self.known.insert((none, Pool::empty())).1);
            }
            Err(error) => return Err(Fault::unavailable(SERVICE, error)),
        };
        let seen = Seen::of(&metadata);
        let unchanged = self.known.as_ref().is_some_and(|(known, _)| *known == seen);
        if !unchanged {
            let closed = close_to_others(&self.path, metadata.mode());
            if closed.map_err(|error| Fault::unavailable(SERVICE, error))? {
                tracing::warn!(path = %self.path.display(), "the key pool was readable by others; closed it");
            }
            let text = std::fs::read_to_string(&self.path);
            let text = Secret::new(text.map_err(|error| Fault::unavailable(SERVICE, error))?);
            self.known = None;
            return Ok(&self.known.insert((seen, Pool::parse(text.expose())?)).1);
        }
        self.known.as_ref().map(|(_, pool)| pool).ok_or_else(|| Fault::Nonsense {
            service: SERVICE,
            words: "the pool was not read".to_owned(),
        })
    }

    fn write(&mut self, pool: &Pool) -> Result<(), Fault> {
        let text = Secret::new(pool.text()?);
        self.known = None;
        replace(&self.path, text.expose()).map_err(|error| Fault::unavailable(SERVICE, error))
    }
}
