//! [`Routes`] on a table. A row stays after its route is closed, because it is the fence.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use events::{Attempt, Gen, WorkspaceId};
use ports::{Fault, Route, Routes};
use rusqlite::{Connection, OptionalExtension, params};

use crate::columns::{fence, parsed, try_of};
use crate::database::Database;
use crate::error::Error;

/// The routes of one machine.
pub(crate) struct SqliteRoutes {
    database: Arc<Database>,
}

impl SqliteRoutes {
    /// Routes in this database.
    pub(crate) fn new(database: Arc<Database>) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Routes for SqliteRoutes {
    async fn open(&self, id: &WorkspaceId, route: &Route) -> Result<bool, Fault> {
        let (id, route) = (id.clone(), *route);
        let work = move |tx: &rusqlite::Transaction<'_>| {
            open(tx, &id, &route)?;
            Ok(find(tx, &id)? == Some(route))
        };
        self.database.write(work).await
    }

    async fn close(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        attempt: Attempt,
    ) -> Result<(), Fault> {
        let id = id.clone();
        let work = move |tx: &rusqlite::Transaction<'_>| close(tx, &id, generation, attempt);
        self.database.write(work).await
    }

    async fn find(&self, id: &WorkspaceId) -> Result<Option<Route>, Fault> {
        let id = id.clone();
        self.database.read(move |connection| find(connection, &id)).await
    }

    async fn list(&self) -> Result<Vec<(WorkspaceId, Route)>, Fault> {
        self.database.read(list).await
    }
}

fn open(connection: &Connection, id: &WorkspaceId, route: &Route) -> Result<(), Error> {
    // One statement decides: not up to the fence, and not older than the route in force.
    let sql = "INSERT INTO routes (workspace, generation, attempt, address) \
               VALUES (?1, ?2, ?3, ?4) \
               ON CONFLICT (workspace) DO UPDATE \
               SET generation = ?2, attempt = ?3, address = ?4 \
               WHERE (closed_generation, closed_attempt) < (?2, ?3) \
               AND (generation IS NULL OR (generation, attempt) <= (?2, ?3))";
    let (generation, attempt) = fence(route.generation, route.attempt)?;
    let address = route.address.to_string();
    connection.prepare_cached(sql)?.execute(params![id.as_str(), generation, attempt, address])?;
    Ok(())
}

fn close(
    connection: &Connection,
    id: &WorkspaceId,
    generation: Gen,
    attempt: Attempt,
) -> Result<(), Error> {
    let (generation, attempt) = fence(generation, attempt)?;
    let values = params![id.as_str(), generation, attempt];
    let raise = "INSERT INTO routes (workspace, closed_generation, closed_attempt) \
                 VALUES (?1, ?2, ?3) ON CONFLICT (workspace) DO UPDATE \
                 SET closed_generation = ?2, closed_attempt = ?3 \
                 WHERE (closed_generation, closed_attempt) < (?2, ?3)";
    connection.prepare_cached(raise)?.execute(values)?;
    let remove = "UPDATE routes SET generation = NULL, attempt = NULL, address = NULL \
                  WHERE workspace = ?1 AND (generation, attempt) <= (?2, ?3)";
    connection.prepare_cached(remove)?.execute(values)?;
    Ok(())
}

type Columns = (i64, i64, String);

fn route((generation, attempt, address): Columns) -> Result<Route, Error> {
    let (generation, attempt) = try_of((generation, attempt))?;
    Ok(Route { generation, attempt, address: parsed::<SocketAddr>(&address)? })
}

fn find(connection: &Connection, id: &WorkspaceId) -> Result<Option<Route>, Error> {
    let sql = "SELECT generation, attempt, address FROM routes \
               WHERE workspace = ?1 AND address IS NOT NULL";
    let found = connection
        .prepare_cached(sql)?
        .query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    found.map(route).transpose()
}

fn list(connection: &Connection) -> Result<Vec<(WorkspaceId, Route)>, Error> {
    let sql = "SELECT generation, attempt, address, workspace FROM routes \
               WHERE address IS NOT NULL ORDER BY workspace";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let id = parsed(&row.get::<_, String>(3)?)?;
        found.push((id, route((row.get(0)?, row.get(1)?, row.get(2)?))?));
    }
    Ok(found)
}
