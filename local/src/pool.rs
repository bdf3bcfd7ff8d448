//! The key pool's text: the original's JSON format, read in both of its forms.
//!
//! `{"providers":{"anthropic":{"authType":"apiKey","keys":["…"]}}}`, and the older
//! `{"anthropic":["…"]}`, which the first change turns into the newer. Fields that we do not know
//! stay as they are. Nothing here touches a file, and no error tells a key.
//!
//! Two fields of ours may stand beside `keys`, both by fingerprint, as `teamclaw keys list` shows
//! it: `"groups":{"acme":["0123456789ab"]}` names keys that share their provider's limits, and
//! `"weights":{"0123456789ab":3}` gives a key a larger share.

use events::{KeyPrint, ProviderId, Secret, token::key_print};
use ports::{Fault, KeyInfo, PoolKey};
use serde_json::{Map, Value, json};

/// As an operator knows it.
pub(crate) const SERVICE: &str = "key pool";
/// The longest key: it goes into a header.
const KEY_LENGTH_MAX: usize = 4_096;
/// The longest provider id that an error shows: longer than those of all known providers, shorter
/// than any key that somebody put in the place of one.
const SHOWN_LENGTH_MAX: usize = 24;
/// The largest share of a key beside one of share 1.
const WEIGHT_MAX: u64 = 1_000;
/// The `authType` of a provider whose credential is a token of its own; its `keys` count for
/// nothing.
const OAUTH: &str = "oauthToken";

/// The pool, in the newer form. No `Debug`: it holds keys.
#[derive(Clone, PartialEq)]
pub(crate) struct Pool(Map<String, Value>);

impl Pool {
    /// Reads the text of the file; an empty object is an empty pool.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
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
    pub(crate) fn empty() -> Self {
        Self(Map::from_iter([("providers".to_owned(), json!({}))]))
    }

    /// The text for the file.
    pub(crate) fn text(&self) -> Result<String, Fault> {
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
            let keys = entry.get("keys").map(|keys| keys.as_array().map(Vec::as_slice));
            let keys = keys.unwrap_or(Some(&[]));
            if !keys.is_some_and(|keys| keys.iter().all(Value::is_string)) {
                return Err(bad(format!(
                    "the keys of provider {} are not a list of texts",
                    shown(provider)
                )));
            }
            check_limits(entry)
                .map_err(|what| bad(format!("provider {}: {what}", shown(provider))))?;
        }
        Ok(())
    }

    /// The keys of a provider, in order.
    pub(crate) fn of(&self, provider: &str) -> Vec<PoolKey> {
        let entry = self.providers().and_then(|providers| providers.get(provider));
        let usable = entry.filter(|entry| entry.get("authType").is_none_or(|auth| auth != OAUTH));
        let keys = usable.and_then(|entry| entry.get("keys")).and_then(Value::as_array);
        let keys = keys.into_iter().flatten().filter_map(Value::as_str);
        keys.map(|key| {
            let key = PoolKey::new(Secret::new(key));
            let (group, weight) = (group(entry, &key.print), weight(entry, &key.print));
            PoolKey { group, weight, ..key }
        })
        .collect()
    }

    /// Every key, without its text.
    pub(crate) fn list(&self) -> Vec<KeyInfo> {
        let providers = self.providers().into_iter().flat_map(Map::keys);
        let lines = providers.flat_map(|provider| {
            let keys = self.of(provider).into_iter();
            keys.map(|key| KeyInfo { provider: provider.clone(), key: key.print })
        });
        lines.collect()
    }

    /// Adds a key at the end; gives its fingerprint and whether it was new.
    pub(crate) fn add(&mut self, provider: &str, key: &Secret) -> Result<(KeyPrint, bool), Fault> {
        check_provider(provider)?;
        check_key(key)?;
        let (text, print) = (key.expose(), key_print(key));
        if self.of(provider).iter().any(|known| known.secret.matches(text)) {
            return Ok((print, false));
        }
        let entry = self.entry(provider)?;
        if entry.get("authType").is_some_and(|auth| auth == OAUTH) {
            return Err(nonsense(format!(
                "provider \"{provider}\" signs in with a token of its own; remove that entry first"
            )));
        }
        let keys = entry.entry("keys").or_insert_with(|| json!([])).as_array_mut();
        keys.ok_or_else(|| bad("keys are not a list"))?.push(Value::String(text.to_owned()));
        Ok((print, true))
    }

    /// Removes a key by its fingerprint; gives whether it was there.
    pub(crate) fn remove(&mut self, provider: &str, key: &KeyPrint) -> Result<bool, Fault> {
        if !self.of(provider).iter().any(|known| known.print == *key) {
            return Ok(false);
        }
        let keys = self.entry(provider)?.get_mut("keys").and_then(Value::as_array_mut);
        let keys = keys.ok_or_else(|| bad("keys are not a list"))?;
        keys.retain(|known| {
            known.as_str().is_none_or(|text| key_print(&Secret::new(text)) != *key)
        });
        Ok(true)
    }

    /// Puts keys at the beginning, in their order; those that are there already stay where they are.
    pub(crate) fn put_first(&mut self, provider: &str, keys: Vec<String>) -> Result<(), Fault> {
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
    pub(crate) fn text_of(&self, part: &str) -> Option<&Value> {
        self.0.get(part)
    }

    /// All of the text.
    pub(crate) fn root(&mut self) -> &mut Map<String, Value> {
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

/// The group that a provider's entry puts a key in; the first one, should it be in several.
fn group(entry: Option<&Value>, key: &KeyPrint) -> Option<String> {
    let groups = entry?.get("groups")?.as_object()?;
    let holds = |prints: &Value| {
        prints.as_array().is_some_and(|prints| prints.iter().any(|print| *print == key.0))
    };
    groups.iter().find(|(_, prints)| holds(prints)).map(|(name, _)| name.clone())
}

/// A key's share; 1 unless the entry says another.
fn weight(entry: Option<&Value>, key: &KeyPrint) -> u32 {
    let told = entry.and_then(|entry| entry.get("weights")?.get(&key.0)?.as_u64());
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
pub(crate) fn check_key(key: &Secret) -> Result<(), Fault> {
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
pub(crate) fn bad(words: impl AsRef<str>) -> Fault {
    let words = words.as_ref();
    nonsense(format!("keys.json cannot be used, and is left as it is: {words}"))
}

fn nonsense(words: impl Into<String>) -> Fault {
    Fault::Nonsense { service: SERVICE, words: words.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prints(pool: &Pool, provider: &str) -> Vec<String> {
        pool.of(provider).iter().map(|key| key.secret.expose().to_owned()).collect()
    }

    #[test]
    fn the_older_form_is_read_and_written_as_the_newer() {
        let mut pool = Pool::parse(r#"{"openai":["k1"]}"#).expect("a pool");
        pool.add("openai", &Secret::new("k2")).expect("added");
        let text = pool.text().expect("text");
        assert!(text.contains("\"providers\"") && text.contains("\"authType\": \"apiKey\""));
        assert_eq!(prints(&Pool::parse(&text).expect("a pool"), "openai"), ["k1", "k2"]);
    }

    #[test]
    fn fields_that_nobody_here_knows_stay() {
        let text = r#"{"note":1,"providers":{"x":{"keys":["k"],"region":"eu"}}}"#;
        let mut pool = Pool::parse(text).expect("a pool");
        pool.add("x", &Secret::new("l")).expect("added");
        let written: Value = serde_json::from_str(&pool.text().expect("text")).expect("JSON");
        assert_eq!(written, json!({"note":1,"providers":{"x":{"keys":["k","l"],"region":"eu"}}}));
    }

    #[test]
    fn a_provider_with_a_token_of_its_own_has_no_keys_and_gets_none() {
        let text = r#"{"providers":{"x":{"authType":"oauthToken","token":"t","keys":["k"]}}}"#;
        let mut pool = Pool::parse(text).expect("a pool");
        assert!(pool.of("x").is_empty());
        assert!(pool.add("x", &Secret::new("l")).is_err());
    }

    #[test]
    fn a_key_has_the_group_and_the_weight_that_stand_beside_it() {
        let print = key_print(&Secret::new("k")).0;
        let text = json!({"providers":{"x":{"keys":["k","l"],
            "groups":{"acme":[print]},"weights":{print.clone():3}}}});
        let keys = Pool::parse(&text.to_string()).expect("a pool").of("x");
        assert_eq!((keys[0].group.as_deref(), keys[0].weight), (Some("acme"), 3));
        assert_eq!((keys[1].group.as_deref(), keys[1].weight), (None, 1));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_text() {
        for broken in [
            "{\"providers\":{\"x\":{\"keys\":[\"sk-secret\"]}}",
            "[\"sk-secret\"]",
            "{\"providers\":{\"x\":\"sk-secret\"}}",
            "{\"providers\":{\"x\":{\"keys\":[\"sk-secret\",1]}}}",
            "{\"x\":\"sk-secret\"}",
            "{\"x\":[\"sk-secret\",{}]}",
            // The key in the place of the provider.
            "{\"sk-secret-0123456789abcdef\":\"anthropic\"}",
            "{\"providers\":{\"sk-secret-0123456789abcdef\":\"anthropic\"}}",
            "{\"providers\":{\"sk-secret-0123456789ABC\":{\"keys\":\"anthropic\"}}}",
            "{\"providers\":\"sk-secret\"}",
            "{\"providers\":{\"x\":{\"groups\":[\"sk-secret\"]}}}",
            "{\"providers\":{\"x\":{\"groups\":{\"sk-secret\":\"sk-secret\"}}}}",
            "{\"providers\":{\"x\":{\"weights\":{\"sk-secret\":0}}}}",
            "{\"providers\":{\"x\":{\"weights\":{\"sk-secret\":1001}}}}",
        ] {
            let fault = Pool::parse(broken).err().expect("broken");
            assert!(!format!("{fault} {fault:?}").contains("sk-secret"), "{fault}");
            assert!(fault.to_string().contains("left as it is"), "{fault}");
        }
    }
}
