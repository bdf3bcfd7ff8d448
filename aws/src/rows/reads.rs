//! Reads of many rows: a query page after page, and rows by their keys until none is left out.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use ports::Fault;
use tokio::time::sleep;

use super::{Item, PART, SERVICE, failed, text, unbuilt};
use crate::tables::Index;

/// How many rows one call reads by their keys
/// (amazondynamodb/latest/APIReference/API_BatchGetItem.html).
const BATCH_MAX: usize = 100;
/// How often in a row such a call may give nothing of what is left: the table is throttled.
const EMPTY_ANSWERS_MAX: u32 = 5;
/// The pause after the first of those; each further one is twice as long.
const EMPTY_ANSWER_PAUSE: Duration = Duration::from_millis(50);

/// Everything that one part of an index of a whole table holds, every page of it.
pub(crate) async fn rows_in(
    client: &Client,
    table: &str,
    index: &Index,
    part: String,
) -> Result<Vec<Item>, Fault> {
    let query = client.query().table_name(table).index_name(index.name);
    let query = query.key_condition_expression(format!("{PART} = :part"));
    pages(query.expression_attribute_values(":part", text(part)), usize::MAX).await
}

/// Up to `most` rows that a query finds, page after page: one ends at 1 MB, whatever it was limited
/// to.
pub(crate) async fn pages(query: QueryFluentBuilder, most: usize) -> Result<Vec<Item>, Fault> {
    let mut found = query.into_paginator().items().send();
    let mut rows = Vec::new();
    while rows.len() < most
        && let Some(row) = found.next().await
    {
        rows.push(row.map_err(|error| failed(&error))?);
    }
    Ok(rows)
}

/// The rows that these keys have, in no order, and as they are now if that is asked for. Keys must
/// differ.
pub(crate) async fn rows_of(
    client: &Client,
    table: &str,
    keys: &[Item],
    now: bool,
) -> Result<Vec<Item>, Fault> {
    let mut rows = Vec::new();
    for some in keys.chunks(BATCH_MAX) {
        let wanted = KeysAndAttributes::builder().consistent_read(now);
        let wanted = wanted.set_keys(Some(some.to_vec())).build();
        batch(client, table, wanted.map_err(unbuilt)?, &mut rows).await?;
    }
    Ok(rows)
}

/// An answer holds 16 MB at the most, and less when the table is throttled: what it left out is asked
/// for again.
async fn batch(
    client: &Client,
    table: &str,
    mut wanted: KeysAndAttributes,
    rows: &mut Vec<Item>,
) -> Result<(), Fault> {
    let mut empty = 0;
    loop {
        let request = client.batch_get_item().request_items(table, wanted);
        let answer = request.send().await.map_err(|error| failed(&error))?;
        let before = rows.len();
        rows.extend(answer.responses.into_iter().flatten().flat_map(|(_, rows)| rows));
        let mut left = answer.unprocessed_keys.into_iter().flatten().map(|(_, keys)| keys);
        let Some(left) = left.find(|keys| !keys.keys.is_empty()) else { return Ok(()) };
        wanted = left;
        if rows.len() > before {
            empty = 0;
            continue;
        }
        empty += 1;
        if empty >= EMPTY_ANSWERS_MAX {
            return Err(Fault::Throttled { service: SERVICE, after: None });
        }
        sleep(EMPTY_ANSWER_PAUSE * 2_u32.pow(empty - 1)).await;
    }
}
