//! [`RotationLists`] on the journal's table of events, and one of what each provider's fold to.

use std::sync::Arc;

use async_trait::async_trait;
use events::rotation::RULES;
use events::{Envelope, ProviderId, Rotations, Subject, Version};
use jiff::Timestamp;
use ports::{Fault, Rotated, RotationLists};
use rusqlite::{Connection, OptionalExtension, params};

use crate::columns::{count, integer, parsed};
use crate::database::Database;
use crate::error::{Error, SERVICE};
use crate::journal;
use crate::signals::Topic;
use crate::timers;

/// The lists of one machine.
pub(crate) struct SqliteRotations {
    database: Arc<Database>,
}

impl SqliteRotations {
    /// Lists in this database.
    pub(crate) fn new(database: Arc<Database>) -> Self {
        Self { database }
    }
}

#[async_trait]
impl RotationLists for SqliteRotations {
    async fn load(&self, provider: &ProviderId) -> Result<Rotated, Fault> {
        let provider = provider.clone();
        self.database.read(move |connection| load(connection, &provider)).await
    }

    async fn append(
        &self,
        provider: &ProviderId,
        expected: Version,
        events: &[Envelope],
        rotations: &Rotations,
        due: Option<Timestamp>,
    ) -> Result<Version, Fault> {
        let (provider, events, rotations) = (provider.clone(), events.to_vec(), rotations.clone());
        let work = move |tx: &rusqlite::Transaction<'_>| {
            let (version, first) = append(tx, &provider, expected, &events, &rotations, due)?;
            let topics = [Some(Topic::Feed), first.then_some(Topic::Timers)];
            Ok((version, topics.into_iter().flatten().collect()))
        };
        self.database.write_telling(work).await
    }

    async fn history(
        &self,
        provider: &ProviderId,
        after: Version,
        most: usize,
    ) -> Result<Vec<(Version, Envelope)>, Fault> {
        let list = Subject::from(provider).to_string();
        let look = move |connection: &Connection| journal::history(connection, &list, after, most);
        self.database.read(look).await
    }

    async fn list(&self) -> Result<Vec<(ProviderId, Rotations)>, Fault> {
        let look = |connection: &Connection| {
            let sql = "SELECT provider FROM rotations ORDER BY provider";
            let mut statement = connection.prepare_cached(sql)?;
            let names = statement.query_map([], |row| row.get::<_, String>(0))?;
            let names = names.collect::<rusqlite::Result<Vec<_>>>()?;
            let each = names.iter().map(|name| {
                let provider: ProviderId = parsed(name)?;
                let rotations = load(connection, &provider)?.rotations;
                Ok((provider, rotations))
            });
            each.collect::<Result<Vec<_>, Error>>()
        };
        self.database.read(look).await
    }
}

fn load(connection: &Connection, provider: &ProviderId) -> Result<Rotated, Error> {
    let sql = "SELECT version, rules, rotations FROM rotations WHERE provider = ?1";
    let row = connection
        .prepare_cached(sql)?
        .query_row([provider.as_str()], |row| {
            // Bytes: what a damaged page holds need not be text.
            let fold = serde_json::from_slice(row.get_ref(2)?.as_bytes()?).ok();
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, fold))
        })
        .optional()?;
    let Some((version, rules, written)) = row else { return Ok(Rotated::default()) };
    let version = Version(count(version)?);
    // A fold by other rules, or one that nobody can read: the events are the truth.
    if let Some(rotations) = written.filter(|_| rules == i64::from(RULES)) {
        return Ok(Rotated { version, rotations });
    }
    let mut loaded = Rotated::default();
    let list = Subject::from(provider).to_string();
    for (version, event) in journal::history(connection, &list, Version(0), usize::MAX)? {
        loaded.rotations.absorb(event.time, &event.event);
        loaded.version = version;
    }
    Ok(loaded)
}

/// Appends, and gives the version and whether the timer is now the first of all.
fn append(
    connection: &Connection,
    provider: &ProviderId,
    expected: Version,
    events: &[Envelope],
    rotations: &Rotations,
    due: Option<Timestamp>,
) -> Result<(Version, bool), Error> {
    if events.iter().any(|event| Rotations::list_of(&event.event) != Some(provider)) {
        let words = format!("an event of another list than {provider}'s rotations");
        return Err(Fault::Nonsense { service: SERVICE, words }.into());
    }
    let subject = Subject::from(provider);
    let list = subject.to_string();
    if let Some(version) = journal::recorded(connection, &list, events)? {
        return Ok((version, false));
    }
    let current = connection
        .prepare_cached("SELECT version FROM rotations WHERE provider = ?1")?
        .query_row([provider.as_str()], |row| row.get(0))
        .optional()?;
    if count(current.unwrap_or(0))? != expected.0 {
        return Err(Fault::Conflict.into());
    }
    let version = journal::insert_all(connection, &list, expected, events)?;
    let sql = "INSERT OR REPLACE INTO rotations (provider, version, rules, rotations) \
               VALUES (?1, ?2, ?3, ?4)";
    connection.prepare_cached(sql)?.execute(params![
        provider.as_str(),
        integer(version.0)?,
        RULES,
        serde_json::to_string(rotations)?,
    ])?;
    Ok((version, timers::set(connection, &subject, due)?))
}
