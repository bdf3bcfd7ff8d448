//! How our types stand in columns. Integers are SQLite's signed 64 bits, times are nanoseconds
//! since 1970, names and enums are their text.

use std::fmt::Display;
use std::str::FromStr;

use events::{Attempt, Class, Gen};
use jiff::Timestamp;
use ports::Fault;

use crate::error::{Error, SERVICE};

/// A time as a column holds it. Times outside the years 1678 to 2262 are put at that edge.
pub(crate) fn nanos(at: Timestamp) -> i64 {
    let nanos = at.as_nanosecond();
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// The time that a column holds.
pub(crate) fn timestamp(nanos: i64) -> Result<Timestamp, Error> {
    Timestamp::from_nanosecond(i128::from(nanos))
        .map_err(|error| Error::Unreadable(error.to_string()))
}

/// A count as a column holds it.
pub(crate) fn integer(count: u64) -> Result<i64, Error> {
    i64::try_from(count).map_err(|_| {
        let words = format!("{count} is larger than can be stored");
        Fault::Nonsense { service: SERVICE, words }.into()
    })
}

/// The count that a column holds.
pub(crate) fn count(column: i64) -> Result<u64, Error> {
    u64::try_from(column).map_err(|error| Error::Unreadable(error.to_string()))
}

/// A generation and a try as two columns.
pub(crate) fn fence(generation: Gen, attempt: Attempt) -> Result<(i64, i64), Error> {
    Ok((integer(generation.0)?, i64::from(attempt.0)))
}

/// The generation and the try that two columns hold.
pub(crate) fn try_of((generation, attempt): (i64, i64)) -> Result<(Gen, Attempt), Error> {
    let attempt = u32::try_from(attempt).map_err(|error| Error::Unreadable(error.to_string()))?;
    Ok((Gen(count(generation)?), Attempt(attempt)))
}

/// The name, address or the like that a column holds.
pub(crate) fn parsed<T>(text: &str) -> Result<T, Error>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse().map_err(|error: T::Err| Error::Unreadable(error.to_string()))
}

/// A limit as a column's type.
pub(crate) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// The class that a column holds.
pub(crate) fn class(name: &str) -> Result<Class, Error> {
    Class::ALL
        .into_iter()
        .find(|class| class.name() == name)
        .ok_or_else(|| Error::Unreadable(format!("\"{name}\" is not a class")))
}
