//! What every OpenClaw of ours begins with, and what nobody below us may change. Pure.
//!
//! Defaults and locks live side by side here, so that a reader sees which is which. The facts
//! behind each are in FACTS.md. It must not read files, nor know where a layer came from.

use events::merge::{find, lock};
use serde_json::{Map, Value, json};

use crate::environment::TOKEN_VARIABLE;
use crate::offer::Provider;
use crate::settings::Settings;
use crate::{ENGINE_USER, PERSON_SCOPES};

/// The plugin by which the engine asks an agent whether it is busy and when it wants to wake.
const ENGINE_PLUGIN: &str = "admin-http-rpc";

/// Models to choose from at first: provider, id, name. Whoever wants others names them in the
/// administrator's layer, or one by `model`.
const MODELS: [(&str, &str, &str); 15] = [
    ("anthropic", "claude-sonnet-4-6", "Claude Sonnet 4.6"),
    ("anthropic", "claude-opus-4-8", "Claude Opus 4.8"),
    ("anthropic", "claude-haiku-4-5", "Claude Haiku 4.5"),
    ("anthropic-token", "claude-sonnet-4-6", "Claude Sonnet 4.6 (subscription)"),
    ("openai", "gpt-5.6-sol", "GPT-5.6 Sol"),
    ("openai", "gpt-5.6-luna", "GPT-5.6 Luna"),
    ("google", "gemini-3.8-flash", "Gemini 3.8 Flash"),
    ("google", "gemini-2.5-pro", "Gemini 2.5 Pro"),
    ("openrouter", "openrouter/auto", "OpenRouter's choice"),
    ("mistral", "mistral-large-latest", "Mistral Large"),
    ("together", "moonshotai/Kimi-K3", "Kimi K3"),
    ("groq", "openai/gpt-oss-120b", "GPT-OSS 120B"),
    ("xai", "grok-4-latest", "Grok 4"),
    ("deepseek", "deepseek-chat", "DeepSeek Chat"),
    ("fireworks", "accounts/fireworks/models/kimi-k2p7-code", "Kimi K2.7 Code"),
];

/// Providers whose models here all take pictures.
const SEEING: [&str; 4] = ["anthropic", "anthropic-token", "openai", "google"];

/// Context window and longest answer in tokens, of the providers whose models here agree in them.
const WINDOWS: [(&str, u32, u32); 3] = [
    ("anthropic", 200_000, 64_000),
    ("anthropic-token", 200_000, 64_000),
    ("openai", 400_000, 128_000),
];

/// The fields of a provider that an admin may set; the rest would lead past the sidecar, carry a
/// key into the person's home, or start a program.
const PROVIDER_FIELDS: [&str; 5] = ["api", "models", "maxTokens", "timeoutSeconds", "params"];

/// What only the admin may say anything about.
pub(crate) const TRUSTED_ONLY: [&str; 2] = ["gateway", "models"];

/// The lowest layer: what an agent is like when nobody said anything.
pub(crate) fn defaults(settings: &Settings) -> Value {
    json!({
        "gateway": {
            "controlUi": { "enabled": true, "communityInvite": false, "automaticallyFetchFavicons": false },
            "terminal": { "enabled": false },
        },
        "models": { "providers": providers(settings) },
        "agents": { "defaults": {
            "model": { "primary": settings.model },
            // An agent that takes a turn every half hour by itself would never be idle.
            "heartbeat": { "every": "0m" },
        } },
        // Both would wake the workspace and spend money although nobody asked for anything.
        "plugins": { "entries": { "memory-core": { "config": { "dreaming": { "enabled": false } } } } },
        "skills": { "workshop": { "autonomous": { "mode": "off" } } },
    })
}

fn providers(settings: &Settings) -> Value {
    let mut providers = Map::new();
    for Provider { id, api, .. } in &settings.offered {
        let known = MODELS.iter().filter(|(provider, ..)| provider == id);
        let mut models: Vec<Value> =
            known.map(|(_, model, name)| listed(id, model, name)).collect();
        // A chosen model that is new to us is listed as well, or OpenClaw would not know it.
        if let Some((_, model)) = settings.model.split_once('/').filter(|(of, _)| of == id)
            && !models.iter().any(|listed| listed["id"] == model)
        {
            models.push(json!({ "id": model, "name": model, "input": ["text", "image"] }));
        }
        providers.insert(id.clone(), json!({ "api": api, "models": models }));
    }
    Value::Object(providers)
}

fn listed(provider: &str, id: &str, name: &str) -> Value {
    let mut model = json!({ "id": id, "name": name, "input": ["text"] });
    if SEEING.contains(&provider) {
        model["input"] = json!(["text", "image"]);
    }
    if let Some((_, context, answer)) = WINDOWS.iter().find(|(of, ..)| *of == provider) {
        model["reasoning"] = json!(true);
        model["contextWindow"] = json!(context);
        model["maxTokens"] = json!(answer);
    }
    model
}

/// Puts everything back that nobody may change. `trusted` is the configuration without the
/// person's own layer: what it says of the gateway and the models holds as a whole.
pub(crate) fn lock_all(settings: &Settings, trusted: &Value, config: &mut Value) {
    for whole in TRUSTED_ONLY {
        lock(config, &[whole], trusted.get(whole).cloned());
    }
    lock_gateway(settings, config);
    lock_models(settings, config);
    lock_plugins(config);
    let log = settings.home.join(".openclaw/logs/openclaw.log");
    for (path, value) in [
        // Nothing may call out by itself.
        (&["telemetry"][..], json!({ "enabled": false })),
        (&["update"], json!({ "checkOnStart": false, "auto": { "enabled": false } })),
        (&["discovery"], json!({ "mdns": { "mode": "off" } })),
        (&["env", "shellEnv"], json!({ "enabled": false })),
        (&["logging", "file"], json!(log)),
    ] {
        lock(config, path, Some(value));
    }
    // Where the token's reference leads must not be redefined.
    lock(config, &["secrets", "providers", "default"], None);
    lock(config, &["secrets", "defaults"], None);
}

fn lock_gateway(settings: &Settings, config: &mut Value) {
    let pass = settings.pass.expose();
    let person = settings.workspace.as_str();
    let scopes: Vec<&str> = PERSON_SCOPES.split(',').collect();
    let auth = json!({
        "mode": "trusted-proxy",
        "identityScopes": { person: scopes, ENGINE_USER: ["operator.admin"] },
        "trustedProxy": {
            "userHeader": pass,
            "requiredHeaders": [pass],
            "allowUsers": [person, ENGINE_USER],
            "allowLoopback": true,
            // The front door has logged the person in; a second pairing would only be in the way.
            "deviceAutoApprove": { "enabled": true, "scopes": scopes },
        },
    });
    let endpoint = |config: &Value, name: &str| {
        let mut endpoint = find(config, &["gateway", "http", "endpoints", name])
            .filter(|value| value.is_object())
            .cloned()
            .unwrap_or_else(|| json!({}));
        lock(&mut endpoint, &["enabled"], Some(json!(true)));
        Some(endpoint)
    };
    let chat = endpoint(config, "chatCompletions");
    let responses = endpoint(config, "responses");
    for (path, value) in [
        (&["mode"][..], Some(json!("local"))),
        (&["port"], Some(json!(settings.port))),
        (&["bind"], Some(json!("loopback"))),
        (&["customBindHost"], None),
        (&["remote"], None),
        (&["tls"], None),
        (&["tailscale"], Some(json!({ "mode": "off" }))),
        (&["trustedProxies"], Some(json!(["127.0.0.1"]))),
        (&["allowRealIpFallback"], Some(json!(false))),
        (&["auth"], Some(auth)),
        (&["controlUi", "allowedOrigins"], Some(json!(settings.origins))),
        (&["controlUi", "dangerouslyAllowHostHeaderOriginFallback"], None),
        (&["controlUi", "dangerouslyDisableDeviceAuth"], None),
        (&["http", "endpoints", "chatCompletions"], chat),
        (&["http", "endpoints", "responses"], responses),
    ] {
        let path: Vec<&str> = std::iter::once("gateway").chain(path.iter().copied()).collect();
        lock(config, &path, value);
    }
}

fn lock_models(settings: &Settings, config: &mut Value) {
    lock(config, &["models", "mode"], Some(json!("replace")));
    lock(config, &["models", "catalogRefresh"], Some(json!({ "enabled": false })));
    let given = find(config, &["models", "providers"]).cloned().unwrap_or_default();
    let mut providers = Map::new();
    for (id, provider) in given.as_object().into_iter().flatten() {
        let mut kept: Map<String, Value> = provider
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(field, _)| PROVIDER_FIELDS.contains(&field.as_str()))
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect();
        let known = settings.offered.iter().find(|offered| offered.id == *id);
        let path = known.map_or_else(|| format!("/{id}"), |offered| offered.path.clone());
        kept.insert("baseUrl".into(), json!(format!("{}{path}", settings.sidecar)));
        kept.insert("apiKey".into(), token_reference());
        for model in kept.get_mut("models").and_then(Value::as_array_mut).into_iter().flatten() {
            lock(model, &["baseUrl"], None);
            lock(model, &["headers"], None);
        }
        providers.insert(id.clone(), Value::Object(kept));
    }
    lock(config, &["models", "providers"], Some(Value::Object(providers)));
}

/// The token by the name of its variable. As plain text OpenClaw's doctor would copy it into its own
/// store, from where it wins over the configuration of every later generation (seen; FACTS.md).
fn token_reference() -> Value {
    json!({ "source": "env", "provider": "default", "id": TOKEN_VARIABLE })
}

fn lock_plugins(config: &mut Value) {
    lock(config, &["plugins", "enabled"], Some(json!(true)));
    lock(config, &["plugins", "entries", ENGINE_PLUGIN], Some(json!({ "enabled": true })));
    let plugins = &mut config["plugins"];
    if let Some(deny) = plugins.get_mut("deny").and_then(Value::as_array_mut) {
        deny.retain(|id| id != ENGINE_PLUGIN);
    }
    // An allow-list that is empty allows all, as OpenClaw reads it.
    if let Some(allow) = plugins.get_mut("allow").and_then(Value::as_array_mut)
        && !allow.is_empty()
        && !allow.iter().any(|id| id == ENGINE_PLUGIN)
    {
        allow.push(json!(ENGINE_PLUGIN));
    }
}
