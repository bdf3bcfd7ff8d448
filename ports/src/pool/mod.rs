//! The key pool's text: the original's JSON format, read in both of its forms.
//!
//! `{"providers":{"anthropic":{"authType":"apiKey","keys":["…"]}}}`, and the older
//! `{"anthropic":["…"]}`, which the first change turns into the newer. Fields that we do not know
//! stay as they are. Nothing here touches a file or a store, and no error tells a key. Every adapter of
//! [`Keys`](crate::Keys) and [`Staging`](crate::Staging) reads and writes the pool by these rules.
//!
//! Two fields of ours may stand beside `keys`, both by fingerprint, as `teamclaw keys list` shows
//! it: `"groups":{"acme":["0123456789ab"]}` names keys that share their provider's limits, and
//! `"weights":{"0123456789ab":3}` gives a key a larger share.
//!
//! An OAuth token is the entry itself, as in the original
//! (`{"authType":"oauthToken","accessToken":…,"refreshToken":…,"expiresAt":…}`), or an object with
//! the same fields among `keys`, where there are several.

mod stage;
mod token;

use events::{KeyPrint, ProviderId, Secret, token::key_print};
use serde_json::{Map, Value, json};

use crate::{Fault, KeyInfo, PoolKey, Renewed};

/// As an operator knows it.
pub const SERVICE: &str = "key pool";
/// The longest key: it goes into a header.
const KEY_LENGTH_MAX: usize = 4_096;
/// The longest provider id that an error shows: longer than those of all known providers, shorter
/// than any key that somebody put in the place of one.
const SHOWN_LENGTH_MAX: usize = 24;
/// The largest share of a key beside one of share 1.
const WEIGHT_MAX: u64 = 1_000;
/// The `authType` of a provider whose entry is a token itself, the original's first; texts among
/// its `keys` count for nothing.
const OAUTH: [&str; 3] = ["oauthToken", "oauth", "token"];

/// The pool, in the newer form. No `Debug`: it holds keys.
#[derive(Clone, PartialEq)]
pub struct Pool(Map<String, Value>);

impl Pool {
    /// Reads the text of the file; an empty object is an empty pool.
    pub fn parse(text: &str) -> Result<Self, Fault> {
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
    pub fn text(&self) -> Result<String, Fault> {
        serde_json::to_string_pretty(&self.0).map_err(|_| bad("it cannot be written as JSON"))
    }

    fn providers(&self) -> Option<&Map<String, Value>> {
        self.0.get("providers").and_then(Value::as_object)
    }

    fn check(&self) -> Result<(), Fault> {
        let providers = self.providers().ok_or_else(|| bad("\"providers\" is not an object"))?;
        for (provider, entry) in providers {
            let entry = entry.as_object().ok_or_else(|| {
                bad(format!("the entry of provider {} is not an object", shown(provider)))
            })?;
            let checked = check_keys(entry).and_then(|()| check_limits(entry));
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
    pub fn add(&mut self, provider: &str, key: &Secret) -> Result<(KeyPrint, bool), Fault> {
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
    pub fn remove(&mut self, provider: &str, key: &KeyPrint) -> Result<bool, Fault> {
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
    fn put_first(&mut self, provider: &str, keys: Vec<String>) -> Result<(), Fault> {
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

    fn entry(&mut self, provider: &str) -> Result<&mut Map<String, Value>, Fault> {
        let providers = self.0.get_mut("providers").and_then(Value::as_object_mut);
        let providers = providers.ok_or_else(|| bad("\"providers\" is not an object"))?;
        let fresh = || json!({ "authType": "apiKey", "keys": [] });
        let entry = providers.entry(provider).or_insert_with(fresh).as_object_mut();
        entry.ok_or_else(|| {
            bad(format!("the entry of provider {} is not an object", shown(provider)))
        })
    }
}

/// Whether the entry is a token itself.
fn signs_in(entry: &Map<String, Value>) -> bool {
    let told = entry.get("authType").and_then(Value::as_str);
    told.is_some_and(|told| OAUTH.contains(&told))
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

/// The older form, turned into the newer.
fn modern(old: Map<String, Value>) -> Result<Map<String, Value>, Fault> {
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

/// A provider's id in an error, unless it looks like a key that stands in the wrong place.
fn shown(provider: &str) -> String {
    if check_provider(provider).is_ok() && provider.len() <= SHOWN_LENGTH_MAX {
        format!("\"{provider}\"")
    } else {
        "(not shown, for it may be a key)".to_owned()
    }
}

fn check_provider(provider: &str) -> Result<(), Fault> {
    let parsed: Result<ProviderId, _> = provider.parse();
    parsed.map(drop).map_err(|bad| nonsense(bad.to_string()))
}

/// A key goes into a header.
fn check_key(key: &Secret) -> Result<(), Fault> {
    let text = key.expose();
    let length = (1..=KEY_LENGTH_MAX).contains(&text.len());
    if length && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    Err(nonsense("a key is 1 to 4096 visible ASCII characters without spaces"))
}

fn place(error: &serde_json::Error) -> String {
    format!("look at line {}, column {}", error.line(), error.column())
}

/// The text cannot be used.
fn bad(words: impl AsRef<str>) -> Fault {
    let words = words.as_ref();
    nonsense(format!("the key pool cannot be used, and is left as it is: {words}"))
}

fn nonsense(words: impl Into<String>) -> Fault {
    Fault::Nonsense { service: SERVICE, words: words.into() }
}

#[cfg(test)]
mod tests;
