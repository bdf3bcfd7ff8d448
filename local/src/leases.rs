//! [`Leases`] on a table. Tokens follow from the pool secret; the table holds their SHA-256.
//!
//! Limits are not in the table: they are those of the book that this process was given, so that
//! what an administrator changes is in force for whoever runs already.

use std::sync::Arc;

use async_trait::async_trait;
use events::token::{lease_token, pass, token_hash};
use events::{Attempt, Gen, LimitsBook, Reason, ReasonClass, Secret, WorkspaceId};
use ports::{Fault, Lease, LeaseLookup, Leases};
use rusqlite::{Connection, OptionalExtension, params};

use crate::columns::{fence, parsed, try_of};
use crate::database::Database;
use crate::error::Error;

/// The leases of one machine.
#[derive(Clone)]
pub(crate) struct SqliteLeases {
    database: Arc<Database>,
    pool: Secret,
    book: Arc<LimitsBook>,
}

impl SqliteLeases {
    /// Leases in this database, whose tokens follow from the pool secret, without any limit.
    pub(crate) fn new(database: Arc<Database>, pool: Secret) -> Self {
        Self { database, pool, book: Arc::default() }
    }

    /// The same with the limits of this book.
    pub(crate) fn limited_by(&self, book: LimitsBook) -> Self {
        Self { book: Arc::new(book), ..self.clone() }
    }
}

#[async_trait]
impl LeaseLookup for SqliteLeases {
    async fn find(&self, token_hash: &str) -> Result<Option<Lease>, Fault> {
        let (hash, book) = (token_hash.to_owned(), Arc::clone(&self.book));
        let look = move |connection: &Connection| {
            let sql = "SELECT workspace, team, generation, attempt FROM leases WHERE hash = ?1";
            let found = connection.prepare_cached(sql)?.query_row([hash], columns).optional()?;
            found.map(|found| lease(found, &book)).transpose()
        };
        self.database.read(look).await
    }
}

#[async_trait]
impl Leases for SqliteLeases {
    fn token(&self, id: &WorkspaceId, generation: Gen, attempt: Attempt) -> Secret {
        lease_token(&self.pool, id, generation, attempt)
    }

    fn pass(&self, id: &WorkspaceId, generation: Gen, attempt: Attempt) -> Secret {
        pass(&self.pool, id, generation, attempt)
    }

    async fn grant(&self, lease: &Lease) -> Result<(), Fault> {
        let token = self.token(&lease.workspace, lease.generation, lease.attempt);
        let (hash, lease) = (token_hash(token.expose()), lease.clone());
        self.database.write(move |tx| grant(tx, &hash, &lease)).await
    }

    async fn revoke(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        attempt: Attempt,
    ) -> Result<(), Fault> {
        let id = id.clone();
        self.database.write(move |tx| revoke(tx, &id, generation, attempt)).await
    }

    async fn list(&self) -> Result<Vec<Lease>, Fault> {
        let book = Arc::clone(&self.book);
        let look = move |connection: &Connection| {
            let sql = "SELECT workspace, team, generation, attempt FROM leases \
                       ORDER BY workspace, generation, attempt";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([], columns)?;
            rows.map(|row| lease(row?, &book)).collect()
        };
        self.database.read(look).await
    }
}

fn grant(connection: &Connection, hash: &str, lease: &Lease) -> Result<(), Error> {
    let (generation, attempt) = fence(lease.generation, lease.attempt)?;
    let id = lease.workspace.as_str();
    let fenced: bool = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM lease_fences \
             WHERE workspace = ?1 AND (?2, ?3) <= (generation, attempt))",
        )?
        .query_row(params![id, generation, attempt], |row| row.get(0))?;
    if fenced {
        let words = format!(
            "the lease of {id} for generation {generation}, try {attempt} was revoked and stays so"
        );
        return Err(Fault::Refused(Reason::new(ReasonClass::Internal, words)).into());
    }
    let sql = "INSERT INTO leases (hash, workspace, generation, attempt, team) \
               VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (hash) DO NOTHING";
    let values = params![hash, id, generation, attempt, lease.team.as_str()];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn revoke(
    connection: &Connection,
    id: &WorkspaceId,
    generation: Gen,
    attempt: Attempt,
) -> Result<(), Error> {
    let (generation, attempt) = fence(generation, attempt)?;
    let values = params![id.as_str(), generation, attempt];
    let raise = "INSERT INTO lease_fences (workspace, generation, attempt) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (workspace) DO UPDATE SET generation = ?2, attempt = ?3 \
                 WHERE (generation, attempt) < (?2, ?3)";
    connection.prepare_cached(raise)?.execute(values)?;
    let remove = "DELETE FROM leases WHERE workspace = ?1 AND (generation, attempt) <= (?2, ?3)";
    connection.prepare_cached(remove)?.execute(values)?;
    Ok(())
}

type Columns = (String, String, i64, i64);

fn columns(row: &rusqlite::Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn lease(
    (workspace, team, generation, attempt): Columns,
    book: &LimitsBook,
) -> Result<Lease, Error> {
    let (generation, attempt) = try_of((generation, attempt))?;
    let (workspace, team) = (parsed(&workspace)?, parsed(&team)?);
    let limits = book.of(&team, &workspace);
    Ok(Lease { workspace, team, generation, attempt, limits })
}
