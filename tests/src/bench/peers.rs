//! What others get from the same disk at the same hour: a file with `fdatasync` after each write,
//! and SQLite as most programs use it, one transaction an append. Both one after the other, as
//! neither shares a sync with anybody.

use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

use rusqlite::{Connection, params};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::Failure;
use super::args::EngineArgs;
use super::samples::Samples;
use super::scratch::Scratch;

/// About what one of our appends writes.
const BYTES: usize = 1024;

/// Writes to the end of a file, each write synced.
///
/// # Errors
/// What the disk said.
pub(super) async fn bare_disk(args: &EngineArgs) -> Result<Samples, Failure> {
    let (scratch, lasting) = (Scratch::new(&args.data)?, args.round());
    spawn_blocking(move || {
        let mut file = File::create(scratch.path().join("bare"))?;
        again(lasting, || {
            file.write_all(&[b'x'; BYTES])?;
            Ok(file.sync_data()?)
        })
    })
    .await?
}

/// Inserts rows, each in a transaction of its own, with the settings of our own database.
///
/// # Errors
/// What SQLite said.
pub(super) async fn plain_sqlite(args: &EngineArgs) -> Result<Samples, Failure> {
    let (scratch, lasting) = (Scratch::new(&args.data)?, args.round());
    spawn_blocking(move || {
        let connection = Connection::open(scratch.path().join("plain.db"))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch(
            "CREATE TABLE facts (seq INTEGER PRIMARY KEY, id INTEGER UNIQUE, json TEXT)",
        )?;
        let text = "x".repeat(BYTES);
        let mut insert = connection.prepare("INSERT INTO facts (id, json) VALUES (?1, ?2)")?;
        let mut id = 0;
        again(lasting, || {
            id += 1;
            insert.execute(params![id, text])?;
            Ok(())
        })
    })
    .await?
}

fn again(
    lasting: Duration,
    mut call: impl FnMut() -> Result<(), Failure>,
) -> Result<Samples, Failure> {
    let began = Instant::now();
    let (mut each, mut now) = (Vec::new(), began);
    while now - began < lasting {
        call()?;
        let after = Instant::now();
        each.push(after - now);
        now = after;
    }
    Ok(Samples::new(each, began.elapsed()))
}
