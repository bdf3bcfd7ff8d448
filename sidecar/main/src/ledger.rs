//! Where usage goes: a line of JSON for each request, at the end of a file or to standard output.
//!
//! A line may come twice when the program was killed between writing it and noting that it did;
//! `id` tells. A line that was cut, by a kill or a full disk, stays a line of its own: what was cut
//! is written once more behind it. Nothing is added up here.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use events::{Envelope, Reason, ReasonClass};
use ports::usage::{Grouping, Spending};
use ports::{Fault, Usage};

use crate::genai;
use crate::settings::Problem;

const SERVICE: &str = "usage file";

/// The end of the lines.
pub(crate) struct Ledger(Arc<Mutex<Sink>>);

enum Sink {
    Output,
    File {
        file: File,
        /// Nobody knows whether it ends with a whole line.
        perhaps_cut: bool,
    },
}

impl Ledger {
    /// Opens the file for appending, or standard output for `-`.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(crate) fn open(path: &Path) -> Result<Self, Problem> {
        if path == Path::new("-") {
            return Ok(Self(Arc::new(Mutex::new(Sink::Output))));
        }
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).mode(0o600).open(path);
        let what = format!("usage cannot be written to {}", path.display());
        let file = file.map_err(|error| Problem::new(what, error))?;
        Ok(Self(Arc::new(Mutex::new(Sink::File { file, perhaps_cut: true }))))
    }
}

impl Sink {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::Output => {
                let mut output = io::stdout().lock();
                output.write_all(lines)?;
                output.flush()
            }
            Self::File { file, perhaps_cut } => {
                if std::mem::replace(perhaps_cut, true) && is_cut(file)? {
                    file.write_all(b"\n")?;
                }
                file.write_all(lines)?;
                *perhaps_cut = false;
                file.sync_data()
            }
        }
    }
}

/// Whether a file ends within a line.
fn is_cut(file: &File) -> io::Result<bool> {
    // What can only be written to, a pipe, holds no line of an earlier run.
    let metadata = file.metadata()?;
    let Some(last) = metadata.len().checked_sub(1).filter(|_| metadata.is_file()) else {
        return Ok(false);
    };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    Ok(byte != *b"\n")
}

#[async_trait]
impl Usage for Ledger {
    async fn count(&self, batch: &[Envelope]) -> Result<(), Fault> {
        let lines: String = batch.iter().map(|envelope| genai::line(envelope) + "\n").collect();
        let sink = Arc::clone(&self.0);
        let written = tokio::task::spawn_blocking(move || {
            sink.lock().unwrap_or_else(PoisonError::into_inner).write(lines.as_bytes())
        });
        let written = written.await.map_err(|error| Fault::unavailable(SERVICE, error))?;
        written.map_err(|error| Fault::unavailable(SERVICE, error))
    }

    async fn report(
        &self,
        _: Grouping,
        _: Option<jiff::Timestamp>,
    ) -> Result<Vec<Spending>, Fault> {
        let words = "a stand-alone sidecar adds nothing up: read the file of its usage";
        Err(Fault::Refused(Reason::new(ReasonClass::BadConfig, words)))
    }
}
