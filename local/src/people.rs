//! [`People`] on two tables: one-time links and sessions. Only the SHA-256 of a secret is stored.

use std::sync::Arc;

use async_trait::async_trait;
use events::token::token_hash;
use events::{Secret, WorkspaceId};
use jiff::Timestamp;
use ports::{Fault, Ids, People, Person, Session};
use rusqlite::{Connection, OptionalExtension, params};

use crate::columns::{count, nanos, parsed};
use crate::database::Database;
use crate::error::Error;

/// The sessions of one machine.
pub(crate) struct SqlitePeople {
    database: Arc<Database>,
    ids: Arc<dyn Ids>,
}

impl SqlitePeople {
    /// Sessions in this database, whose secrets come from `ids`.
    pub(crate) fn new(database: Arc<Database>, ids: Arc<dyn Ids>) -> Self {
        Self { database, ids }
    }
}

#[async_trait]
impl People for SqlitePeople {
    async fn invite(&self, person: &Person, until: Timestamp) -> Result<Secret, Fault> {
        let secret = self.ids.token();
        let (hash, person) = (token_hash(secret.expose()), person.clone());
        let work =
            move |tx: &rusqlite::Transaction<'_>| store(tx, "invites", &hash, &person, until);
        self.database.write(work).await?;
        Ok(secret)
    }

    async fn redeem(
        &self,
        secret: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<(Person, Session)>, Fault> {
        let token = self.ids.token();
        let (invite, session) = (token_hash(secret), token_hash(token.expose()));
        let work = move |tx: &rusqlite::Transaction<'_>| redeem(tx, &invite, &session, now, until);
        let person = self.database.write(work).await?;
        Ok(person.map(|person| (person, Session { token, until })))
    }

    async fn find(&self, token: &str, now: Timestamp) -> Result<Option<Person>, Fault> {
        let hash = token_hash(token);
        let look = move |connection: &Connection| {
            let sql = "SELECT workspace, team, admin FROM sessions WHERE hash = ?1 AND until >= ?2";
            let mut statement = connection.prepare_cached(sql)?;
            let found = statement.query_row(params![hash, nanos(now)], columns).optional()?;
            found.map(person).transpose()
        };
        self.database.read(look).await
    }

    async fn count(&self, id: &WorkspaceId, now: Timestamp) -> Result<usize, Fault> {
        let id = id.clone();
        let look = move |connection: &Connection| {
            let mut sum = 0;
            for table in ["invites", "sessions"] {
                let sql =
                    format!("SELECT COUNT(*) FROM {table} WHERE workspace = ?1 AND until >= ?2");
                let mut statement = connection.prepare_cached(&sql)?;
                let found =
                    statement.query_row(params![id.as_str(), nanos(now)], |row| row.get(0))?;
                sum += count(found)?;
            }
            Ok(usize::try_from(sum).unwrap_or(usize::MAX))
        };
        self.database.read(look).await
    }

    async fn forget(&self, id: &WorkspaceId) -> Result<(), Fault> {
        let id = id.clone();
        let work = move |tx: &rusqlite::Transaction<'_>| {
            tx.execute("DELETE FROM invites WHERE workspace = ?1", [id.as_str()])?;
            tx.execute("DELETE FROM sessions WHERE workspace = ?1", [id.as_str()])?;
            Ok(())
        };
        self.database.write(work).await
    }
}

/// Trades a link for a session; either both happen or neither.
fn redeem(
    connection: &Connection,
    invite: &str,
    session: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Person>, Error> {
    // Whoever comes too late is also the one who clears away.
    for table in ["invites", "sessions"] {
        connection.execute(&format!("DELETE FROM {table} WHERE until < ?1"), [nanos(now)])?;
    }
    let sql = "DELETE FROM invites WHERE hash = ?1 AND until > ?2 RETURNING workspace, team, admin";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_row(params![invite, nanos(now)], columns).optional()?;
    let Some(person) = found.map(person).transpose()? else { return Ok(None) };
    store(connection, "sessions", session, &person, until)?;
    Ok(Some(person))
}

fn store(
    connection: &Connection,
    table: &'static str,
    hash: &str,
    person: &Person,
    until: Timestamp,
) -> Result<(), Error> {
    let sql = format!(
        "INSERT INTO {table} (hash, workspace, team, admin, until) VALUES (?1, ?2, ?3, ?4, ?5)"
    );
    let (id, team) = (person.id.as_str(), person.team.as_str());
    connection.execute(&sql, params![hash, id, team, person.admin, nanos(until)])?;
    Ok(())
}

type Columns = (String, String, bool);

fn columns(row: &rusqlite::Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn person((id, team, admin): Columns) -> Result<Person, Error> {
    Ok(Person { id: parsed(&id)?, team: parsed(&team)?, admin })
}
