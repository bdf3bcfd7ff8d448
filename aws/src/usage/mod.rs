//! The ledger of usage on a table: [`UsageSink`], [`UsageTotals`] and [`Usage`].
//!
//! | row | pk | sk | holds |
//! |---|---|---|---|
//! | an hour, a day, a month | `W#ann` | `H#2026-09-21T13`, `D#2026-09-21`, `M#2026-09` | `version`, `sums` |
//! | records counted in an hour | `W#ann` | `I#2026-09-21T13#00000` | `ids`, 54 in a row |
//!
//! **Once.** A part of a batch is one transaction: the sums that change, each if its version is the
//! one that was read; the ids of what is new; and the records themselves, pending in the journal's
//! table, packed, for their text would be nine tenths of the cost. Whatever comes again, in the same
//! batch or cut anew, has its id in the rows of its hour by then. Those who count for one workspace at
//! once meet at the version of its hour, and whoever comes second reads again.
//!
//! **Nobody's hot row.** Every row is one workspace's, so that a team or a provider of thousands has
//! no counter that they all write. Teams, models, providers and keys are added up when a report is
//! read, from one index by time: at the most 23 hours, 30 days and the months after them, for each
//! workspace that used anything then. Nothing is scanned. A report follows the table by a moment,
//! as every index does; a workspace's own total is read from the table and does not.
//!
//! **Kept.** Ids 35 days, hours 400 days, days and months for ever. A report that begins more than
//! 400 days ago lacks the hours before its first midnight.
//!
//! What it costs is in [`cost`].

pub mod cost;
mod cut;
mod row;
mod seen;
mod span;
mod sums;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::TransactWriteItem;
use events::{Envelope, WorkspaceId};
use jiff::Timestamp;
use ports::{Fault, Grouping, Spending, Usage, UsageSink, UsageTotals};
use tokio::time::sleep;

use crate::Environment;
use crate::journal::JOURNAL;
use crate::journal::keys::Key;
use crate::journal::packed::packed;
use crate::journal::pending::pending;
use crate::rows::cancelled::{Unwritten, unwritten};
use crate::rows::{self, contended, failed, text, unbuilt};
use crate::tables::{Index, Table};
use cut::{Counted, Part};
use row::{Books, SeenByHour};
use span::Span;

/// The sums of all workspaces by time, the hours, days and months each by themselves.
const SPANS: Index = Index { name: "spans", hash: "span", range: Some("starts"), whole: true };
/// The table of the ledger.
pub const USAGE: Table = Table {
    name: "usage",
    hash: "pk",
    range: Some("sk"),
    indexes: &[SPANS],
    expires: Some("expires"),
    stream: false,
};

/// How often a part is counted anew because others counted for its workspace meanwhile, and how much
/// longer is waited each time. Each time one of them was done.
const TRIES: u32 = 8;
const PAUSE: Duration = Duration::from_millis(25);

/// The ledger of one environment.
#[derive(Clone, Debug)]
pub struct DynamoUsage {
    client: Client,
    table: String,
    journal: String,
}

impl DynamoUsage {
    /// A ledger in the environment's table, beside the environment's journal.
    pub fn new(client: Client, environment: &Environment) -> Self {
        let (table, journal) = (environment.named(USAGE.name), environment.named(JOURNAL.name));
        Self { client, table, journal }
    }

    /// Counts what is new of one part.
    async fn count_part(&self, part: &Part<'_>) -> Result<(), Fault> {
        for tried in 0..TRIES {
            sleep(PAUSE * tried).await;
            let (mut books, seen) = self.read(part).await?;
            let fresh = row::fresh(part, &seen);
            if fresh.is_empty() {
                return Ok(());
            }
            let mut writes = row::writes(&self.table, part.user, &fresh, &mut books, &seen)?;
            writes.push(self.facts(part.user, &fresh)?);
            let write = self.client.transact_write_items().set_transact_items(Some(writes));
            let Err(error) = write.send().await else { return Ok(()) };
            match unwritten(&error) {
                Unwritten::Conditions(_) | Unwritten::Busy => {}
                Unwritten::Fault(fault) => return Err(fault),
            }
        }
        Err(contended())
    }

    /// What the rows say that a part touches. The sums first: whoever counts between these reads
    /// changes their version, and what is read here is then written by nobody. The other way round,
    /// ids that were not there yet would stand beside a version that knows them.
    async fn read(&self, part: &Part<'_>) -> Result<(Books, SeenByHour), Fault> {
        let found = rows::rows_of(&self.client, &self.table, &row::keys(part), true).await?;
        let books = row::books(&found)?;
        let mut seen = SeenByHour::new();
        for hour in part.records.iter().map(row::hour) {
            if seen.contains_key(&hour) {
                continue;
            }
            let query = self.of(part.user, "pk = :pk AND begins_with(sk, :hour)");
            let query = query.expression_attribute_values(":hour", text(row::ids_prefix(&hour)));
            seen.insert(hour, row::seen(&rows::pages(query, usize::MAX).await?)?);
        }
        Ok((books, seen))
    }

    /// A consistent query of a workspace's rows.
    fn of(&self, user: &WorkspaceId, condition: &str) -> QueryFluentBuilder {
        let query = self.client.query().table_name(&self.table).consistent_read(true);
        let query = query.key_condition_expression(condition);
        query.expression_attribute_values(":pk", text(row::partition(user)))
    }

    /// The records themselves, for the feed. What is counted first among them is counted once, so
    /// its id is a key that no other item has.
    fn facts(&self, user: &WorkspaceId, fresh: &[Counted<'_>]) -> Result<TransactWriteItem, Fault> {
        let facts: Vec<Envelope> = fresh.iter().map(|counted| counted.envelope.clone()).collect();
        let first = facts.first().map(|fact| fact.id.to_string()).unwrap_or_default();
        let key = Key { pk: format!("U#{user}"), sk: first };
        let json =
            serde_json::to_string(&facts).map_err(|error| rows::nonsense(error.to_string()))?;
        let put = pending(&self.journal, &key, &facts)?.item("envelopes", text(packed(&json)?));
        let put = put.build().map_err(unbuilt)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Adds one part of a span to a report's lines, page by page.
    async fn add(
        &self,
        lines: &mut BTreeMap<String, Spending>,
        by: Grouping,
        span: &Span,
        part: &str,
    ) -> Result<(), Fault> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(SPANS.name)
            .key_condition_expression("span = :span AND starts BETWEEN :first AND :last")
            .expression_attribute_values(":span", text(row::span(span.period, part)))
            .expression_attribute_values(":first", text(&*span.first))
            .expression_attribute_values(":last", text(&*span.last));
        let mut found = query.into_paginator().items().send();
        while let Some(row) = found.next().await {
            let row = row.map_err(|error| failed(&error))?;
            for (name, line) in row::sums(&row)?.by(by, row::user(&row)?) {
                lines.entry(name).or_default().add(line);
            }
        }
        Ok(())
    }
}

#[async_trait]
impl UsageSink for DynamoUsage {
    async fn count(&self, batch: &[Envelope]) -> Result<(), Fault> {
        for part in cut::parts(batch)? {
            self.count_part(&part).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl UsageTotals for DynamoUsage {
    async fn total(&self, workspace: &WorkspaceId, since: Timestamp) -> Result<Spending, Fault> {
        let mut total = Spending { name: workspace.to_string(), ..Spending::default() };
        for Span { period, first, last } in span::spans(Some(since)) {
            let query = self
                .of(workspace, "pk = :pk AND sk BETWEEN :first AND :last")
                .expression_attribute_values(":first", text(row::sums_key(period, &first)))
                .expression_attribute_values(":last", text(row::sums_key(period, &last)));
            for row in rows::pages(query, usize::MAX).await? {
                total.add(&row::sums(&row)?.total());
            }
        }
        Ok(total)
    }
}

#[async_trait]
impl Usage for DynamoUsage {
    async fn report(&self, by: Grouping, since: Option<Timestamp>) -> Result<Vec<Spending>, Fault> {
        let mut lines = BTreeMap::new();
        for span in span::spans(since) {
            for part in rows::parts() {
                self.add(&mut lines, by, &span, &part).await?;
            }
        }
        Ok(Spending::report(lines))
    }
}
