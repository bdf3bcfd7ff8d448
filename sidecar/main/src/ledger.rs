//! Where usage goes: a line of JSON for each request, at the end of a file or to standard output.
//!
//! A line may come twice when the program was killed between writing it and noting that it did;
//! `id` tells. A line that was cut, by a kill or a full disk, stays a line of its own: what was cut
//! is written once more behind it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use events::{Envelope, Reason, ReasonClass, WorkspaceId};
use jiff::Timestamp;
use ports::{BatchBounds, Fault, Spending, UsageSink, UsageTotals};

use crate::genai::Lines;
use crate::settings::Problem;
use crate::totals;

const SERVICE: &str = "usage file";
/// How many lines are written without a look at what requests are doing: ten microseconds' work. With
/// eight times as many, three of a hundred requests of one busy client waited a tenth of a millisecond.
const LINES_AT_ONCE: usize = 4;

/// The end of the lines.
pub(crate) struct Ledger {
    sink: Arc<Mutex<Sink>>,
    /// Where they can be read again; not at standard output.
    path: Option<PathBuf>,
}

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
            return Ok(Self { sink: Arc::new(Mutex::new(Sink::Output)), path: None });
        }
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).mode(0o600).open(path);
        let what = format!("usage cannot be written to {}", path.display());
        let file = file.map_err(|error| Problem::new(what, error))?;
        let (sink, path) =
            (Arc::new(Mutex::new(Sink::File { file, perhaps_cut: true })), Some(path.to_owned()));
        Ok(Self { sink, path })
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
impl UsageSink for Ledger {
    /// Each call waits for the disk once, so many records share one.
    fn bounds(&self) -> BatchBounds {
        BatchBounds { records: 500, length: None, ..BatchBounds::MESSAGE }
    }

    async fn count(&self, batch: &[Envelope]) -> Result<(), Fault> {
        // A line is about 800 bytes.
        let mut lines = Lines::with_capacity(batch.len() * 1024);
        for few in batch.chunks(LINES_AT_ONCE) {
            few.iter().for_each(|envelope| lines.add(envelope));
            // Requests go first.
            tokio::task::yield_now().await;
        }
        let (sink, lines) = (Arc::clone(&self.sink), lines.end());
        let written = tokio::task::spawn_blocking(move || {
            sink.lock().unwrap_or_else(PoisonError::into_inner).write(&lines)
        });
        let written = written.await.map_err(|error| Fault::unavailable(SERVICE, error))?;
        written.map_err(|error| Fault::unavailable(SERVICE, error))
    }
}

#[async_trait]
impl UsageTotals for Ledger {
    async fn total(&self, workspace: &WorkspaceId, since: Timestamp) -> Result<Spending, Fault> {
        let Some(path) = self.path.clone() else {
            let words = "usage goes to standard output, where nobody can add it up again";
            return Err(Fault::Refused(Reason::new(ReasonClass::BadConfig, words)));
        };
        let workspace = workspace.clone();
        let read = tokio::task::spawn_blocking(move || {
            totals::total(File::open(path)?, &workspace, since, totals::BLOCK)
        });
        let read = read.await.map_err(|error| Fault::unavailable(SERVICE, error))?;
        read.map_err(|error| Fault::unavailable(SERVICE, error))
    }
}
