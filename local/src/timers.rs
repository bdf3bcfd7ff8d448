//! [`Timers`] on a table, one row for each subject. The journal writes its row together with
//! each append; setting it to the same afterwards finds it done.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use events::Subject;
use jiff::Timestamp;
use ports::{Fault, Timers};
use rusqlite::{Connection, OptionalExtension, params};
use tokio::time::Instant;

use crate::columns::{limit, nanos, parsed, timestamp};
use crate::database::Database;
use crate::error::Error;
use crate::signals::{Topic, deadline};

/// The timers of one machine.
pub(crate) struct SqliteTimers {
    database: Arc<Database>,
}

impl SqliteTimers {
    /// Timers in this database.
    pub(crate) fn new(database: Arc<Database>) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Timers for SqliteTimers {
    async fn set(&self, id: &Subject, at: Option<Timestamp>) -> Result<(), Fault> {
        let id = id.clone();
        let work = move |tx: &rusqlite::Transaction<'_>| {
            let first = set(tx, &id, at)?;
            Ok(((), first.then_some(Topic::Timers).into_iter().collect()))
        };
        self.database.write_telling(work).await
    }

    async fn due(
        &self,
        now: Timestamp,
        most: usize,
        wait: Duration,
    ) -> Result<Vec<(Subject, Timestamp)>, Fault> {
        let (began, until) = (Instant::now(), deadline(wait));
        let mut news = self.database.watch(Topic::Timers);
        loop {
            // `now` goes on while we wait, so that a timer is not late by a whole wait.
            let by = nanos(now).saturating_add(whole_nanos(began.elapsed()));
            let look = move |connection: &Connection| due(connection, by, most);
            let (found, next) = self.database.read(look).await?;
            if !found.is_empty() || Instant::now() >= until {
                return Ok(found);
            }
            let ahead = next.map(|next| next.saturating_sub(nanos(now)));
            let ahead = ahead.map(|ahead| Duration::from_nanos(ahead.unsigned_abs()));
            let wake = ahead.and_then(|ahead| began.checked_add(ahead));
            news.wait(wake.map_or(until, |wake| wake.min(until))).await;
        }
    }

    async fn fired(&self, id: &Subject, at: Timestamp) -> Result<(), Fault> {
        let (id, at) = (id.clone(), nanos(at));
        let work = move |tx: &rusqlite::Transaction<'_>| {
            let sql = "DELETE FROM timers WHERE workspace = ?1 AND at = ?2";
            tx.prepare_cached(sql)?.execute(params![id.to_string(), at])?;
            Ok(())
        };
        self.database.write(work).await
    }
}

/// Sets the timer, or removes it; one that is set so already costs no write. Gives whether it is
/// now the first of all, which is news for who waits for the first.
pub(crate) fn set(
    connection: &Connection,
    id: &Subject,
    at: Option<Timestamp>,
) -> Result<bool, Error> {
    let Some(at) = at.map(nanos) else {
        let sql = "DELETE FROM timers WHERE workspace = ?1";
        connection.prepare_cached(sql)?.execute([id.to_string()])?;
        return Ok(false);
    };
    let sql = "INSERT INTO timers (workspace, at) VALUES (?1, ?2) \
               ON CONFLICT (workspace) DO UPDATE SET at = ?2 WHERE at <> ?2";
    let changed = connection.prepare_cached(sql)?.execute(params![id.to_string(), at])?;
    if changed == 0 {
        return Ok(false);
    }
    let first: i64 =
        connection.prepare_cached("SELECT min(at) FROM timers")?.query_row([], |row| row.get(0))?;
    Ok(first == at)
}

/// The timers that are due, and the time of the first that is not.
type Due = (Vec<(Subject, Timestamp)>, Option<i64>);

fn due(connection: &Connection, by: i64, most: usize) -> Result<Due, Error> {
    let sql = "SELECT workspace, at FROM timers WHERE at <= ?1 ORDER BY at, workspace LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![by, limit(most)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((parsed(&row.get::<_, String>(0)?)?, timestamp(row.get(1)?)?));
    }
    let next = connection
        .prepare_cached("SELECT at FROM timers WHERE at > ?1 ORDER BY at LIMIT 1")?
        .query_row([by], |row| row.get(0))
        .optional()?;
    Ok((found, next))
}

fn whole_nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
