//! A disk for tests: it remembers how it looked after each write and in the middle of each, knows
//! what a power failure would leave, and refuses when told to.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{Disk, Segment};

/// Segments by number.
pub(super) type Files = BTreeMap<u64, Vec<u8>>;

#[derive(Default)]
pub(super) struct Platter {
    pub(super) files: Files,
    /// What a power failure leaves for sure: synced bytes of segments whose names are synced.
    pub(super) synced: Files,
    synced_bytes: Files,
    /// How the files looked after each change, and half-way through each append; for who wants it,
    /// as it is a copy of everything each time.
    pub(super) history: Option<Vec<Files>>,
    /// How many bytes may still be appended; without it there is no end.
    pub(super) room: Option<usize>,
    /// Nothing can be brought in sync.
    pub(super) sync_fails: bool,
    /// Happens once, after the next read has seen the files and before it is answered.
    pub(super) meanwhile: Option<Box<dyn FnOnce() + Send>>,
    pub(super) appends: usize,
    pub(super) syncs: usize,
}

impl Platter {
    fn changed(&mut self) {
        if let Some(history) = &mut self.history {
            history.push(self.files.clone());
        }
    }
}

/// The disk; its clones are the same one.
#[derive(Clone, Default)]
pub(super) struct Fake(Arc<Mutex<Platter>>);

impl Fake {
    /// A disk on which these lie.
    pub(super) fn of(files: Files) -> Self {
        let platter = Platter {
            synced: files.clone(),
            synced_bytes: files.clone(),
            files,
            ..Platter::default()
        };
        Self(Arc::new(Mutex::new(platter)))
    }

    /// All of it, to look at or to break.
    pub(super) fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for Fake {
    fn list(&self) -> Result<Vec<u64>> {
        Ok(self.platter().files.keys().copied().collect())
    }

    fn read(&self, number: u64) -> Result<Vec<u8>> {
        let mut platter = self.platter();
        let bytes = platter.files.get(&number).cloned();
        let meanwhile = platter.meanwhile.take();
        drop(platter);
        meanwhile.into_iter().for_each(|happens| happens());
        bytes.ok_or(ErrorKind::NotFound.into())
    }

    fn create(&self, number: u64) -> Result<Arc<dyn Segment>> {
        let mut platter = self.platter();
        if platter.room == Some(0) {
            return Err(ErrorKind::StorageFull.into());
        }
        if platter.files.contains_key(&number) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        platter.files.insert(number, Vec::new());
        platter.changed();
        Ok(Arc::new(Page { fake: self.clone(), number }))
    }

    fn remove(&self, number: u64) -> Result<()> {
        let mut platter = self.platter();
        platter.files.remove(&number);
        platter.synced.remove(&number);
        platter.changed();
        Ok(())
    }

    fn sync_names(&self) -> Result<()> {
        let mut platter = self.platter();
        let names: Vec<u64> = platter.files.keys().copied().collect();
        for number in names {
            let bytes = platter.synced_bytes.get(&number).cloned().unwrap_or_default();
            platter.synced.insert(number, bytes);
        }
        Ok(())
    }
}

struct Page {
    fake: Fake,
    number: u64,
}

impl Segment for Page {
    fn append(&self, length: u64, bytes: &[u8]) -> Result<()> {
        let mut platter = self.fake.platter();
        platter.appends += 1;
        let fits = platter.room.unwrap_or(usize::MAX).min(bytes.len());
        platter.room = platter.room.map(|room| room - fits);
        for part in [bytes.len() / 2, bytes.len()] {
            let file = platter.files.entry(self.number).or_default();
            file.truncate(usize::try_from(length).map_err(Error::other)?);
            file.extend_from_slice(&bytes[..part.min(fits)]);
            platter.changed();
        }
        if fits < bytes.len() { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&self) -> Result<()> {
        let mut platter = self.fake.platter();
        platter.syncs += 1;
        if platter.sync_fails {
            return Err(Error::other("no sync"));
        }
        let bytes = platter.files.get(&self.number).cloned().unwrap_or_default();
        if platter.synced.contains_key(&self.number) {
            platter.synced.insert(self.number, bytes.clone());
        }
        platter.synced_bytes.insert(self.number, bytes);
        Ok(())
    }
}
