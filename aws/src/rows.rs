//! What the adapters of rows share: how our types stand in attributes, how a row is read back, and
//! what DynamoDB says of a write that it turns away. Decides nothing.
//!
//! Times are RFC 3339 to the nanosecond: text whose order is the order of time, so that a condition or
//! a key compares them.

pub(crate) mod cancelled;
mod reads;

use std::fmt::Display;
use std::str::FromStr;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::error::operation::BuildError;
use jiff::Timestamp;
use ports::Fault;
use sha2::{Digest, Sha256};

use crate::error::fault;
pub(crate) use reads::{pages, rows_in, rows_of};

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
