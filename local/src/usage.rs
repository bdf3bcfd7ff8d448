//! [`Usage`] on a table of sums, one row for each hour and each who, what and by which key.
//!
//! Whole numbers only. Sums are made in Rust and not in SQL, because SQLite turns a sum that
//! outgrows 64 bits into a fraction.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use events::price::PICO_PER_DOLLAR;
use events::{Envelope, Event, UsageRecord, WorkspaceId};
use jiff::Timestamp;
use ports::{Fault, Grouping, Spending, Usage, UsageSink, UsageTotals};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::columns::count;
use crate::database::Database;
use crate::error::Error;
use crate::journal;
use crate::signals::Topic;

/// As an operator knows it.
const SERVICE: &str = "usage ledger";
const SECONDS_PER_HOUR: i64 = 3_600;

/// The ledger of one machine.
pub(crate) struct SqliteUsage {
    database: Arc<Database>,
}

impl SqliteUsage {
    /// A ledger in this database.
    pub(crate) fn new(database: Arc<Database>) -> Self {
        Self { database }
    }
}

#[async_trait]
impl UsageSink for SqliteUsage {
    async fn count(&self, batch: &[Envelope]) -> Result<(), Fault> {
        if let Some(stranger) = batch.iter().find(|event| record(event).is_none()) {
            let words = format!("event {} is not a person's usage", stranger.id);
            return Err(Fault::Nonsense { service: SERVICE, words });
        }
        let batch = batch.to_vec();
        let work = move |tx: &Transaction<'_>| {
            for event in &batch {
                if let Some((user, record)) = record(event)
                    && journal::insert(tx, event, None)?
                {
                    add(tx, user, record)?;
                }
            }
            Ok(())
        };
        self.database.write_for(Topic::Feed, work).await
    }
}

#[async_trait]
impl UsageTotals for SqliteUsage {
    async fn total(&self, workspace: &WorkspaceId, since: Timestamp) -> Result<Spending, Fault> {
        let (user, since) = (workspace.clone(), hour(since));
        self.database.read(move |connection| total(connection, &user, since)).await
    }
}

#[async_trait]
impl Usage for SqliteUsage {
    async fn report(&self, by: Grouping, since: Option<Timestamp>) -> Result<Vec<Spending>, Fault> {
        let since = since.map_or(i64::MIN, hour);
        self.database.read(move |connection| report(connection, by, since)).await
    }
}

fn record(event: &Envelope) -> Option<(&WorkspaceId, &UsageRecord)> {
    match (&event.subject, &event.event) {
        (Some(user), Event::UsageRecorded(record)) => Some((user, record)),
        _ => None,
    }
}

fn hour(at: Timestamp) -> i64 {
    at.as_second().div_euclid(SECONDS_PER_HOUR)
}

/// The columns that hold a line, in the order in which [`spending`] reads them.
const SUMS: &str =
    "requests, aborted, input, cache_read, cache_write, output, unpriced, dollars, pico_dollars";

fn spending(row: &rusqlite::Row<'_>, first: usize) -> Result<Spending, Error> {
    let at = |offset: usize| -> Result<u64, Error> { count(row.get(first + offset)?) };
    let dollars = i128::from(at(7)?) * i128::from(PICO_PER_DOLLAR);
    Ok(Spending {
        name: String::new(),
        requests: at(0)?,
        aborted: at(1)?,
        input: at(2)?,
        cache_read: at(3)?,
        cache_write: at(4)?,
        output: at(5)?,
        unpriced: at(6)?,
        pico_dollars: dollars + i128::from(at(8)?),
    })
}

fn add(connection: &Connection, user: &WorkspaceId, record: &UsageRecord) -> Result<(), Error> {
    let (hour, user, team) = (hour(record.started), user.as_str(), record.team.as_str());
    let key = [&record.provider, &record.model, &record.key.0];
    let sql = format!(
        "SELECT {SUMS} FROM usage WHERE hour = ?1 AND user = ?2 AND team = ?3 \
         AND provider = ?4 AND model = ?5 AND key = ?6"
    );
    let known = connection
        .prepare_cached(&sql)?
        .query_row(params![hour, user, team, key[0], key[1], key[2]], |row| Ok(spending(row, 0)))
        .optional()?;
    let mut total = Spending::of(record);
    if let Some(known) = known {
        total.add(&known?);
    }
    // A number beyond 63 bits can only be a provider's nonsense; it must not stop the others.
    let stored = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let pico = u128::try_from(total.pico_dollars).unwrap_or(0);
    let dollars = i64::try_from(pico / u128::from(PICO_PER_DOLLAR)).unwrap_or(i64::MAX);
    let rest = i64::try_from(pico % u128::from(PICO_PER_DOLLAR)).unwrap_or(0);
    let sql = format!(
        "INSERT OR REPLACE INTO usage (hour, user, team, provider, model, key, {SUMS}) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
    );
    connection.prepare_cached(&sql)?.execute(params![
        hour,
        user,
        team,
        key[0],
        key[1],
        key[2],
        stored(total.requests),
        stored(total.aborted),
        stored(total.input),
        stored(total.cache_read),
        stored(total.cache_write),
        stored(total.output),
        stored(total.unpriced),
        dollars,
        rest,
    ])?;
    Ok(())
}

fn total(connection: &Connection, user: &WorkspaceId, since: i64) -> Result<Spending, Error> {
    let sql = format!("SELECT {SUMS} FROM usage WHERE hour >= ?1 AND user = ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![since, user.as_str()])?;
    let mut total = Spending { name: user.to_string(), ..Spending::default() };
    while let Some(row) = rows.next()? {
        total.add(&spending(row, 0)?);
    }
    Ok(total)
}

fn report(connection: &Connection, by: Grouping, since: i64) -> Result<Vec<Spending>, Error> {
    let name = match by {
        Grouping::User => "user",
        Grouping::Team => "team",
        Grouping::Model => "provider || '/' || model",
        Grouping::Provider => "provider",
        Grouping::Key => "provider || '/' || key",
    };
    let sql = format!("SELECT {name}, {SUMS} FROM usage WHERE hour >= ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([since])?;
    let mut lines: BTreeMap<String, Spending> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        lines.entry(row.get(0)?).or_default().add(&spending(row, 1)?);
    }
    Ok(Spending::report(lines))
}
