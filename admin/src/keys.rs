//! The key pool, by fingerprints. No answer ever holds a key.

use axum::Json;
use axum::extract::{Path, State};
use events::{Event, KeyPrint, Secret};

use crate::api::{KeyChanged, KeyList, KeyRequest};
use crate::{Api, Refusal};

const SOURCE: &str = "/admin/keys";

/// The longest key; the longest known (a service account's JSON) is under 4 KiB.
const KEY_LENGTH_MAX: usize = 8 * 1024;

type Answer<T> = Result<Json<T>, Refusal>;

pub(crate) async fn list(State(api): Api) -> Answer<KeyList> {
    Ok(Json(KeyList { keys: api.keys.list().await? }))
}

pub(crate) async fn add(State(api): Api, Json(request): Json<KeyRequest>) -> Answer<KeyChanged> {
    let provider = check_provider(request.provider)?;
    let key = request.key.trim();
    let printable = key.chars().all(|c| c.is_ascii_graphic());
    if key.is_empty() || key.len() > KEY_LENGTH_MAX || !printable {
        let why = "a key is 1 to 8192 visible ASCII characters without spaces";
        return Err(Refusal::bad(why, "paste the key alone"));
    }
    let (key, changed) = api.keys.add(&provider, Secret::new(key)).await?;
    if changed {
        let event = Event::KeyAdded { provider, key: key.clone() };
        let fact = api.bus.envelope(SOURCE, None, None, event);
        api.bus.journal().record(&[fact]).await?;
    }
    Ok(Json(KeyChanged { key, changed }))
}

pub(crate) async fn remove(
    State(api): Api,
    Path((provider, key)): Path<(String, String)>,
) -> Answer<KeyChanged> {
    let provider = check_provider(provider)?;
    let key = KeyPrint(key);
    let changed = api.keys.remove(&provider, &key).await?;
    if !changed {
        let what = format!("provider {provider} has no key with this fingerprint");
        return Err(Refusal::missing(what, "look at teamclaw keys list"));
    }
    let event = Event::KeyRemoved { provider, key: key.clone() };
    let fact = api.bus.envelope(SOURCE, None, None, event);
    api.bus.journal().record(&[fact]).await?;
    Ok(Json(KeyChanged { key, changed }))
}

fn check_provider(provider: String) -> Result<String, Refusal> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=64).contains(&provider.len()) && provider.chars().all(inner) {
        return Ok(provider);
    }
    Err(Refusal::bad("a provider's id is 1 to 64 of a-z, 0-9 and -", "for example: anthropic"))
}
