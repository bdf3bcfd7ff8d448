//! The journal's table: reads of single items and of many, queries in pages, and transactions. What
//! the items mean is not known here.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::TransactWriteItem;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use ports::Fault;

use super::item::Item;
use super::keys::Key;
use crate::rows::cancelled::{Unwritten, unwritten};
use crate::rows::{failed, held, pages, rows_of, text, unbuilt};

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
        let request = request.key("pk", text(&key.pk)).key("sk", text(&key.sk));
        let answer = request.send().await.map_err(|error| failed(&error))?;
        Ok(answer.item.map(Item::of))
    }

    /// Those of these items that are there, in no order, and as they are now if that is asked for.
    pub(crate) async fn get_all(&self, keys: &[Key], now: bool) -> Result<Vec<Item>, Fault> {
        let key = |Key { pk, sk }: &Key| {
            [("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))].into()
        };
        let keys: Vec<_> = keys.iter().map(key).collect();
        let found = rows_of(&self.client, &self.table, &keys, now).await?;
        Ok(found.into_iter().map(Item::of).collect())
    }

    /// The beginning of a query.
    pub(crate) fn query(&self) -> QueryFluentBuilder {
        self.client.query().table_name(&self.table)
    }

    /// Puts one item by itself, which costs half of what a transaction of one costs, and gives whether
    /// its condition held.
    pub(crate) async fn put(&self, put: PutBuilder) -> Result<bool, Fault> {
        let put = put.build().map_err(unbuilt)?;
        let request = self.client.put_item().table_name(put.table_name);
        let request = request.set_item(Some(put.item));
        let request = request.set_condition_expression(put.condition_expression);
        Ok(held(request.send().await)?.is_some())
    }

    /// Makes all of these changes or none. A repeat by the SDK itself changes nothing more: it has a
    /// token for that, for ten minutes.
    pub(crate) async fn write(&self, actions: Vec<TransactWriteItem>) -> Result<(), Unwritten> {
        let request = self.client.transact_write_items().set_transact_items(Some(actions));
        request.send().await.map(|_| ()).map_err(|error| unwritten(&error))
    }
}

/// Up to `most` items of a query, over as many pages of 1 MB as that takes.
pub(crate) async fn items(query: QueryFluentBuilder, most: usize) -> Result<Vec<Item>, Fault> {
    Ok(pages(query, most).await?.into_iter().map(Item::of).collect())
}
