//! Gives what is pending its place in the one order over all events.
//!
//! One transaction counts a row, writes it and takes its items out of the index of what is pending,
//! each on the condition that nobody did so before. So it may be begun by anybody at any time, by
//! many at once, and die anywhere: of two that meet one wins, and a row appears whole or not at all,
//! after the one before it.
//!
//! The index of what is pending may lag behind and show an append before an earlier one of the same
//! list. So each append's predecessor is looked at itself: it has its place, or comes along. That an
//! item has its place is never taken back, so that it may be looked at before the transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_dynamodb::types::builders::{PutBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use events::Version;
use ports::Fault;

use super::cancelled::{Unwritten, unbuilt};
use super::item::{Item, n, s};
use super::keys::{self, Key, SHARDS};
use super::order::{self, Pending};
use super::store::{Store, items};

/// How many items one look takes from each part of the index.
const LOOK: i32 = 100;
/// How often in a row somebody else may be faster before it is left to them.
const LOST_MAX: u32 = 6;
/// The pause after the first of those; each further one is twice as long.
const LOST_PAUSE: Duration = Duration::from_millis(20);

impl Store {
    /// Orders everything that is pending, and gives how many items that were.
    ///
    /// # Errors
    /// [`Fault::Conflict`] when somebody else was faster again and again: they order it.
    pub(crate) async fn sequence(&self) -> Result<usize, Fault> {
        let (mut ordered, mut lost) = (0, 0);
        loop {
            let pending = self.pending().await?;
            if pending.is_empty() {
                return Ok(ordered);
            }
            let mut number = self.rows().await?;
            for row in order::rows(pending) {
                match self.write(self.row(number, &row)?).await {
                    Ok(()) => {
                        number = number.saturating_add(1);
                        ordered += row.len();
                        lost = 0;
                    }
                    Err(Unwritten::Fault(fault)) => return Err(fault),
                    Err(Unwritten::Busy | Unwritten::Conditions(_)) => {
                        lost += 1;
                        break;
                    }
                }
            }
            if lost >= LOST_MAX {
                return Err(Fault::Conflict);
            }
            if lost > 0 {
                tokio::time::sleep(LOST_PAUSE * 2_u32.pow(lost - 1)).await;
            }
        }
    }

    /// How many rows the feed has.
    pub(crate) async fn rows(&self) -> Result<u64, Fault> {
        self.get(&keys::counter()).await?.map_or(Ok(0), |counter| counter.number("rows"))
    }

    /// What is pending, as far as the index tells, and all that must come before it.
    async fn pending(&self) -> Result<Vec<Pending>, Fault> {
        let mut looks = tokio::task::JoinSet::new();
        for shard in 0..SHARDS {
            let store = self.clone();
            looks.spawn(async move { store.part_of_pending(shard).await });
        }
        let mut next = BTreeSet::new();
        while let Some(look) = looks.join_next().await {
            let keys = look.map_err(|died| Fault::unavailable(super::SERVICE, died))?;
            next.extend(keys?);
        }
        let (mut seen, mut pending) = (BTreeSet::new(), BTreeMap::new());
        while !next.is_empty() {
            let wanted: Vec<Key> = next.iter().cloned().collect();
            seen.append(&mut next);
            for item in self.get_all(&wanted, true).await? {
                let Some(item) = read(&item)? else { continue };
                next.extend(predecessor(&item).filter(|key| !seen.contains(key)));
                pending.insert(item.key.clone(), item);
            }
        }
        Ok(pending.into_values().collect())
    }

    async fn part_of_pending(&self, shard: u8) -> Result<Vec<Key>, Fault> {
        let query = self.query().index_name(super::PENDING.name).limit(LOOK);
        let query = query.key_condition_expression("#pending = :part");
        let query = query.expression_attribute_names("#pending", super::PENDING.hash);
        let part = s(keys::part("pending", shard));
        let query = query.expression_attribute_values(":part", part);
        let most = usize::try_from(LOOK).unwrap_or(usize::MAX);
        items(query, most).await?.iter().map(Item::key).collect()
    }

    /// The transaction that makes a row of these items, if it is the next.
    fn row(&self, number: u64, row: &[Pending]) -> Result<Vec<TransactWriteItem>, Fault> {
        let facts = row.iter().map(|item| s(&item.facts)).collect();
        let Key { pk, sk } = keys::row(number);
        let written = PutBuilder::default()
            .table_name(self.table())
            .item("pk", s(pk))
            .item("sk", s(sk))
            .item("facts", AttributeValue::L(facts))
            .condition_expression("attribute_not_exists(pk)");
        let mut actions = vec![self.count(number)?, super::list::put(written)?];
        for item in row {
            let done = self.update(&item.key, "REMOVE #pending, #since");
            let done = done.condition_expression("attribute_exists(#pending)");
            let done = done.expression_attribute_names("#pending", super::PENDING.hash);
            let done = done.expression_attribute_names("#since", "since");
            let done = done.build().map_err(unbuilt)?;
            actions.push(TransactWriteItem::builder().update(done).build());
        }
        Ok(actions)
    }

    /// Counts a row, if there are as many as that before it.
    fn count(&self, before: u64) -> Result<TransactWriteItem, Fault> {
        let counted = self.update(&keys::counter(), "SET #rows = :after");
        let counted = counted.expression_attribute_names("#rows", "rows");
        let after = before.saturating_add(1);
        let counted = counted.expression_attribute_values(":after", n(after));
        let counted = if before == 0 {
            counted.condition_expression("attribute_not_exists(#rows)")
        } else {
            let counted = counted.expression_attribute_values(":before", n(before));
            counted.condition_expression("#rows = :before")
        };
        let counted = counted.build().map_err(unbuilt)?;
        Ok(TransactWriteItem::builder().update(counted).build())
    }

    fn update(&self, key: &Key, expression: &str) -> UpdateBuilder {
        let update = UpdateBuilder::default().table_name(self.table());
        update.key("pk", s(&key.pk)).key("sk", s(&key.sk)).update_expression(expression)
    }
}

/// An item that is still pending.
fn read(item: &Item) -> Result<Option<Pending>, Fault> {
    let Some(since) = item.has("pending").and(item.has("since")) else { return Ok(None) };
    let after = item.number("after").ok().map(Version);
    let (key, facts) = (item.key()?, item.text("envelopes")?.to_owned());
    Ok(Some(Pending { key, after, since: since.to_owned(), facts }))
}

/// The append before this one in its list. An append's key is the version that it led to, so that
/// the version it was made at names the one before.
fn predecessor(item: &Pending) -> Option<Key> {
    let after = item.after.filter(|after| *after > Version(0))?;
    Some(Key { pk: item.key.pk.clone(), sk: keys::version(after) })
}
