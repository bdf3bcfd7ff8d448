//! What the adapters of rows share: how our types stand in attributes, how a row is read back, and
//! what DynamoDB says of a write that it turns away. Decides nothing.
//!
//! Times are RFC 3339 to the nanosecond, and a generation with its try is two numbers of a fixed
//! width; both are text whose order is the order of what it stands for, so that a condition or a
//! key compares them.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use events::{Attempt, Gen};
use jiff::Timestamp;
use ports::Fault;
use sha2::{Digest, Sha256};
use tokio::time::sleep;

use crate::error::fault;
use crate::tables::Index;

/// As an operator knows it.
pub(crate) const SERVICE: &str = "DynamoDB";
/// Over how many keys an index of a whole table is spread. One key of an index takes 1,000 write
/// units a second (developerguide/bp-partition-key-design.html), and an index that is throttled
/// throttles its table. A cell's busiest index is that of timers: a hundred starts at once and 20
/// a second after them set some twenty timers each, of two units.
pub(crate) const PARTS: u8 = 4;
/// The attribute by which such an index is spread: a number below [`PARTS`], as text. An item
/// without it is not in the index.
pub(crate) const PART: &str = "part";

/// How many rows one call reads by their keys
/// (amazondynamodb/latest/APIReference/API_BatchGetItem.html).
const BATCH_MAX: usize = 100;
/// How often is asked for rows that such a call left out, which it does when there is too much to
/// read at once, and how much longer is waited each time.
const BATCH_TRIES: u32 = 6;
const BATCH_PAUSE: Duration = Duration::from_millis(20);

/// A row, or a row's key.
#[expect(
    clippy::disallowed_types,
    reason = "the SDK's own type; nobody walks over it in its order"
)]
pub(crate) type Item = std::collections::HashMap<String, AttributeValue>;

/// A text as an attribute.
pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A whole number as an attribute.
pub(crate) fn number(value: impl Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A generation and a try as text that is ordered as they are: the generation counts more.
pub(crate) fn fence(generation: Gen, attempt: Attempt) -> String {
    format!("{:020}.{:010}", generation.0, attempt.0)
}

/// The generation and the try that [`fence`] wrote.
pub(crate) fn try_of(fence: &str) -> Result<(Gen, Attempt), Fault> {
    let parts = fence.split_once('.').and_then(|(generation, attempt)| {
        Some((Gen(generation.parse().ok()?), Attempt(attempt.parse().ok()?)))
    });
    parts.ok_or_else(|| unreadable(format!("{fence} is no generation and try")))
}

/// A time as text that is ordered as times are, in the years 0 to 9999.
pub(crate) fn time(at: Timestamp) -> String {
    format!("{at:.9}")
}

/// In which part of an index of a whole table something is.
pub(crate) fn part(of: &str) -> String {
    (Sha256::digest(of.as_bytes())[0] % PARTS).to_string()
}

/// Every part of such an index.
pub(crate) fn parts() -> impl Iterator<Item = String> {
    (0..PARTS).map(|part| part.to_string())
}

/// The text in an attribute, if the row has it.
pub(crate) fn text_in<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// What an attribute of text holds: a name, an address, a time.
pub(crate) fn parsed<T>(item: &Item, name: &str) -> Result<T, Fault>
where
    T: FromStr,
    T::Err: Display,
{
    let text = text_in(item, name).ok_or_else(|| missing(name))?;
    text.parse().map_err(|error: T::Err| unreadable(format!("{name}: {error}")))
}

/// What an attribute of a number holds; nothing when the row lacks it.
pub(crate) fn number_in<T: FromStr>(item: &Item, name: &str) -> Result<Option<T>, Fault> {
    let Some(value) = item.get(name) else { return Ok(None) };
    let number = value.as_n().ok().and_then(|digits| digits.parse().ok());
    number.map(Some).ok_or_else(|| unreadable(format!("{name} is no number of ours")))
}

/// A row that must have an attribute and does not.
pub(crate) fn missing(name: &str) -> Fault {
    unreadable(format!("a row has no {name}"))
}

/// A row that this version cannot read.
pub(crate) fn unreadable(words: impl Into<String>) -> Fault {
    Fault::Nonsense { service: SERVICE, words: words.into() }
}

/// Everything that one part of an index of a whole table holds, every page of it.
pub(crate) async fn rows_in(
    client: &Client,
    table: &str,
    index: &Index,
    part: String,
) -> Result<Vec<Item>, Fault> {
    let query = client.query().table_name(table).index_name(index.name);
    let query = query.key_condition_expression(format!("{PART} = :part"));
    pages(query.expression_attribute_values(":part", text(part))).await
}

/// Everything that a query finds, page after page: one ends at 1 MB, whatever it was limited to.
pub(crate) async fn pages(query: QueryFluentBuilder) -> Result<Vec<Item>, Fault> {
    let mut found = query.into_paginator().items().send();
    let mut rows = Vec::new();
    while let Some(row) = found.next().await {
        rows.push(row.map_err(|error| failed(&error))?);
    }
    Ok(rows)
}

/// The rows that these keys have, as they are now (a consistent read), in no order. Keys must differ.
pub(crate) async fn rows_of(
    client: &Client,
    table: &str,
    keys: Vec<Item>,
) -> Result<Vec<Item>, Fault> {
    let mut rows = Vec::new();
    for some in keys.chunks(BATCH_MAX) {
        let mut left = some.to_vec();
        for asked in 0..BATCH_TRIES {
            sleep(BATCH_PAUSE * asked).await;
            let keys = KeysAndAttributes::builder().consistent_read(true).set_keys(Some(left));
            let keys = keys.build().map_err(|error| unreadable(error.to_string()))?;
            let batch = client.batch_get_item().request_items(table, keys);
            let answer = batch.send().await.map_err(|error| failed(&error))?;
            rows.extend(answer.responses.into_iter().flatten().flat_map(|(_, rows)| rows));
            let unread = answer.unprocessed_keys.into_iter().flatten();
            left = unread.flat_map(|(_, keys)| keys.keys).collect();
            if left.is_empty() {
                break;
            }
        }
        if !left.is_empty() {
            return Err(Fault::Throttled { service: SERVICE, after: None });
        }
    }
    Ok(rows)
}

/// What a failed call means. A row that another transaction is writing is not asked for too often:
/// it is free again in a moment.
pub(crate) fn failed<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Fault {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    match code {
        Some("TransactionConflictException" | "TransactionInProgressException") => contended(),
        _ => fault(SERVICE, error),
    }
}

/// A row that others are writing just now.
pub(crate) fn contended() -> Fault {
    Fault::unavailable(SERVICE, "others are writing the same rows just now")
}

/// What came of a write with a condition: `None` when its condition did not hold.
pub(crate) fn held<T, E: ProvideErrorMetadata>(
    answer: Result<T, SdkError<E, HttpResponse>>,
) -> Result<Option<T>, Fault> {
    match answer {
        Ok(made) => Ok(Some(made)),
        Err(error) => {
            let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
            let turned = code == Some("ConditionalCheckFailedException");
            if turned { Ok(None) } else { Err(failed(&error)) }
        }
    }
}

#[cfg(test)]
mod tests;
