//! Which workspaces match: the journal's search over its projections.

use events::{ReasonClass, Status, Step, TeamId, WorkspaceId};
use ports::{Query, Row};
use rusqlite::{Connection, ToSql, params_from_iter};

use crate::columns::{limit, nanos};
use crate::error::Error;

/// Conditions and what they compare with, in the same order.
#[derive(Default)]
struct Conditions {
    sql: Vec<&'static str>,
    values: Vec<Box<dyn ToSql>>,
}

impl Conditions {
    fn add(&mut self, sql: &'static str, value: impl ToSql + 'static) {
        self.sql.push(sql);
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
    let sql = format!(
        "SELECT found FROM workspaces WHERE {} ORDER BY id LIMIT ?",
        conditions.sql.join(" AND ")
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(conditions.values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(serde_json::from_str(&row.get::<_, String>(0)?)?);
    }
    Ok(found)
}

fn conditions(query: &Query, after: Option<&WorkspaceId>) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.add("id > ?", after.map_or("", WorkspaceId::as_str).to_owned());
    if !query.status.is_empty() {
        // A list of any length in one parameter.
        let names: Vec<_> = query.status.iter().copied().map(Status::name).collect();
        conditions.add("instr(?, ',' || status || ',') > 0", format!(",{},", names.join(",")));
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
    conditions
}
