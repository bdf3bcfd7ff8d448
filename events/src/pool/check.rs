//! What is wrong with a pool's text, a provider's id or a key, in words that tell no key. Pure.

use serde_json::{Map, Value};

use super::{PoolError, nonsense, signs_in, token};
use crate::{ProviderId, Secret};

/// The longest key: it goes into a header.
const KEY_LENGTH_MAX: usize = 4_096;
/// The longest provider id that an error shows: longer than those of all known providers, shorter
/// than any key that somebody put in the place of one.
const SHOWN_LENGTH_MAX: usize = 24;
/// The largest share of a key beside one of share 1.
const WEIGHT_MAX: u64 = 1_000;

/// What is wrong with a provider's entry.
pub(super) fn check_entry(entry: &Map<String, Value>) -> Result<(), &'static str> {
    check_keys(entry)?;
    check_limits(entry)
}

/// What is wrong with the keys of a provider's entry.
fn check_keys(entry: &Map<String, Value>) -> Result<(), &'static str> {
    // The original's form of an entry without a token is an entry without a key.
    if signs_in(entry) && entry.len() > 1 {
        token::check(entry)?;
    }
    let Some(keys) = entry.get("keys") else { return Ok(()) };
    let keys = keys.as_array().ok_or("its keys are not a list")?;
    keys.iter().try_for_each(|key| match key {
        Value::String(_) => Ok(()),
        Value::Object(object) => token::check(object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            Err("its keys are not a list of texts or tokens")
        }
    })
}

/// What is wrong with the groups or the weights of a provider's entry.
fn check_limits(entry: &Map<String, Value>) -> Result<(), &'static str> {
    let prints =
        |value: &Value| value.as_array().is_some_and(|prints| prints.iter().all(Value::is_string));
    let groups = entry.get("groups").map(Value::as_object);
    if !groups.is_none_or(|groups| groups.is_some_and(|groups| groups.values().all(prints))) {
        return Err("\"groups\" is not an object of lists of fingerprints");
    }
    let weight = |value: &Value| value.as_u64().is_some_and(|w| (1..=WEIGHT_MAX).contains(&w));
    let weights = entry.get("weights").map(Value::as_object);
    if !weights.is_none_or(|weights| weights.is_some_and(|weights| weights.values().all(weight))) {
        return Err("\"weights\" is not an object of whole numbers from 1 to 1000");
    }
    Ok(())
}

/// A provider's id in an error, unless it looks like a key that stands in the wrong place.
pub(super) fn shown(provider: &str) -> String {
    if check_provider(provider).is_ok() && provider.len() <= SHOWN_LENGTH_MAX {
        format!("\"{provider}\"")
    } else {
        "(not shown, for it may be a key)".to_owned()
    }
}

pub(super) fn check_provider(provider: &str) -> Result<(), PoolError> {
    let parsed: Result<ProviderId, _> = provider.parse();
    parsed.map(drop).map_err(|bad| nonsense(bad.to_string()))
}

/// A key goes into a header.
pub(super) fn check_key(key: &Secret) -> Result<(), PoolError> {
    let text = key.expose();
    let length = (1..=KEY_LENGTH_MAX).contains(&text.len());
    if length && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    Err(nonsense("a key is 1 to 4096 visible ASCII characters without spaces"))
}
