//! Which workspaces match: one index gives the keys, the workspaces themselves say the rest.
//!
//! An index holds keys alone, so that an append writes only into those of which it changes something,
//! and what is found is told as it is and not as it was. The table is never scanned.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use events::workspace::RULES;
use events::{Status, Step, Workspace, WorkspaceId};
use jiff::Timestamp;
use ports::{Fault, Projection, Query, Row};

use super::item::Item;
use super::keys::{self, Key, List, SHARDS};
use super::list::Attributes;
use super::store::{Store, items};
use super::{ACTIVE, DUE, STATUS, TEAM, TROUBLE};
use crate::rows::cancelled::Unwritten;
use crate::rows::{SERVICE, number, text, time};
use crate::tables::Index;

/// How many workspaces are read at once.
const CHUNK: usize = 100;

/// The attributes by which a workspace is found.
pub(super) fn indexed(row: &Row) -> Attributes {
    let shard = keys::shard(row.workspace.as_str());
    let mut attributes = vec![(STATUS.hash, text(keys::part(row.status.name(), shard)))];
    if let Some(team) = &row.team {
        attributes.push((TEAM.hash, text(team.as_str())));
    }
    let times = [(DUE, "due", row.due), (ACTIVE, "active", row.last_active)];
    for (index, name, at) in times {
        let Some(at) = at else { continue };
        attributes.push((index.hash, text(keys::part(name, shard))));
        attributes.extend(index.range.map(|range| (range, text(time(at)))));
    }
    if let (Some(step), Some(at)) = (row.step, row.trouble_at) {
        attributes.push((TROUBLE.hash, text(step.name())));
        attributes.extend(TROUBLE.range.map(|range| (range, text(time(at)))));
    }
    attributes
}

/// Where to look for what a query asks: the index that leaves out the most.
#[derive(Debug, PartialEq, Eq)]
struct Look {
    index: Index,
    /// Every partition to look at.
    parts: Vec<String>,
    /// What the sort key is compared with, and how.
    bound: Option<(&'static str, String)>,
}

fn look(query: &Query, after: Option<&WorkspaceId>) -> Look {
    let shards = |of: &str| (0..SHARDS).map(|shard| keys::part(of, shard)).collect::<Vec<_>>();
    let onwards = || after.map(|id| (">", List::of_workspace(id).pk));
    if query.step.is_some() || query.reason.is_some() || query.since.is_some() {
        let steps = query.step.map_or_else(|| events::step::STEPS.to_vec(), |step| vec![step]);
        let parts = steps.into_iter().map(|step: Step| step.name().to_owned()).collect();
        let bound = query.since.map(|since| (">=", time(since)));
        return Look { index: TROUBLE, parts, bound };
    }
    if let Some(by) = query.due_by {
        return Look { index: DUE, parts: shards("due"), bound: Some(("<=", time(by))) };
    }
    if let Some(by) = query.unused_since {
        let bound = Some(("<=", time(by)));
        return Look { index: ACTIVE, parts: shards("active"), bound };
    }
    if let Some(team) = &query.team {
        return Look { index: TEAM, parts: vec![team.to_string()], bound: onwards() };
    }
    let any = if query.status.is_empty() { &Status::ALL[..] } else { &query.status };
    let parts = any.iter().flat_map(|status| shards(status.name())).collect();
    Look { index: STATUS, parts, bound: onwards() }
}

impl Store {
    /// Up to `most` workspaces that match, in the order of their ids, after one.
    pub(super) async fn find(
        &self,
        query: &Query,
        after: Option<&WorkspaceId>,
        most: usize,
    ) -> Result<Vec<Row>, Fault> {
        let first = after.map(|id| List::of_workspace(id).pk);
        let found = self.keys(look(query, after)).await?;
        let keys: Vec<Key> =
            found.into_iter().filter(|key| first.as_ref() < Some(&key.pk)).collect();
        let mut rows = Vec::new();
        for chunk in keys.chunks(CHUNK) {
            if rows.len() >= most {
                break;
            }
            let mut heads = self.get_all(chunk, false).await?;
            heads.sort_by(|a, b| a.has("pk").cmp(&b.has("pk")));
            for head in &heads {
                rows.extend(self.told(head).await?.filter(|row| query.matches(row)));
            }
        }
        rows.truncate(most);
        Ok(rows)
    }

    /// The keys that an index has, in order.
    async fn keys(&self, look: Look) -> Result<BTreeSet<Key>, Fault> {
        let mut looks = tokio::task::JoinSet::new();
        for part in &look.parts {
            let query = in_part(self.query(), &look, part);
            looks.spawn(async move { items(query, usize::MAX).await });
        }
        let mut found = BTreeSet::new();
        while let Some(part) = looks.join_next().await {
            let part = part.map_err(|died| Fault::unavailable(SERVICE, died))??;
            for item in part {
                found.insert(item.key()?);
            }
        }
        Ok(found)
    }

    /// The row of a workspace. One that cannot be read says what its indexes say: it is not left out,
    /// for it is what a human must see.
    async fn told(&self, head: &Item) -> Result<Option<Row>, Fault> {
        let Some(id) = keys::workspace(head.text("pk")?) else { return Ok(None) };
        let due: Option<Timestamp> = head.has("due").and_then(|text| text.parse().ok());
        let row = |workspace| Row::of(&id, &Projection { workspace, due });
        if current(head)
            && let Ok(workspace) = head.json::<Workspace>("fold")
        {
            return Ok(Some(row(workspace)));
        }
        match self.fold::<Workspace>(&List::of_workspace(&id)).await {
            Ok((_, workspace)) => Ok(Some(row(workspace))),
            Err(Fault::Nonsense { words, .. }) => {
                tracing::error!(workspace = %id, words, "cannot be read, and waits for a human");
                let mut row = row(Workspace::default());
                let name = head.has(STATUS.hash).and_then(|part| part.split('#').next());
                let known = Status::ALL.into_iter().find(|status| Some(status.name()) == name);
                row.status = known.unwrap_or(row.status);
                Ok(Some(row))
            }
            Err(fault) => Err(fault),
        }
    }

    /// Folds anew what other rules folded, so that searches are right, too, and gives how many that
    /// were. Such a workspace is due at once: when time alone changes what is next there is for the
    /// sweeper to find out. One whose events cannot be read stays as it is, and so does one to which
    /// somebody appends at this moment.
    pub(super) async fn refold(&self, now: Timestamp) -> Result<usize, Fault> {
        let keys: Vec<Key> = self.keys(look(&Query::default(), None)).await?.into_iter().collect();
        let mut refolded = 0;
        for head in self.get_all(&keys, true).await?.iter().filter(|head| !current(head)) {
            refolded += usize::from(self.refold_one(head, now).await?);
        }
        Ok(refolded)
    }

    async fn refold_one(&self, head: &Item, now: Timestamp) -> Result<bool, Fault> {
        let Some(id) = keys::workspace(head.text("pk")?) else { return Ok(false) };
        let list = List::of_workspace(&id);
        let (version, workspace) = match self.fold(&list).await {
            Ok(folded) => folded,
            Err(Fault::Nonsense { words, .. }) => {
                tracing::error!(workspace = %id, words, "cannot be folded anew, and waits for a human");
                return Ok(false);
            }
            Err(fault) => return Err(fault),
        };
        let projection = Projection { workspace, due: Some(now) };
        let attributes = indexed(&Row::of(&id, &projection));
        let put = self.head(&list, version, &projection.workspace, attributes)?;
        let put = put
            .condition_expression("#version = :version AND #rules <> :rules")
            .expression_attribute_names("#version", "version")
            .expression_attribute_names("#rules", "rules")
            .expression_attribute_values(":version", number(version.0))
            .expression_attribute_values(":rules", number(u64::from(RULES)));
        match self.write(vec![super::list::put(put)?]).await {
            Ok(()) => Ok(true),
            Err(Unwritten::Busy | Unwritten::Conditions(_)) => Ok(false),
            Err(Unwritten::Fault(fault)) => Err(fault),
        }
    }
}

fn in_part(query: QueryFluentBuilder, look: &Look, part: &str) -> QueryFluentBuilder {
    let query = query.index_name(look.index.name);
    let query = query.expression_attribute_names("#part", look.index.hash);
    let query = query.expression_attribute_values(":part", text(part));
    let Some(((how, bound), range)) = look.bound.as_ref().zip(look.index.range) else {
        return query.key_condition_expression("#part = :part");
    };
    query
        .key_condition_expression(format!("#part = :part AND #range {how} :bound"))
        .expression_attribute_names("#range", range)
        .expression_attribute_values(":bound", text(bound))
}

/// Whether a fold was made by our rules.
fn current(head: &Item) -> bool {
    head.number("rules").is_ok_and(|rules| rules == u64::from(RULES))
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::ReasonClass;

    fn looks(query: &Query, after: Option<&WorkspaceId>) -> (&'static str, usize, Option<String>) {
        let Look { index, parts, bound } = look(query, after);
        (index.name, parts.len(), bound.map(|(how, what)| format!("{how} {what}")))
    }

    /// What is asked once a minute must not look at everybody who sleeps.
    #[test]
    fn each_search_looks_where_the_fewest_are() {
        let at = Some(Timestamp::UNIX_EPOCH);
        let (ann, team) = ("ann".parse().ok(), "red".parse().ok());
        let time = |how: &str| Some(format!("{how} 1970-01-01T00:00:00.000000000Z"));
        let status = vec![Status::Starting, Status::Stopping];
        let (step, reason) = (Some(Step::RunTask), Some(ReasonClass::Capacity));
        let query = Query::default;
        let table = [
            (query(), ("by-status", 48, Some("> W#ann".to_owned()))),
            (Query { status, ..query() }, ("by-status", 16, Some("> W#ann".to_owned()))),
            (Query { team, ..query() }, ("by-team", 1, Some("> W#ann".to_owned()))),
            (Query { due_by: at, ..query() }, ("by-due", 8, time("<="))),
            (Query { unused_since: at, ..query() }, ("by-activity", 8, time("<="))),
            (Query { step, due_by: at, ..query() }, ("by-trouble", 1, None)),
            (Query { reason, ..query() }, ("by-trouble", 7, None)),
            (Query { since: at, ..query() }, ("by-trouble", 7, time(">="))),
        ];
        for (query, expected) in table {
            assert_eq!(looks(&query, ann.as_ref()), expected, "{query:?}");
        }
    }
}
