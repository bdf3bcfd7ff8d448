//! Where usage goes: a line of JSON for each request, at the end of a file or to standard output.
//!
//! A line may come twice when the program was killed between writing it and noting that it did;
//! `id` tells. Nothing is added up here.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
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
    File(File),
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
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        let what = format!("usage cannot be written to {}", path.display());
        let file = file.map_err(|error| Problem::new(what, error))?;
        Ok(Self(Arc::new(Mutex::new(Sink::File(file)))))
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
            Self::File(file) => {
                file.write_all(lines)?;
                file.sync_data()
            }
        }
    }
}

#[async_trait]
impl Usage for Ledger {
    async fn count(&self, batch: &[Envelope]) -> Result<(), Fault> {
        // A line is about 800 bytes.
        let mut lines = Vec::with_capacity(batch.len() * 1024);
        for envelope in batch {
            genai::line(envelope, &mut lines);
        }
        let sink = Arc::clone(&self.0);
        let written = tokio::task::spawn_blocking(move || {
            sink.lock().unwrap_or_else(PoisonError::into_inner).write(&lines)
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
