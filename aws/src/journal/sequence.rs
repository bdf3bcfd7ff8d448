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

use super::item::Item;
use super::keys::{self, Key, SHARDS};
use super::order::{self, Pending};
use super::store::{Store, items};
use crate::rows::cancelled::Unwritten;
use crate::rows::{SERVICE, number, text, unbuilt};

/// How many items one look takes from each part of the index: two rows full if they are small, and
/// 40 MB for a function of 256 if each is as large as an item may be.
const LOOK: usize = 25;
/// How often in a row there may be nothing to order though there is more: somebody else was faster,
/// and it is left to them.
const LOST_MAX: u32 = 6;
/// The pause after the first of those; each further one is twice as long.
const LOST_PAUSE: Duration = Duration::from_millis(20);

/// What one look at what is pending came to.
pub(crate) struct Round {
    /// How many items have their place now.
    ordered: usize,
    /// Whether there may be more: somebody else was faster, or there was more than one look shows.
    more: bool,
}

impl Store {
    /// Orders everything that is pending, and gives how many items that were.
    ///
    /// # Errors
    /// [`Fault::Conflict`] when somebody else was faster again and again: they order it.
    pub(crate) async fn sequence(&self) -> Result<usize, Fault> {
        let (mut ordered, mut lost) = (0, 0);
        loop {
            let round = self.round().await?;
            ordered += round.ordered;
            if !round.more {
                return Ok(ordered);
            }
            lost = if round.ordered > 0 { 0 } else { lost + 1 };
            if lost >= LOST_MAX {
                return Err(Fault::Conflict);
            }
            if lost > 0 {
                tokio::time::sleep(LOST_PAUSE * 2_u32.pow(lost - 1)).await;
            }
        }
    }

    /// Looks once at what is pending, and orders it as far as nobody else is faster.
    pub(crate) async fn round(&self) -> Result<Round, Fault> {
        let (pending, more) = self.pending().await?;
        let mut round = Round { ordered: 0, more };
        if pending.is_empty() {
            return Ok(round);
        }
        let mut number = self.rows().await?;
        for row in order::rows(pending) {
            match self.write(self.row(number, &row)?).await {
                Ok(()) => {
                    number = number.saturating_add(1);
                    round.ordered += row.len();
                }
                Err(Unwritten::Fault(fault)) => return Err(fault),
                Err(Unwritten::Busy | Unwritten::Conditions(_)) => {
                    round.more = true;
                    break;
                }
            }
        }
        Ok(round)
    }

    /// How many rows the feed has.
    pub(crate) async fn rows(&self) -> Result<u64, Fault> {
        self.get(&keys::counter()).await?.map_or(Ok(0), |counter| counter.number("rows"))
    }

    /// What is pending, as far as one look at the index tells, with all that must come before it, and
    /// whether the index has more than that.
    async fn pending(&self) -> Result<(Vec<Pending>, bool), Fault> {
        let mut looks = tokio::task::JoinSet::new();
        for shard in 0..SHARDS {
            let store = self.clone();
            looks.spawn(async move { store.part_of_pending(shard).await });
        }
        let (mut next, mut more) = (BTreeSet::new(), false);
        while let Some(look) = looks.join_next().await {
            let keys = look.map_err(|died| Fault::unavailable(SERVICE, died))??;
            more |= keys.len() >= LOOK;
            next.extend(keys);
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
        Ok((pending.into_values().collect(), more))
    }

    async fn part_of_pending(&self, shard: u8) -> Result<Vec<Key>, Fault> {
        let page = i32::try_from(LOOK).unwrap_or(i32::MAX);
        let query = self.query().index_name(super::PENDING.name).limit(page);
        let query = query.key_condition_expression("#pending = :part");
        let query = query.expression_attribute_names("#pending", super::PENDING.hash);
        let part = text(keys::part("pending", shard));
        let query = query.expression_attribute_values(":part", part);
        items(query, LOOK).await?.iter().map(Item::key).collect()
    }

    /// The transaction that makes a row of these items, if it is the next.
    fn row(&self, number: u64, row: &[Pending]) -> Result<Vec<TransactWriteItem>, Fault> {
        let facts = row.iter().map(|item| text(&item.facts)).collect();
        let Key { pk, sk } = keys::row(number);
        let written = PutBuilder::default()
            .table_name(self.table())
            .item("pk", text(pk))
            .item("sk", text(sk))
            .item("facts", AttributeValue::L(facts));
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
        let counted = counted.expression_attribute_values(":after", number(after));
        let counted = if before == 0 {
            counted.condition_expression("attribute_not_exists(#rows)")
        } else {
            let counted = counted.expression_attribute_values(":before", number(before));
            counted.condition_expression("#rows = :before")
        };
        let counted = counted.build().map_err(unbuilt)?;
        Ok(TransactWriteItem::builder().update(counted).build())
    }

    fn update(&self, key: &Key, expression: &str) -> UpdateBuilder {
        let update = UpdateBuilder::default().table_name(self.table());
        update.key("pk", text(&key.pk)).key("sk", text(&key.sk)).update_expression(expression)
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
