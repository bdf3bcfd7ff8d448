//! [`Timers`] on a table: a row for each subject, found by its time in an index.
//!
//! The design names EventBridge Scheduler for time; this departs from it. Every append of the
//! journal sets its workspace's timer, some twenty times a start, so a schedule would be a second
//! system that is written as often, answers slower and has quotas of its own. It is precise to the
//! minute (scheduler/latest/UserGuide/managing-schedule-flexible-time-windows.html), and what it
//! would call is no sooner there than a function that runs each minute and asks every second.
//!
//! The index follows the table by a moment. So what it says to be due is read again, and a timer
//! that was set just now may be told a moment late, never early and never not at all.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use events::Subject;
use jiff::Timestamp;
use ports::{Fault, Timers};
use tokio::time::{Instant, sleep};

use crate::Environment;
use crate::rows::{self, Item, PART, failed, held, parsed, part, text, time};
use crate::tables::{Index, Table};

/// The timers in the order of their times.
const DUE: Index = Index { name: "due", hash: PART, range: Some("fires"), whole: false };
/// The table of timers.
pub const TIMERS: Table = Table {
    name: "timers",
    hash: "subject",
    range: None,
    indexes: &[DUE],
    expires: None,
    stream: false,
};

/// How long a look waits for the next at the most. A timer that is set while it waits is late by so
/// much, and a month of waiting costs ten million reads of half a unit. One that was set before is
/// told at its time: a crowd in line does not come by the second, all of a second at once.
const PAUSE: Duration = Duration::from_secs(1);
/// How many timers one look reads from each part of the index, however many are asked for: what
/// does not fit is due the next time as well.
const DUE_MAX: usize = 1_000;

/// What one look found.
struct Look {
    /// Those whose time has come, the earliest first.
    due: Vec<(Subject, Timestamp)>,
    /// When the next one comes, if that is within a pause. Only the index says so.
    next: Option<Timestamp>,
}

/// The timers of one environment.
#[derive(Clone, Debug)]
pub struct DynamoTimers {
    client: Client,
    table: String,
}

impl DynamoTimers {
    /// Timers in the environment's table.
    pub fn new(client: Client, environment: &Environment) -> Self {
        Self { client, table: environment.named(TIMERS.name) }
    }

    /// The earliest timers that are due, as the index has them and as their rows agree.
    async fn look(&self, now: Timestamp, most: usize) -> Result<Look, Fault> {
        let mut found = Vec::new();
        let soon = now.saturating_add(PAUSE).unwrap_or(Timestamp::MAX);
        for part in rows::parts() {
            for row in self.part(part, soon, most).await? {
                match timer(&row) {
                    Ok(timer) => found.push(timer),
                    // One row that nobody can read keeps no other timer from being told.
                    Err(fault) => tracing::error!(%fault, "a timer that cannot be read"),
                }
            }
        }
        found.sort_by(|(one, at), (other, then)| at.cmp(then).then_with(|| one.cmp(other)));
        let mut due = found;
        let next = due.split_off(due.partition_point(|(_, at)| *at <= now));
        let next = next.first().map(|(_, at)| *at);
        due.truncate(most);
        let keys: Vec<_> = due.iter().map(|(id, _)| key(id)).collect();
        let rows = rows::rows_of(&self.client, &self.table, &keys, true).await?;
        let set = rows.iter().map(timer).collect::<Result<Vec<_>, _>>()?;
        due.retain(|due| set.contains(due));
        Ok(Look { due, next })
    }

    /// One part's timers until then, and no more than `most`, the earliest first.
    async fn part(&self, part: String, until: Timestamp, most: usize) -> Result<Vec<Item>, Fault> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(DUE.name)
            .key_condition_expression("part = :part AND fires <= :until")
            .expression_attribute_values(":part", text(part))
            .expression_attribute_values(":until", text(time(until)))
            .limit(i32::try_from(most).unwrap_or(i32::MAX));
        rows::pages(query, most).await
    }
}

#[async_trait]
impl Timers for DynamoTimers {
    async fn set(&self, id: &Subject, at: Option<Timestamp>) -> Result<(), Fault> {
        let subject = id.to_string();
        let Some(at) = at else {
            let delete = self.client.delete_item().table_name(&self.table);
            let delete = delete.key("subject", text(subject));
            return delete.send().await.map(drop).map_err(|error| failed(&error));
        };
        let put = self.client.put_item().table_name(&self.table);
        let put = put.item(PART, text(part(&subject))).item("fires", text(time(at)));
        let put = put.item("subject", text(subject));
        put.send().await.map(drop).map_err(|error| failed(&error))
    }

    async fn due(
        &self,
        now: Timestamp,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<(Subject, Timestamp)>, Fault> {
        let began = Instant::now();
        let mut by = now;
        loop {
            let Look { due, next } = self.look(by, limit.min(DUE_MAX)).await?;
            let left = wait.saturating_sub(began.elapsed());
            if !due.is_empty() || left.is_zero() {
                return Ok(due);
            }
            let ahead = next.and_then(|next| Duration::try_from(next.duration_since(by)).ok());
            sleep(ahead.unwrap_or(PAUSE).min(PAUSE).min(left)).await;
            // `now` goes on while we wait, so that a timer is not late by a whole wait.
            by = now.saturating_add(began.elapsed()).unwrap_or(Timestamp::MAX);
        }
    }

    async fn fired(&self, id: &Subject, at: Timestamp) -> Result<(), Fault> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("subject", text(id.to_string()))
            .condition_expression("fires = :at")
            .expression_attribute_values(":at", text(time(at)));
        held(delete.send().await).map(drop)
    }
}

fn key(id: &Subject) -> Item {
    Item::from([("subject".to_owned(), text(id.to_string()))])
}

fn timer(row: &Item) -> Result<(Subject, Timestamp), Fault> {
    Ok((parsed(row, "subject")?, parsed(row, "fires")?))
}
