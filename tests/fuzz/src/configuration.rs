//! Files and variables that people write, on one machine and in their homes. The first byte says
//! which. Whatever they hold: nothing panics, the locks hold, laying a layer twice is laying it
//! once, and no error tells a secret.

use std::sync::{LazyLock, Mutex, PoisonError};

use agent::Settings;
use events::Secret;
use events::merge::{check as check_layer, difference, merge};
use local::Local;
use ports::{Fault, Keys};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::scratch;

/// What stands in an input where a secret would be.
const KEY: &str = "KEY";
/// The secret that is put there: as long as keys are, and nothing else in an input is.
const CANARY: &str = "sk-canary-0123456789abcdef0123456789abcdef";
/// The part of it that nothing may show.
const SECRET_PART: &str = "0123456789abcdef";
/// The header by which the agent of these tests knows its router.
const PASS: &str = "x-teamclaw-00112233445566778899aabbccddeeff";

/// Checks one input.
pub fn check(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    let Ok(text) = str::from_utf8(rest) else { return };
    let text = text.replace(KEY, CANARY);
    match kind {
        b'l' => layers(&text),
        b'k' => key_pool(&text),
        b'e' => environment(&text),
        _ => {}
    }
}

/// The administrator's layer and the person's, a line of JSON each.
fn layers(text: &str) {
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).ok());
    let (Some(Some(admin)), own) = (lines.next(), lines.next()) else { return };
    let own = own.flatten().unwrap_or_else(|| json!({}));
    laid_twice_is_laid_once(&admin, &own);
    let Ok(settings) = Settings::from_env(&|name| variable(name)) else {
        panic!("the settings of this test are good");
    };
    let Ok(config) = agent::configure(&settings, &admin, &own) else {
        assert!(check_layer(&admin).is_err() || check_layer(&own).is_err());
        return;
    };
    the_locks_hold(&config);
    // A start that finds what the last one wrote, untouched, writes it again.
    let trusted = agent::configure::trusted(&settings, &admin).expect("the layer is good");
    let found = agent::configure::own_changes(&trusted, &config).expect("it was written by us");
    let again = agent::configure(&settings, &admin, &found).expect("it was written by us");
    assert_eq!(config, again, "a start changes what nobody changed");
}

fn laid_twice_is_laid_once(lower: &Value, upper: &Value) {
    let Ok(merged) = merge(lower, upper) else {
        assert!(check_layer(lower).is_err() || check_layer(upper).is_err());
        return;
    };
    let mut size = [count(lower), count(upper), count(&merged)];
    size[0] += size[1];
    assert!(size[2] <= size[0], "it grows");
    if let Ok(twice) = merge(&merged, upper) {
        assert_eq!(merged, twice);
    }
    // A `null` within an object cannot be told from an absent key.
    let to = without_nulls(lower);
    if let (Value::Object(_), Ok(back)) = (upper, merge(upper, &difference(upper, &to))) {
        assert_eq!(without_nulls(&back), to, "what changed is not what changed");
    }
}

fn the_locks_hold(config: &Value) {
    let at = |path: &str| config.pointer(path).cloned().unwrap_or_default();
    assert_eq!(at("/gateway/bind"), json!("loopback"));
    assert_eq!(at("/gateway/port"), json!(18_789));
    assert_eq!(at("/gateway/auth/trustedProxy/userHeader"), json!(PASS));
    assert_eq!(at("/gateway/auth/password"), Value::Null);
    assert_eq!(at("/gateway/trustedProxies"), json!(["127.0.0.1"]));
    assert_eq!(at("/plugins/entries/admin-http-rpc/enabled"), json!(true));
    assert_eq!(at("/models/mode"), json!("replace"));
    let providers = at("/models/providers");
    for (id, provider) in providers.as_object().expect("an object") {
        let base = provider["baseUrl"].as_str().unwrap_or_default();
        assert!(base.starts_with("http://127.0.0.1:7071/"), "{id} leads past the sidecar");
        assert_eq!(provider["apiKey"]["source"], json!("env"), "{id} has a key of its own");
    }
    assert!(!has_key(config, "$include"), "another file is pulled in");
}

/// `keys.json` as an administrator writes it.
fn key_pool(text: &str) {
    static POOL: LazyLock<Mutex<Pool>> = LazyLock::new(|| Mutex::new(Pool::open()));
    let pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    pool.holds(text);
}

struct Pool {
    runtime: Runtime,
    local: Local,
}

impl Pool {
    fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let directory = scratch::directory().join("pool");
        Self { runtime, local: Local::open(&directory).expect("a fresh directory") }
    }

    fn holds(&self, text: &str) {
        let file = self.local.directory().join("keys.json");
        let fresh = self.local.directory().join("keys.json.new");
        std::fs::write(&fresh, text).expect("written");
        std::fs::rename(&fresh, &file).expect("put in place");
        let keys = self.local.keys();
        let kept = match self.runtime.block_on(keys.list()) {
            Ok(_) => self.runtime.block_on(add_and_remove(&*keys)),
            Err(fault) => Err(fault),
        };
        if let Err(fault) = kept {
            let shown = format!("{fault} {fault:?} {:?}", fault.reason());
            assert!(!shown.contains(SECRET_PART), "a secret is told: {shown}");
            assert_eq!(std::fs::read_to_string(&file).expect("there"), text, "it was changed");
        }
    }
}

/// A key that joins is there, and gone when it leaves; the others stay.
async fn add_and_remove(keys: &dyn Keys) -> Result<(), Fault> {
    let before = keys.list().await?;
    let secret = "sk-joins-and-leaves";
    let (print, fresh) = keys.add("anthropic", Secret::new(secret)).await?;
    let with = keys.of("anthropic").await?;
    assert!(with.iter().any(|key| key.secret.matches(secret)));
    assert!(keys.remove("anthropic", &print).await?);
    let after = keys.list().await?;
    let stays = |info: &&ports::KeyInfo| info.provider != "anthropic" || info.key != print;
    let before: Vec<_> = before.iter().filter(stays).collect();
    assert!(fresh || before.len() < after.len() + 2);
    assert_eq!(before, after.iter().collect::<Vec<_>>());
    Ok(())
}

/// The variables that a start depends on, one a line, over good ones.
fn environment(text: &str) {
    let given = |name: &str| {
        let line = text.lines().find_map(|line| line.split_once('=').filter(|(n, _)| *n == name));
        line.map_or_else(|| variable(name), |(_, value)| Some(value.to_owned()))
    };
    match Settings::from_env(&given) {
        Ok(settings) => {
            let config = agent::configure(&settings, &json!({}), &json!({})).expect("no layers");
            assert_eq!(config["gateway"]["port"], json!(settings.port));
        }
        Err(problems) => {
            let shown = format!("{problems} {problems:?}");
            assert!(!shown.contains(SECRET_PART), "a secret is told: {shown}");
        }
    }
}

/// A good environment.
fn variable(name: &str) -> Option<String> {
    let value = match name {
        "TEAMCLAW_WORKSPACE" => "amina",
        "TEAMCLAW_PORT" => "18789",
        "TEAMCLAW_HOME" => "/srv/homes/amina",
        "TEAMCLAW_TOKEN" => "tc_0123",
        "TEAMCLAW_PASS" => PASS,
        "TEAMCLAW_SIDECAR" => "http://127.0.0.1:7071",
        "TEAMCLAW_ORIGINS" => "http://127.0.0.1:7700",
        "TEAMCLAW_RUNTIME" => "/srv/runtime",
        _ => return None,
    };
    Some(value.to_owned())
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Object(map) => 1 + map.values().map(count).sum::<usize>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}

fn has_key(value: &Value, key: &str) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| has_key(item, key)),
        Value::Object(map) => map.contains_key(key) || map.values().any(|item| has_key(item, key)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Without the keys whose value is `null`; in lists everything stays.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(_, item)| !item.is_null())
            .map(|(key, item)| (key.clone(), without_nulls(item)))
            .collect(),
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            value.clone()
        }
    }
}
