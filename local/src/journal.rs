//! [`Journal`] on two tables: every event, and what each workspace's events fold to.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use events::workspace::RULES;
use events::{Envelope, Version, WorkspaceId};
use ports::{Cursor, Fault, Journal, Loaded, Projection, Query, Row};
use rusqlite::{Connection, OptionalExtension, params};

use crate::columns::{count, integer, limit, nanos, timestamp};
use crate::database::Database;
use crate::error::{Error, SERVICE};
use crate::search;
use crate::signals::{Topic, deadline};
use crate::timers;

/// How many of the last events may be out of the order of their times: what is written together,
/// and usage that waited for the ledger, many times over.
const SAME_MOMENT: i64 = 10_000;

/// The journal of one machine.
pub(crate) struct SqliteJournal {
    database: Arc<Database>,
}

impl SqliteJournal {
    /// A journal in this database.
    pub(crate) fn new(database: Arc<Database>) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn load(&self, id: &WorkspaceId) -> Result<Loaded, Fault> {
        let id = id.clone();
        self.database.read(move |connection| load(connection, &id)).await
    }

    async fn append(
        &self,
        id: &WorkspaceId,
        expected: Version,
        events: &[Envelope],
        projection: &Projection,
    ) -> Result<Version, Fault> {
        let (id, events, projection) = (id.clone(), events.to_vec(), projection.clone());
        let work = move |tx: &rusqlite::Transaction<'_>| {
            let (version, first) = append(tx, &id, expected, &events, &projection)?;
            let topics = [Some(Topic::Feed), first.then_some(Topic::Timers)];
            Ok((version, topics.into_iter().flatten().collect()))
        };
        self.database.write_telling(work).await
    }

    async fn record(&self, events: &[Envelope]) -> Result<(), Fault> {
        let events = events.to_vec();
        let work = move |tx: &rusqlite::Transaction<'_>| {
            for event in &events {
                insert(tx, event, None)?;
            }
            Ok(())
        };
        self.database.write_for(Topic::Feed, work).await
    }

    async fn history(
        &self,
        id: &WorkspaceId,
        after: Version,
        most: usize,
    ) -> Result<Vec<(Version, Envelope)>, Fault> {
        let id = id.clone();
        let look = move |connection: &Connection| history(connection, id.as_str(), after, most);
        self.database.read(look).await
    }

    async fn feed(
        &self,
        after: Cursor,
        most: usize,
        wait: Duration,
    ) -> Result<Vec<(Cursor, Envelope)>, Fault> {
        let until = deadline(wait);
        let mut news = self.database.watch(Topic::Feed);
        loop {
            let found = self.database.read(move |connection| feed(connection, after, most)).await?;
            if !found.is_empty() || tokio::time::Instant::now() >= until {
                return Ok(found);
            }
            news.wait(until).await;
        }
    }

    async fn find(
        &self,
        query: &Query,
        after: Option<&WorkspaceId>,
        most: usize,
    ) -> Result<Vec<Row>, Fault> {
        let (query, after) = (query.clone(), after.cloned());
        self.database
            .read(move |connection| search::find(connection, &query, after.as_ref(), most))
            .await
    }
}

pub(crate) fn load(connection: &Connection, id: &WorkspaceId) -> Result<Loaded, Error> {
    let sql = "SELECT version, rules, workspace FROM workspaces WHERE id = ?1";
    let row = connection
        .prepare_cached(sql)?
        .query_row([id.as_str()], |row| {
            // Bytes: what a damaged page holds need not be text.
            let fold = serde_json::from_slice(row.get_ref(2)?.as_bytes()?).ok();
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, fold))
        })
        .optional()?;
    let Some((version, rules, written)) = row else { return Ok(Loaded::default()) };
    let version = Version(count(version)?);
    // A fold by other rules, or one that nobody can read: the events are the truth.
    match written.filter(|_| rules == i64::from(RULES)) {
        Some(workspace) => Ok(Loaded { version, workspace }),
        None => fold(connection, id),
    }
}

/// The workspace from its events alone.
fn fold(connection: &Connection, id: &WorkspaceId) -> Result<Loaded, Error> {
    let mut loaded = Loaded::default();
    for (version, event) in history(connection, id.as_str(), Version(0), usize::MAX)? {
        loaded.workspace.absorb(event.time, &event.event);
        loaded.version = version;
    }
    Ok(loaded)
}

/// Appends, and gives the version and whether the workspace's timer is now the first of all.
fn append(
    connection: &Connection,
    id: &WorkspaceId,
    expected: Version,
    events: &[Envelope],
    projection: &Projection,
) -> Result<(Version, bool), Error> {
    if events.iter().any(|event| event.subject.as_ref() != Some(id)) {
        return Err(nonsense(format!("an event of another workspace than {id}")));
    }
    if let Some(version) = recorded(connection, id.as_str(), events)? {
        return Ok((version, false));
    }
    let current = connection
        .prepare_cached("SELECT version FROM workspaces WHERE id = ?1")?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?;
    if count(current.unwrap_or(0))? != expected.0 {
        return Err(Fault::Conflict.into());
    }
    let version = insert_all(connection, id.as_str(), expected, events)?;
    write(connection, id, version, projection)?;
    // Whoever appends sets the timer next. In the same write it costs no sync of its own, and a
    // crash in between cannot lose it.
    let first = timers::set(connection, &id.into(), projection.due)?;
    Ok((version, first))
}

/// Records events of one list after a version; gives the version of the last.
pub(crate) fn insert_all(
    connection: &Connection,
    list: &str,
    after: Version,
    events: &[Envelope],
) -> Result<Version, Error> {
    let mut version = after;
    for event in events {
        version = version.next();
        if !insert_in(connection, Some(list), event, Some(version))? {
            return Err(nonsense(format!("event {} is recorded already", event.id)));
        }
    }
    Ok(version)
}

/// The version that these events led to, if every one of them is in the list already.
///
/// It is theirs and not the list's: a caller that repeats an append knows nothing of what others
/// appended since, and must meet a conflict with its next one.
pub(crate) fn recorded(
    connection: &Connection,
    list: &str,
    events: &[Envelope],
) -> Result<Option<Version>, Error> {
    let sql = "SELECT version FROM events WHERE id = ?1 AND subject = ?2 AND version IS NOT NULL";
    let mut statement = connection.prepare_cached(sql)?;
    let mut last = None;
    for event in events {
        let found = statement
            .query_row(params![&event.id.0.as_bytes()[..], list], |row| row.get(0))
            .optional()?;
        let Some(version) = found else { return Ok(None) };
        last = last.max(Some(Version(count(version)?)));
    }
    Ok(last)
}

/// Records an event unless its id is recorded already; gives whether it was new.
pub(crate) fn insert(
    connection: &Connection,
    event: &Envelope,
    version: Option<Version>,
) -> Result<bool, Error> {
    insert_in(connection, event.subject.as_ref().map(WorkspaceId::as_str), event, version)
}

fn insert_in(
    connection: &Connection,
    list: Option<&str>,
    event: &Envelope,
    version: Option<Version>,
) -> Result<bool, Error> {
    let sql = "INSERT INTO events (id, subject, version, type, time, json) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO NOTHING";
    let changed = connection.prepare_cached(sql)?.execute(params![
        &event.id.0.as_bytes()[..],
        list,
        version.map(|version| integer(version.0)).transpose()?,
        event.event.name(),
        nanos(event.time),
        serde_json::to_string(event)?,
    ])?;
    Ok(changed == 1)
}

fn write(
    connection: &Connection,
    id: &WorkspaceId,
    version: Version,
    projection: &Projection,
) -> Result<(), Error> {
    let row = Row::of(id, projection);
    let sql = "INSERT OR REPLACE INTO workspaces (id, version, rules, workspace, found, status, \
               team, due, last_active, step, reason, trouble_at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    connection.prepare_cached(sql)?.execute(params![
        id.as_str(),
        integer(version.0)?,
        RULES,
        serde_json::to_string(&projection.workspace)?,
        serde_json::to_string(&row)?,
        row.status.name(),
        row.team.as_ref().map(events::TeamId::as_str),
        row.due.map(nanos),
        row.last_active.map(nanos),
        row.step.map(events::Step::name),
        row.reason.as_ref().map(|reason| reason.class.name()),
        row.trouble_at.map(nanos),
    ])?;
    Ok(())
}

pub(crate) fn history(
    connection: &Connection,
    list: &str,
    after: Version,
    most: usize,
) -> Result<Vec<(Version, Envelope)>, Error> {
    let sql = "SELECT version, json FROM events \
               WHERE subject = ?1 AND version > ?2 ORDER BY version LIMIT ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let after = i64::try_from(after.0).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![list, after, limit(most)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let event = envelope(row.get_ref(1)?.as_str().map_err(unreadable)?)?;
        found.push((Version(count(row.get(0)?)?), event));
    }
    Ok(found)
}

fn feed(
    connection: &Connection,
    after: Cursor,
    most: usize,
) -> Result<Vec<(Cursor, Envelope)>, Error> {
    let sql = "SELECT seq, json FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let after = i64::try_from(after.0).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![after, limit(most)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let event = envelope(row.get_ref(1)?.as_str().map_err(unreadable)?)?;
        found.push((Cursor(count(row.get(0)?)?), event));
    }
    Ok(found)
}

fn envelope(json: &str) -> Result<Envelope, Error> {
    serde_json::from_str(json).map_err(|error| {
        Error::Unreadable(format!("an event that this version cannot read ({error})"))
    })
}

fn unreadable(error: rusqlite::types::FromSqlError) -> Error {
    Error::Unreadable(error.to_string())
}

fn nonsense(words: String) -> Error {
    Fault::Nonsense { service: SERVICE, words }.into()
}

/// The time of the newest fact, if there is one. Times rise with the order of recording except for
/// what was recorded at about the same moment, so that the end of the feed is enough.
pub(crate) fn newest(connection: &Connection) -> Result<Option<jiff::Timestamp>, Error> {
    let sql = "SELECT MAX(time) FROM (SELECT time FROM events ORDER BY seq DESC LIMIT ?1)";
    let found: Option<i64> = connection.query_row(sql, [SAME_MOMENT], |row| row.get(0))?;
    found.map(timestamp).transpose()
}

/// Folds anew what other rules folded, so that searches are right, too. Such a workspace is due
/// at once: when time alone changes what is next there is for the sweeper to find out. One whose
/// events cannot be read stays as it is: a fault for whoever loads it, and for nobody else.
pub(crate) fn refold(connection: &Connection, now: jiff::Timestamp) -> Result<usize, Error> {
    let old = {
        let mut statement = connection.prepare("SELECT id FROM workspaces WHERE rules <> ?1")?;
        let rows = statement.query_map([RULES], |row| row.get::<_, String>(0))?;
        rows.collect::<Result<Vec<_>, _>>()?
    };
    let mut refolded = 0;
    for id in &old {
        let id: WorkspaceId = crate::columns::parsed(id)?;
        match fold(connection, &id) {
            Ok(Loaded { version, workspace }) => {
                write(connection, &id, version, &Projection { workspace, due: Some(now) })?;
                refolded += 1;
            }
            Err(Error::Unreadable(words)) => {
                tracing::error!(workspace = %id, words, "cannot be folded anew, and waits for a human");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(refolded)
}
