//! The key pool's text: the original's JSON format, read in both of its forms. Pure: it touches no file
//! and no store, and no error tells a key. Every store of the pool reads and writes it by these rules.
//!
//! `{"providers":{"anthropic":{"authType":"apiKey","keys":["…"]}}}`, and the older
//! `{"anthropic":["…"]}`, which the first change turns into the newer. Fields that we do not know
//! stay as they are.
//!
//! Two fields of ours may stand beside `keys`, both by fingerprint, as `teamclaw keys list` shows
//! it: `"groups":{"acme":["0123456789ab"]}` names keys that share their provider's limits, and
//! `"weights":{"0123456789ab":3}` gives a key a larger share.
//!
//! An OAuth token is the entry itself, as in the original
//! (`{"authType":"oauthToken","accessToken":…,"refreshToken":…,"expiresAt":…}`), or an object with
//! the same fields among `keys`, where there are several.

mod check;
mod key;
mod stage;
mod token;

use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::token::key_print;
use crate::{KeyPrint, Reason, Secret};
use check::{check_entry, check_key, check_provider, shown};
pub use key::{Grant, KeyInfo, PoolKey, Renewed};
pub use stage::Turn;

/// The `authType` of a provider whose entry is a token itself, the original's first; texts among
/// its `keys` count for nothing.
const OAUTH: [&str; 3] = ["oauthToken", "oauth", "token"];

/// Why the pool is not read or not changed. It never tells a key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PoolError {
    /// The text cannot be used, or what was asked for makes no sense.
    #[error("{0}")]
    Nonsense(String),
    /// It can never work like this, and the reason is known in plain words.
    #[error("{0}")]
    Refused(Reason),
}

/// The pool, in the newer form. No `Debug`: it holds keys.
#[derive(Clone, PartialEq)]
pub struct Pool(Map<String, Value>);

impl Pool {
    /// Reads the text of the file; an empty object is an empty pool.
    pub fn parse(text: &str) -> Result<Self, PoolError> {
        // serde_json tells a line and a column, and never the text there.
        let value: Value = serde_json::from_str(text)
            .map_err(|error| bad(format!("it is not JSON: {}", place(&error))))?;
        let Value::Object(root) = value else { return Err(bad("it is not a JSON object")) };
        let root = if root.contains_key("providers") { root } else { modern(root)? };
        let pool = Self(root);
        pool.check()?;
        Ok(pool)
    }

    /// No key at all.
    pub fn empty() -> Self {
        Self(Map::from_iter([("providers".to_owned(), json!({}))]))
    }

    /// The text for the file.
    pub fn text(&self) -> Result<String, PoolError> {
        serde_json::to_string_pretty(&self.0).map_err(|_| bad("it cannot be written as JSON"))
    }

    fn providers(&self) -> Option<&Map<String, Value>> {
        self.0.get("providers").and_then(Value::as_object)
    }

    fn check(&self) -> Result<(), PoolError> {
        let providers = self.providers().ok_or_else(|| bad("\"providers\" is not an object"))?;
        for (provider, entry) in providers {
            let entry = entry.as_object().ok_or_else(|| not_an_object(provider))?;
            let checked = check_entry(entry);
            checked.map_err(|what| bad(format!("provider {}: {what}", shown(provider))))?;
        }
        Ok(())
    }

    /// The keys of a provider, in order.
    pub fn of(&self, provider: &str) -> Vec<PoolKey> {
        let entry = self.providers().and_then(|providers| providers.get(provider));
        let Some(entry) = entry.and_then(Value::as_object) else { return Vec::new() };
        let itself = signs_in(entry).then(|| token::read(entry)).flatten();
        let keys = entry.get("keys").and_then(Value::as_array).into_iter().flatten();
        let keys = keys.filter_map(|key| match key {
            Value::String(text) => {
                (!signs_in(entry)).then(|| PoolKey::new(Secret::new(text.clone())))
            }
            Value::Object(object) => token::read(object),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
        });
        let limited = |key: PoolKey| {
            let (group, weight) = (group(entry, &key.print), weight(entry, &key.print));
            PoolKey { group, weight, ..key }
        };
        itself.into_iter().chain(keys).map(limited).collect()
    }

    /// Every key, without its text.
    pub fn list(&self) -> Vec<KeyInfo> {
        let providers = self.providers().into_iter().flat_map(Map::keys);
        let lines = providers.flat_map(|provider| {
            let keys = self.of(provider).into_iter();
            keys.map(|key| KeyInfo { provider: provider.clone(), key: key.print })
        });
        lines.collect()
    }

    /// Adds a key at the end; gives its fingerprint and whether it was new.
    pub fn add(&mut self, provider: &str, key: &Secret) -> Result<(KeyPrint, bool), PoolError> {
        check_provider(provider)?;
        check_key(key)?;
        let (text, print) = (key.expose(), key_print(key));
        if self.of(provider).iter().any(|known| known.secret.matches(text)) {
            return Ok((print, false));
        }
        let entry = self.entry(provider)?;
        if signs_in(entry) {
            return Err(nonsense(format!(
                "provider \"{provider}\" signs in with a token of its own; remove that entry first"
            )));
        }
        let keys = entry.entry("keys").or_insert_with(|| json!([])).as_array_mut();
        keys.ok_or_else(|| bad("keys are not a list"))?.push(Value::String(text.to_owned()));
        Ok((print, true))
    }

    /// Removes a key by its fingerprint; gives whether it was there.
    pub fn remove(&mut self, provider: &str, key: &KeyPrint) -> Result<bool, PoolError> {
        if !self.of(provider).iter().any(|known| known.print == *key) {
            return Ok(false);
        }
        let entry = self.entry(provider)?;
        let is =
            |object: &Map<String, Value>| token::read(object).is_some_and(|it| it.print == *key);
        if signs_in(entry) && is(entry) {
            // The entry is the token, and there is nothing else in it that was a key.
            let providers = self.0.get_mut("providers").and_then(Value::as_object_mut);
            return Ok(providers.and_then(|providers| providers.remove(provider)).is_some());
        }
        let keys = entry.get_mut("keys").and_then(Value::as_array_mut);
        let keys = keys.ok_or_else(|| bad("keys are not a list"))?;
        keys.retain(|known| {
            let text = known.as_str().map(|text| key_print(&Secret::new(text)));
            text.as_ref() != Some(key) && !known.as_object().is_some_and(is)
        });
        Ok(true)
    }

    /// Renews the token whose refresh token has the fingerprint `spent`; gives whether it was there.
    pub fn renew(&mut self, provider: &str, spent: &KeyPrint, to: &Renewed) -> bool {
        let providers = self.0.get_mut("providers").and_then(Value::as_object_mut);
        let entry = providers.and_then(|providers| providers.get_mut(provider)?.as_object_mut());
        let Some(entry) = entry else { return false };
        if signs_in(entry) && token::holds(entry, spent) {
            token::renew(entry, to);
            return true;
        }
        let keys = entry.get_mut("keys").and_then(Value::as_array_mut).into_iter().flatten();
        let mut objects = keys.filter_map(Value::as_object_mut);
        let found = objects.find(|object| token::holds(object, spent));
        found.map(|object| token::renew(object, to)).is_some()
    }

    /// Puts keys at the beginning, in their order; those that are there already stay where they are.
    fn put_first(&mut self, provider: &str, keys: Vec<String>) -> Result<(), PoolError> {
        let known = self.of(provider);
        let missing = |key: &String| !known.iter().any(|known| known.secret.matches(key));
        let missing: Vec<Value> = keys.into_iter().filter(missing).map(Value::String).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let keys = self.entry(provider)?.entry("keys").or_insert_with(|| json!([]));
        let keys = keys.as_array_mut().ok_or_else(|| bad("keys are not a list"))?;
        keys.splice(0..0, missing);
        Ok(())
    }

    /// A part of the text that is none of the providers.
    fn text_of(&self, part: &str) -> Option<&Value> {
        self.0.get(part)
    }

    /// All of the text.
    fn root(&mut self) -> &mut Map<String, Value> {
        &mut self.0
    }

    fn entry(&mut self, provider: &str) -> Result<&mut Map<String, Value>, PoolError> {
        let providers = self.0.get_mut("providers").and_then(Value::as_object_mut);
        let providers = providers.ok_or_else(|| bad("\"providers\" is not an object"))?;
        let fresh = || json!({ "authType": "apiKey", "keys": [] });
        let entry = providers.entry(provider).or_insert_with(fresh).as_object_mut();
        entry.ok_or_else(|| not_an_object(provider))
    }
}

/// Whether the entry is a token itself.
fn signs_in(entry: &Map<String, Value>) -> bool {
    let told = entry.get("authType").and_then(Value::as_str);
    told.is_some_and(|told| OAUTH.contains(&told))
}

/// The group that a provider's entry puts a key in; the first one, should it be in several.
fn group(entry: &Map<String, Value>, key: &KeyPrint) -> Option<String> {
    let groups = entry.get("groups")?.as_object()?;
    let holds = |prints: &Value| {
        prints.as_array().is_some_and(|prints| prints.iter().any(|print| *print == key.0))
    };
    groups.iter().find(|(_, prints)| holds(prints)).map(|(name, _)| name.clone())
}

/// A key's share; 1 unless the entry says another.
fn weight(entry: &Map<String, Value>, key: &KeyPrint) -> u32 {
    let told = entry.get("weights").and_then(|weights| weights.get(&key.0)?.as_u64());
    told.and_then(|weight| u32::try_from(weight).ok()).unwrap_or(1)
}

/// The older form, turned into the newer.
fn modern(old: Map<String, Value>) -> Result<Map<String, Value>, PoolError> {
    let mut providers = Map::new();
    for (provider, keys) in old {
        if !keys.is_array() {
            return Err(bad(format!(
                "{} is neither \"providers\" nor a provider with a list of keys",
                shown(&provider)
            )));
        }
        providers.insert(provider, json!({ "authType": "apiKey", "keys": keys }));
    }
    Ok(Map::from_iter([("providers".to_owned(), Value::Object(providers))]))
}

fn place(error: &serde_json::Error) -> String {
    format!("look at line {}, column {}", error.line(), error.column())
}

/// The text cannot be used.
fn bad(words: impl AsRef<str>) -> PoolError {
    let words = words.as_ref();
    nonsense(format!("the key pool cannot be used, and is left as it is: {words}"))
}

fn not_an_object(provider: &str) -> PoolError {
    bad(format!("the entry of provider {} is not an object", shown(provider)))
}

fn nonsense(words: impl Into<String>) -> PoolError {
    PoolError::Nonsense(words.into())
}

#[cfg(test)]
mod tests;
