//! [`Suspects`] on a table. A row's key is the suspect itself, as JSON: nothing else is asked of it
//! than whether it is the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use ports::{Fault, Suspect, Suspects};
use rusqlite::{Connection, OptionalExtension, params};

use crate::columns::{nanos, timestamp};
use crate::database::Database;
use crate::error::Error;

/// The suspects of one machine.
pub(crate) struct SqliteSuspects {
    database: Arc<Database>,
}

impl SqliteSuspects {
    /// Suspects in this database.
    pub(crate) fn new(database: Arc<Database>) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Suspects for SqliteSuspects {
    async fn compare(
        &self,
        now: Timestamp,
        found: &[Suspect],
    ) -> Result<Vec<(Suspect, Timestamp)>, Fault> {
        let found: BTreeSet<Suspect> = found.iter().cloned().collect();
        let work = move |tx: &rusqlite::Transaction<'_>| compare(tx, now, found);
        self.database.write(work).await
    }

    async fn list(&self) -> Result<Vec<(Suspect, Timestamp)>, Fault> {
        self.database.read(list).await
    }
}

/// Writes only what changes: a sweep that finds nothing new costs the disk nothing.
fn compare(
    connection: &Connection,
    now: Timestamp,
    found: BTreeSet<Suspect>,
) -> Result<Vec<(Suspect, Timestamp)>, Error> {
    let named = found.iter().map(serde_json::to_string).collect::<Result<BTreeSet<_>, _>>()?;
    for (key, _) in rows(connection)? {
        if !named.contains(&key) {
            connection.prepare_cached("DELETE FROM suspects WHERE suspect = ?1")?.execute([key])?;
        }
    }
    found
        .into_iter()
        .map(|suspect| since(connection, now, &suspect).map(|at| (suspect, at)))
        .collect()
}

/// Since when this one has been suspected, and puts it down if that is since now.
fn since(connection: &Connection, now: Timestamp, suspect: &Suspect) -> Result<Timestamp, Error> {
    let key = serde_json::to_string(suspect)?;
    let known: Option<i64> = connection
        .prepare_cached("SELECT since FROM suspects WHERE suspect = ?1")?
        .query_row([&key], |row| row.get(0))
        .optional()?;
    if let Some(known) = known.filter(|known| *known <= nanos(now)) {
        return timestamp(known);
    }
    connection
        .prepare_cached("INSERT OR REPLACE INTO suspects (suspect, since) VALUES (?1, ?2)")?
        .execute(params![key, nanos(now)])?;
    Ok(now)
}

fn list(connection: &Connection) -> Result<Vec<(Suspect, Timestamp)>, Error> {
    let mut listed = Vec::new();
    for (key, since) in rows(connection)? {
        // What another version wrote in another shape is no obstacle: the next sweep finds it again.
        if let Ok(suspect) = serde_json::from_str(&key) {
            listed.push((suspect, timestamp(since)?));
        }
    }
    listed.sort();
    Ok(listed)
}

fn rows(connection: &Connection) -> Result<Vec<(String, i64)>, Error> {
    let mut statement = connection.prepare_cached("SELECT suspect, since FROM suspects")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
