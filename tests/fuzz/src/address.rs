//! A request's method and target, on two lines: whatever is served goes to the provider's own host,
//! to a path without any trick in it. And a third line as a `Host` header.

use http::Method;

use crate::fuzzing;

/// Where the table's providers are.
const HOSTS: [&str; 12] = [
    "https://api.anthropic.com/",
    "https://api.openai.com/",
    "https://chatgpt.com/",
    "https://generativelanguage.googleapis.com/",
    "https://openrouter.ai/",
    "https://api.mistral.ai/",
    "https://api.together.xyz/",
    "https://api.groq.com/",
    "https://api.x.ai/",
    "https://api.deepseek.com/",
    "https://api.fireworks.ai/",
    "https://own.example/",
];

/// Checks one input.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.splitn(3, '\n');
    let method = lines.next().unwrap_or_default();
    let target = lines.next().unwrap_or_default();
    host(lines.next().unwrap_or_default());
    for method in [Method::from_bytes(method.as_bytes()).unwrap_or(Method::POST), Method::GET] {
        let Some((id, uri)) = fuzzing::address(&method, target) else { continue };
        assert!(fuzzing::providers().any(|known| known == id), "{id}");
        assert!(target.starts_with(&format!("/{id}/")), "{target} is served as {id}");
        let host = HOSTS.iter().find(|host| uri.starts_with(**host)).expect("a provider's host");
        let place = &uri[host.len() - 1..];
        let (path, query) = place.split_once('?').unwrap_or((place, ""));
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        assert!(segments.iter().all(|s| s.bytes().any(|b| b != b'.')), "{uri}");
        let escapes = path.replace("%3A", "").replace("%3a", "");
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_.:@".contains(&b);
        assert!(escapes.bytes().all(plain), "{uri}");
        assert!(!query.split('&').any(|pair| pair.starts_with("key=")), "{uri}");
    }
}

/// Only this machine's own names.
fn host(host: &str) {
    if !fuzzing::is_this_host(host) {
        return;
    }
    let small = host.to_ascii_lowercase();
    let ours = ["localhost", "127.", "["].iter().any(|begin| small.starts_with(begin));
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".:[]".contains(&b);
    assert!(ours && small.bytes().all(plain), "{host}");
}
