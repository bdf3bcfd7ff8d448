//! How layers of configuration become one: pure rules on JSON, after RFC 7386 (merge patch).
//!
//! - Objects are merged key by key. Arrays and scalars are replaced whole.
//! - `null` in the upper layer removes the key of the lower one.
//! - Where the types differ the upper layer wins; what must never change is put back by [`lock`]
//!   afterwards, so that no rule about types has to guard it.
//!
//! Layers come from people and from agents, so their depth, keys and bytes are capped, and keys
//! that mean something to a JavaScript object are refused. It must not know what the keys mean.

use serde_json::{Map, Value};
use thiserror::Error;

/// The deepest nesting of a layer; OpenClaw's own schema needs 12.
pub const DEPTH_MAX: usize = 32;

/// The most keys and array items in a layer.
pub const KEYS_MAX: usize = 8_192;

/// The most bytes of keys and texts in a layer.
pub const BYTES_MAX: usize = 256 * 1024;

/// Keys that reach an object's prototype when a JavaScript program copies them carelessly.
const FORBIDDEN: [&str; 3] = ["__proto__", "constructor", "prototype"];

/// Why a layer is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MergeError {
    /// Something else than an object at the top.
    #[error("the configuration must be a JSON object")]
    NotAnObject,
    /// Nested deeper than [`DEPTH_MAX`].
    #[error("the configuration is nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// More than [`KEYS_MAX`] keys and items.
    #[error("the configuration has more than {KEYS_MAX} keys and items")]
    TooManyKeys,
    /// More than [`BYTES_MAX`] bytes.
    #[error("the configuration has more than {BYTES_MAX} bytes")]
    TooLarge,
    /// A key that no layer may have.
    #[error("the configuration must not have a key \"{0}\"")]
    ForbiddenKey(&'static str),
}

/// Looks at a layer before anything is done with it.
pub fn check(layer: &Value) -> Result<(), MergeError> {
    if !layer.is_object() {
        return Err(MergeError::NotAnObject);
    }
    let mut seen = Seen::default();
    seen.walk(layer, 0)
}

#[derive(Default)]
struct Seen {
    keys: usize,
    bytes: usize,
}

impl Seen {
    fn walk(&mut self, value: &Value, depth: usize) -> Result<(), MergeError> {
        if depth > DEPTH_MAX {
            return Err(MergeError::TooDeep);
        }
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
            Value::String(text) => self.count(0, text.len()),
            Value::Array(items) => {
                self.count(items.len(), 0)?;
                items.iter().try_for_each(|item| self.walk(item, depth + 1))
            }
            Value::Object(map) => map.iter().try_for_each(|(key, item)| {
                if let Some(bad) = FORBIDDEN.iter().find(|bad| *bad == key) {
                    return Err(MergeError::ForbiddenKey(bad));
                }
                self.count(1, key.len())?;
                self.walk(item, depth + 1)
            }),
        }
    }

    fn count(&mut self, keys: usize, bytes: usize) -> Result<(), MergeError> {
        self.keys = self.keys.saturating_add(keys);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.keys > KEYS_MAX {
            return Err(MergeError::TooManyKeys);
        }
        if self.bytes > BYTES_MAX { Err(MergeError::TooLarge) } else { Ok(()) }
    }
}

/// Lays `upper` over `lower`.
pub fn merge(lower: &Value, upper: &Value) -> Result<Value, MergeError> {
    check(lower)?;
    check(upper)?;
    let mut merged = lower.clone();
    lay(&mut merged, upper);
    Ok(merged)
}

fn lay(lower: &mut Value, upper: &Value) {
    let Value::Object(upper) = upper else {
        *lower = upper.clone();
        return;
    };
    for (key, value) in upper {
        if value.is_null() {
            if let Value::Object(map) = lower {
                map.remove(key);
            }
        } else {
            lay(child(lower, key), value);
        }
    }
    // An empty object over something else is still an object.
    as_object(lower);
}

/// What has to be laid over `from` to get `to`: the changes that someone made. A `null` in an
/// object of `to` cannot be told from an absent key.
pub fn difference(from: &Value, to: &Value) -> Value {
    let (Value::Object(from), Value::Object(to)) = (from, to) else {
        return to.clone();
    };
    let mut changes = Map::new();
    for key in from.keys().filter(|key| to.get(*key).is_none_or(Value::is_null)) {
        changes.insert(key.clone(), Value::Null);
    }
    for (key, value) in to.iter().filter(|(_, value)| !value.is_null()) {
        match from.get(key) {
            Some(same) if same == value => {}
            Some(other) => {
                changes.insert(key.clone(), difference(other, value));
            }
            None => {
                changes.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Object(changes)
}

/// Puts `value` at `path`, whatever is there or above; `None` takes the key away.
pub fn lock(config: &mut Value, path: &[&str], value: Option<Value>) {
    let Some((last, above)) = path.split_last() else { return };
    let mut place = config;
    for key in above {
        if value.is_none() && !place.get(*key).is_some_and(Value::is_object) {
            return;
        }
        place = child(place, key);
    }
    match value {
        Some(value) => *child(place, last) = value,
        None => {
            if let Value::Object(map) = place {
                map.remove(*last);
            }
        }
    }
}

/// The value at `path`, if there is one.
pub fn find<'a>(config: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(config, |place, key| place.get(*key))
}

fn as_object(value: &mut Value) {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
}

fn child<'a>(parent: &'a mut Value, key: &str) -> &'a mut Value {
    as_object(parent);
    &mut parent[key]
}

#[cfg(test)]
mod tests;
