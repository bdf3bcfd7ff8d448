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
use std::time::Duration;

use async_trait::async_trait;
use events::{Envelope, Reason, ReasonClass, WorkspaceId};
use jiff::Timestamp;
use ports::{BatchBounds, Fault, Spending, UsageSink, UsageTotals};
use tokio::time::Instant;

use crate::genai::Lines;
use crate::settings::Problem;
use crate::totals;

const SERVICE: &str = "usage file";
/// How many lines are written at least without a look at what requests are doing: ten microseconds' work,
/// so that one busy client hardly ever waits for them.
const LINES_MIN: usize = 4;
/// One more line for each time that such a look took this long, half of what a request takes: where many
/// clients are busy, fewer lines would fall behind their requests without end.
const LINE_EACH: Duration = Duration::from_micros(12);

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

/// The lines of a batch, written while requests go on.
async fn lines_of(batch: &[Envelope]) -> Vec<u8> {
    // A line is about 800 bytes.
    let mut lines = Lines::with_capacity(batch.len() * 1024);
    let (mut rest, mut at_once) = (batch, LINES_MIN);
    while !rest.is_empty() {
        let (now, later) = rest.split_at(at_once.min(rest.len()));
        now.iter().for_each(|envelope| lines.add(envelope));
        rest = later;
        // Requests go first.
        let asked = Instant::now();
        tokio::task::yield_now().await;
        at_once = at_once_after(asked.elapsed());
    }
    lines.end()
}

/// How many lines are written next, when requests have had the processor for so long.
fn at_once_after(look: Duration) -> usize {
    let many = look.as_micros() / LINE_EACH.as_micros();
    usize::try_from(many).unwrap_or(usize::MAX).max(LINES_MIN)
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
        let (sink, lines) = (Arc::clone(&self.sink), lines_of(batch).await);
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use events::price::Cost;
    use events::usage::{Completion, Tokens, UsageRecord};
    use events::{Event, EventId, Gen, KeyPrint, Stamp};

    use super::*;

    fn record() -> Envelope {
        let record = UsageRecord {
            generation: Gen(1),
            team: "red".parse().expect("a team"),
            provider: "anthropic".to_owned(),
            model: "claude-haiku-4-5".to_owned(),
            key: KeyPrint("k".to_owned()),
            started: Timestamp::UNIX_EPOCH,
            duration_ms: 1,
            status: 200,
            completion: Completion::Complete,
            tokens: Tokens::default(),
            estimated: false,
            cost: Cost::Unknown { why: "a test".to_owned() },
            raw: None,
        };
        let id = "01890a5d-ac96-774b-bcce-b302099a8057".parse().map(EventId).expect("an id");
        let stamp = Stamp { id, time: Timestamp::UNIX_EPOCH, cause: None };
        Envelope::new("/sidecar", None, stamp, Event::UsageRecorded(record))
    }

    /// A pass of the scheduler, in which forty requests are served.
    async fn busy(passes: &Cell<usize>) {
        loop {
            let until = Instant::now() + Duration::from_millis(1);
            while Instant::now() < until {
                std::hint::spin_loop();
            }
            passes.set(passes.get() + 1);
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn lines_do_not_fall_behind_the_requests_of_many_busy_clients() {
        let (batch, passes) = (vec![record(); 500], Cell::new(0));
        let lines = tokio::select! {
            biased;
            lines = lines_of(&batch) => lines,
            () = busy(&passes) => Vec::new(),
        };
        assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), 500);
        assert!(passes.get() * 40 < 500, "{} passes for 500 lines", passes.get());
    }
}
