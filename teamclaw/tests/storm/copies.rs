//! Copies of a data directory at one moment, as a power cut would leave it, opened elsewhere.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use events::Workspace;
use local::Local;
use ports::Query;
use rustix::process::{Pid, Signal, kill_process};

use crate::books::{self, Fact};

/// What is copied: the database with its log and the log's index.
const FILES: [&str; 3] = ["teamclaw.db", "teamclaw.db-wal", "teamclaw.db-shm"];
/// How long a process may take to stand still.
const STILL_WITHIN: Duration = Duration::from_secs(10);

/// A copy, removed when it is dropped.
pub(crate) struct Copy(pub(crate) PathBuf);

impl Drop for Copy {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

impl Copy {
    /// Copies the database as it is at one moment: its engine stands still meanwhile.
    pub(crate) fn take(data: &Path, engine: u32, number: usize) -> Self {
        let copy = data.with_extension(format!("copy-{number}"));
        drop(fs::remove_dir_all(&copy));
        fs::DirBuilder::new().mode(0o700).create(&copy).expect("a fresh directory");
        freeze(engine);
        for file in FILES {
            // Before the first write there is no log, and after a clean end neither.
            if data.join(file).exists() {
                fs::copy(data.join(file), copy.join(file)).expect("copied");
            }
        }
        thaw(engine);
        Self(copy)
    }

    /// Opens it, and makes sure that it is whole, that every journal folds to what is stored of it,
    /// and that nothing of `acknowledged` is missing. Gives how many events it holds.
    pub(crate) async fn check(&self, acknowledged: &[Fact]) -> usize {
        let local = Local::open(&self.0).expect("the copy opens");
        let check = |connection: &rusqlite::Connection| {
            let sql = "PRAGMA integrity_check";
            Ok(connection.query_row(sql, [], |row| row.get::<_, String>(0))?)
        };
        assert_eq!(local.database().read(check).await.expect("checked"), "ok");
        let journal = local.journal();
        let rows = journal.find(&Query::default(), None, usize::MAX).await.expect("found");
        let mut events = 0;
        for row in rows {
            let loaded = journal.load(&row.workspace).await.expect("loaded");
            let history = journal.history(&row.workspace, events::Version(0), usize::MAX).await;
            let mut folded = Workspace::default();
            for (_, fact) in history.as_ref().expect("a history") {
                folded.absorb(fact.time, &fact.event);
                events += 1;
            }
            assert_eq!(loaded.workspace, folded, "{} folds to something else", row.workspace);
        }
        let journals = books::journals(&*journal, acknowledged).await;
        let missing = books::missing(acknowledged, &journals);
        assert!(missing.is_empty(), "acknowledged before the copy, and not in it: {missing:?}");
        events
    }

    /// What rows are left that name something real: live tasks, open routes, leases.
    pub(crate) async fn resources(&self) -> [Vec<(String, i64)>; 3] {
        let local = Local::open(&self.0).expect("the copy opens");
        let look = |connection: &rusqlite::Connection| {
            let rows = |sql: &str| {
                let mut find = connection.prepare(sql)?;
                let rows = find.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
                rows.collect::<rusqlite::Result<Vec<(String, i64)>>>()
            };
            Ok([
                rows("SELECT workspace, generation FROM tasks WHERE live ORDER BY 1, 2")?,
                rows(
                    "SELECT workspace, generation FROM routes WHERE generation IS NOT NULL ORDER BY 1, 2",
                )?,
                rows("SELECT workspace, generation FROM leases ORDER BY 1, 2")?,
            ])
        };
        local.database().read(look).await.expect("looked")
    }
}

/// Makes a process stand still, all of it.
pub(crate) fn freeze(process: u32) {
    signal(process, Signal::STOP);
    let until = instant() + STILL_WITHIN;
    while !stands_still(process) {
        assert!(instant() < until, "process {process} does not stand still");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Lets it go on.
pub(crate) fn thaw(process: u32) {
    signal(process, Signal::CONT);
}

fn signal(process: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(process).expect("a number")).expect("a process");
    kill_process(pid, signal).expect("signalled");
}

/// Whether every thread is stopped, or the process has ended and waits to be taken note of.
fn stands_still(process: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let mut states =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
    states.all(|stat| {
        let state = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        ["T", "t", "Z", "X"].iter().any(|still| state.starts_with(still))
    })
}

#[expect(clippy::disallowed_methods, reason = "a deadline of a test")]
fn instant() -> Instant {
    Instant::now()
}
