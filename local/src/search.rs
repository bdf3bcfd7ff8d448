//! Which workspaces match: the journal's search over its projections.

use std::borrow::Cow;

use events::{ReasonClass, Status, Step, TeamId, WorkspaceId};
use ports::{Loaded, Projection, Query, Row};
use rusqlite::{Connection, ToSql, params_from_iter};

use crate::columns::{limit, nanos, parsed, timestamp};
use crate::error::Error;
use crate::journal::load;

/// Conditions and what they compare with, in the same order.
#[derive(Default)]
struct Conditions {
    sql: Vec<Cow<'static, str>>,
    values: Vec<Box<dyn ToSql>>,
}

impl Conditions {
    fn add(&mut self, sql: &'static str, value: impl ToSql + 'static) {
        self.sql.push(sql.into());
        self.values.push(Box::new(value));
    }
}

pub(crate) fn find(
    connection: &Connection,
    query: &Query,
    after: Option<&WorkspaceId>,
    most: usize,
) -> Result<Vec<Row>, Error> {
    let mut conditions = conditions(query, after);
    conditions.values.push(Box::new(limit(most)));
    let sql = sql(query, &conditions);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(conditions.values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        match serde_json::from_slice(row.get_ref(0)?.as_bytes().unwrap_or_default()) {
            Ok(row) => found.push(row),
            Err(_) => found.push(derived(connection, row)?),
        }
    }
    Ok(found)
}

fn sql(query: &Query, conditions: &Conditions) -> String {
    // A few of many are due. With the plus SQLite finds them first and sorts them, and does not look
    // at everybody in the order of their ids.
    let by_due = query.due_by.is_some() && query.status.is_empty();
    let order = if by_due { "+id" } else { "id" };
    let conditions = conditions.sql.join(" AND ");
    format!(
        "SELECT found, id, due, status FROM workspaces WHERE {conditions} ORDER BY {order} LIMIT ?"
    )
}

/// A row that cannot be read, from what it follows from. When nobody can read that either, the row
/// says what the columns say: it is not left out, because a page that is not full is the last one.
fn derived(connection: &Connection, row: &rusqlite::Row<'_>) -> Result<Row, Error> {
    let id: WorkspaceId = parsed(&row.get::<_, String>(1)?)?;
    let due = row.get::<_, Option<i64>>(2)?.map(timestamp).transpose()?;
    let status = row.get::<_, String>(3)?;
    let loaded = load(connection, &id).unwrap_or_else(|error| {
        tracing::error!(workspace = %id, %error, "a workspace cannot be read, and waits for a human");
        Loaded::default()
    });
    let row = Row::of(&id, &Projection { workspace: loaded.workspace, due });
    let status = Status::ALL.into_iter().find(|known| known.name() == status);
    Ok(Row { status: status.unwrap_or(row.status), ..row })
}

fn conditions(query: &Query, after: Option<&WorkspaceId>) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.add("id > ?", after.map_or("", WorkspaceId::as_str).to_owned());
    if !query.status.is_empty() {
        let names = query.status.iter().copied().map(Status::name);
        conditions.values.extend(names.map(|name| Box::new(name) as Box<dyn ToSql>));
        let places = vec!["?"; query.status.len()].join(", ");
        conditions.sql.push(format!("status IN ({places})").into());
    }
    if let Some(team) = query.team.as_ref().map(TeamId::as_str) {
        conditions.add("team = ?", team.to_owned());
    }
    if let Some(at) = query.due_by {
        conditions.add("due <= ?", nanos(at));
    }
    if let Some(step) = query.step.map(Step::name) {
        conditions.add("step = ?", step);
    }
    if let Some(class) = query.reason.map(ReasonClass::name) {
        conditions.add("reason = ?", class);
    }
    if let Some(since) = query.since {
        conditions.add("trouble_at >= ?", nanos(since));
    }
    if let Some(at) = query.unused_since {
        conditions.add("last_active <= ?", nanos(at));
    }
    conditions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Database;
    use crate::scratch::Scratch;
    use jiff::Timestamp;

    async fn plan(query: Query) -> String {
        let scratch = Scratch::new();
        let database = Database::open(&scratch.path("teamclaw.db")).expect("opens");
        let look = move |connection: &Connection| {
            let mut conditions = conditions(&query, None);
            conditions.values.push(Box::new(limit(500)));
            let sql = format!("EXPLAIN QUERY PLAN {}", sql(&query, &conditions));
            let mut statement = connection.prepare(&sql)?;
            let steps = statement
                .query_map(params_from_iter(conditions.values), |row| row.get::<_, String>(3))?;
            Ok(steps.collect::<Result<Vec<_>, _>>()?.join("; "))
        };
        database.read(look).await.expect("a plan")
    }

    /// What is asked once a minute must not look at everybody who sleeps.
    #[tokio::test]
    async fn the_sweeper_s_and_the_idle_check_s_searches_use_indexes() {
        let moving = Query { status: vec![Status::Starting, Status::Stopping], ..Query::default() };
        let due = Query { due_by: Some(Timestamp::UNIX_EPOCH), ..Query::default() };
        let idle = Query { status: vec![Status::Ready], ..due.clone() };
        for (query, index) in [
            (moving, "workspaces_by_status (status=? AND id>?)"),
            (idle, "workspaces_by_status (status=? AND id>?)"),
            (due, "workspaces_by_due (due<?)"),
        ] {
            let plan = plan(query).await;
            assert!(plan.starts_with("SEARCH") && plan.contains(index), "{plan}");
        }
    }
}
