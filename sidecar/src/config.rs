//! What a composition root tells the sidecar: where providers are, and by which names it is called.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use serde::Deserialize;
use thiserror::Error;

use crate::pool::Strategy;
use crate::providers;
use crate::target::path_byte;

/// The sidecar's configuration.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Provider id → base URL, for those that are not where the provider itself serves them:
    /// `https://gateway.acme.example/anthropic`, or `http://127.0.0.1:9000`. Plain http only to a
    /// loopback address.
    pub upstreams: BTreeMap<String, String>,
    /// Names in lower case and without port by which clients call the sidecar, besides
    /// `localhost` and loopback addresses.
    pub host_names: Vec<String>,
    /// Where usage is kept until the ledger has it.
    pub keep: Keep,
    /// What becomes of a request whose usage cannot be kept.
    pub when_full: WhenFull,
    /// How the keys of a provider are shared out.
    pub strategy: Strategy,
    /// For how long what the pool's store said is believed, less or more by a tenth and for an
    /// hour at the most. Zero, as on one machine: the store is asked for each request, so that a
    /// removed key is out at once.
    pub keys_believed: Duration,
}

/// Where usage is kept until the ledger has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// In memory: a process that is killed loses the last quarter of a second, and what was under
    /// way. For tests.
    #[default]
    Memory,
    /// In a directory for this sidecar alone, which it makes if there is none.
    Directory(PathBuf),
}

/// What becomes of a request whose usage cannot be kept, because the disk refuses or the bound on
/// what waits for the ledger is hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// It is refused, in the provider's own error shape.
    #[default]
    Refuse,
    /// It goes on, and is counted as far as memory and luck allow.
    CountAndGoOn,
}

/// A configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadConfig {
    /// No provider has this id.
    #[error("there is no provider {0:?}: known are anthropic and openai")]
    UnknownProvider(String),
    /// The URL cannot be used.
    #[error("the base URL of {provider} cannot be used: {why}")]
    BadUrl {
        /// The provider's id.
        provider: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The TLS library refused to start.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The directory for usage cannot be used.
    #[error("usage cannot be kept in {}: {why}", directory.display())]
    Unfit {
        /// Which.
        directory: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// Where each provider is.
#[derive(Clone, Debug)]
pub(crate) struct Upstreams {
    bases: BTreeMap<&'static str, String>,
    /// Hosts that the configuration names; they may be private.
    pub(crate) named: BTreeSet<String>,
}

impl Upstreams {
    /// The table, with what the configuration says put over it.
    pub(crate) fn new(config: &Config) -> Result<Self, BadConfig> {
        let mut bases: BTreeMap<&str, String> =
            providers::ALL.iter().map(|p| (p.id, p.base.to_owned())).collect();
        let mut named = BTreeSet::new();
        for (id, url) in &config.upstreams {
            let provider =
                providers::find(id).ok_or_else(|| BadConfig::UnknownProvider(id.clone()))?;
            let bad = |why| BadConfig::BadUrl { provider: id.clone(), why };
            let (base, host) = parse(url).map_err(bad)?;
            bases.insert(provider.id, base);
            named.insert(host);
        }
        Ok(Self { bases, named })
    }

    /// The place of a path of a provider.
    pub(crate) fn place(&self, provider: &str, path: &str, query: Option<&str>) -> Option<Uri> {
        let base = self.bases.get(provider)?;
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        Uri::try_from(format!("{base}{path}{query}")).ok()
    }
}

/// A base without a trailing slash, and its host.
fn parse(url: &str) -> Result<(String, String), &'static str> {
    let base = url.strip_suffix('/').unwrap_or(url);
    let uri: Uri = base.parse().map_err(|_| "it is not a URL")?;
    let authority = uri.authority().ok_or("it has no host")?;
    if authority.as_str().contains('@') {
        return Err("it holds a user or a password");
    }
    if uri.query().is_some() || base.contains('#') {
        return Err("it has a query or a fragment");
    }
    let dotted = uri.path().split('/').any(|s| !s.is_empty() && s.bytes().all(|b| b == b'.'));
    if dotted
        || uri.path().contains("//") && uri.path() != "/"
        || !uri.path().bytes().all(path_byte)
    {
        return Err("its path is odd");
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let loopback = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match uri.scheme_str() {
        Some("https") => Ok((base.to_owned(), host)),
        Some("http") if loopback => Ok((base.to_owned(), host)),
        Some("http") => Err("plain http goes only to a loopback address such as 127.0.0.1"),
        _ => Err("it must begin with https://"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(url: &str) -> Result<Upstreams, BadConfig> {
        let upstreams = [("openai".to_owned(), url.to_owned())].into();
        Upstreams::new(&Config { upstreams, ..Config::default() })
    }

    #[test]
    fn a_base_may_be_elsewhere_but_plain_http_only_on_this_machine() {
        for (url, place) in [
            ("https://gateway.acme.example/llm/", "https://gateway.acme.example/llm/v1/responses"),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000/v1/responses"),
            ("http://[::1]:9000", "http://[::1]:9000/v1/responses"),
        ] {
            let upstreams = with(url).expect("good");
            let uri = upstreams.place("openai", "/v1/responses", None).expect("a place");
            assert_eq!(uri.to_string(), place);
        }
        for url in [
            "",
            "api.openai.com",
            "ftp://x",
            "http://api.openai.com",
            "http://10.0.0.1",
            "http://localhost.evil.example",
            "http://localhost:1",
            "https://u:p@x",
            "https://x?a=b",
            "https://x/../y",
            "https://x/%2e%2e",
            "https://x#y",
            "file:///etc/passwd",
        ] {
            assert!(with(url).is_err(), "{url:?}");
        }
    }

    #[test]
    fn an_unknown_provider_is_a_mistake_and_not_ignored() {
        let upstreams = [("opnai".to_owned(), "https://x".to_owned())].into();
        let config = Config { upstreams, ..Config::default() };
        assert!(matches!(Upstreams::new(&config), Err(BadConfig::UnknownProvider(_))));
    }
}
