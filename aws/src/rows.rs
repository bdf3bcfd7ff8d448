//! What the adapters of rows share: how our types stand in attributes, how a row is read back, reads
//! in pages and by many keys, and what DynamoDB says of a write that it turns away. Decides nothing.
//!
//! Times are RFC 3339 to the nanosecond: text whose order is the order of time, so that a condition or
//! a key compares them.

pub(crate) mod cancelled;

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::error::operation::BuildError;
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
/// How often in a row such a call may give nothing of what is left: the table is throttled.
const EMPTY_ANSWERS_MAX: u32 = 5;
/// The pause after the first of those; each further one is twice as long.
const EMPTY_ANSWER_PAUSE: Duration = Duration::from_millis(50);

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

/// The text in an attribute that every row has.
pub(crate) fn needed<'a>(item: &'a Item, name: &str) -> Result<&'a str, Fault> {
    text_in(item, name).ok_or_else(|| missing(name))
}

/// What an attribute of text holds: a name, an address, a time.
pub(crate) fn parsed<T>(item: &Item, name: &str) -> Result<T, Fault>
where
    T: FromStr,
    T::Err: Display,
{
    needed(item, name)?.parse().map_err(|error: T::Err| nonsense(format!("{name}: {error}")))
}

/// What an attribute of a number holds; nothing when the row lacks it.
pub(crate) fn number_in<T: FromStr>(item: &Item, name: &str) -> Result<Option<T>, Fault> {
    let Some(value) = item.get(name) else { return Ok(None) };
    let number = value.as_n().ok().and_then(|digits| digits.parse().ok());
    number.map(Some).ok_or_else(|| nonsense(format!("{name} is no number of ours")))
}

/// A row that must have an attribute and does not.
pub(crate) fn missing(name: &str) -> Fault {
    nonsense(format!("a row has no {name}"))
}

/// What makes no sense, in plain words: a row that this version cannot read, a request that cannot be
/// made.
pub(crate) fn nonsense(words: impl Into<String>) -> Fault {
    Fault::Nonsense { service: SERVICE, words: words.into() }
}

/// A request that the SDK itself does not accept.
#[expect(clippy::needless_pass_by_value, reason = "it stands where an error is mapped")]
pub(crate) fn unbuilt(error: BuildError) -> Fault {
    nonsense(error.to_string())
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

/// What a failed call means. A row that another transaction is writing is not asked for too often:
/// it is free again in a moment. So is one of ours whose first try the SDK's own repeat has overtaken,
/// which may yet be made.
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
