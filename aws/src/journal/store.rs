//! The journal's table: reads of single items and of many, queries in pages, and transactions. What
//! the items mean is not known here.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{KeysAndAttributes, TransactWriteItem};
use ports::Fault;

use super::SERVICE;
use super::cancelled::{self, Unwritten};
use super::item::{Item, s};
use super::keys::Key;
use crate::error::fault;

/// How many items one BatchGetItem may ask for, by its API page.
const BATCH_MAX: usize = 100;
/// How often in a row an answer may hold nothing of what was asked for: the table is throttled.
const EMPTY_ANSWERS_MAX: u32 = 5;
/// The pause after the first of those; each further one is twice as long.
const EMPTY_ANSWER_PAUSE: Duration = Duration::from_millis(50);

/// One table with two keys, by name.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    client: Client,
    table: String,
}

impl Store {
    /// The table of this name.
    pub(crate) fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// The table's name.
    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    /// One item, as it is now.
    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Item>, Fault> {
        let request = self.client.get_item().table_name(&self.table).consistent_read(true);
        let request = request.key("pk", s(&key.pk)).key("sk", s(&key.sk));
        let answer = request.send().await.map_err(|error| fault(SERVICE, &error))?;
        Ok(answer.item.map(Item::of))
    }

    /// Those of these items that are there, in no order, and as they are now if that is asked for.
    pub(crate) async fn get_all(&self, keys: &[Key], now: bool) -> Result<Vec<Item>, Fault> {
        let mut found = Vec::new();
        for some in keys.chunks(BATCH_MAX) {
            let mut wanted = KeysAndAttributes::builder().consistent_read(now);
            for Key { pk, sk } in some {
                let key = [("pk".to_owned(), s(pk)), ("sk".to_owned(), s(sk))];
                wanted = wanted.keys(key.into_iter().collect());
            }
            self.get_batch(wanted.build().map_err(cancelled::unbuilt)?, &mut found).await?;
        }
        Ok(found)
    }

    /// An answer holds 16 MB at the most, and less when the table is throttled: what it left out is
    /// asked for again.
    async fn get_batch(
        &self,
        mut wanted: KeysAndAttributes,
        found: &mut Vec<Item>,
    ) -> Result<(), Fault> {
        let mut empty = 0;
        loop {
            let request = self.client.batch_get_item().request_items(&self.table, wanted);
            let answer = request.send().await.map_err(|error| fault(SERVICE, &error))?;
            let items = answer.responses.into_iter().flatten().flat_map(|(_, items)| items);
            let before = found.len();
            found.extend(items.map(Item::of));
            let left = answer.unprocessed_keys.into_iter().flatten().map(|(_, keys)| keys).next();
            let Some(left) = left else { return Ok(()) };
            wanted = left;
            if found.len() > before {
                empty = 0;
                continue;
            }
            empty += 1;
            if empty >= EMPTY_ANSWERS_MAX {
                return Err(Fault::Throttled { service: SERVICE, after: None });
            }
            tokio::time::sleep(EMPTY_ANSWER_PAUSE * 2_u32.pow(empty - 1)).await;
        }
    }

    /// The beginning of a query.
    pub(crate) fn query(&self) -> QueryFluentBuilder {
        self.client.query().table_name(&self.table)
    }

    /// Puts one item by itself, which costs half of what a transaction of one costs, and gives whether
    /// its condition held.
    pub(crate) async fn put(&self, put: PutBuilder) -> Result<bool, Fault> {
        let put = put.build().map_err(cancelled::unbuilt)?;
        let request = self.client.put_item().table_name(put.table_name);
        let request = request.set_item(Some(put.item));
        let request = request.set_condition_expression(put.condition_expression);
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
                // A transaction has it in hand just now; the next try finds it free.
                Some(PutItemError::TransactionConflictException(_)) => {
                    Err(Fault::unavailable(SERVICE, "a transaction has the item in hand"))
                }
                _ => Err(fault(SERVICE, &error)),
            },
        }
    }

    /// Makes all of these changes or none. A repeat by the SDK itself changes nothing more: it has a
    /// token for that, for ten minutes.
    pub(crate) async fn write(&self, actions: Vec<TransactWriteItem>) -> Result<(), Unwritten> {
        let request = self.client.transact_write_items().set_transact_items(Some(actions));
        request.send().await.map(|_| ()).map_err(|error| cancelled::unwritten(&error))
    }
}

/// Up to `most` items of a query, over as many pages of 1 MB as that takes.
pub(crate) async fn items(query: QueryFluentBuilder, most: usize) -> Result<Vec<Item>, Fault> {
    let mut found = Vec::new();
    let mut items = query.into_paginator().items().send();
    while found.len() < most
        && let Some(item) = items.next().await
    {
        found.push(Item::of(item.map_err(|error| fault(SERVICE, &error))?));
    }
    Ok(found)
}
